/**
 * agent: dump files to the topic until it is told to stop (0) or only a person can help (1). With --listen it serves its
 * own metrics, its status and its liveness; without, it opens no port.
 */
import { Context, Effect, Layer } from "effect"
import { Agent, type AgentStatus } from "../agent/Agent.ts"
import { dryRun } from "../agent/DryRun.ts"
import { statusRoute } from "../agent/StatusRoute.ts"
import { shownUrl } from "../agent/scrape/ScrapeTarget.ts"
import type { AgentConfig } from "../Config.ts"
import { type Address, formatAddress } from "../config/Kind.ts"
import { indexRoute } from "../http/IndexRoute.ts"
import { get, type Route, replyText } from "../http/Route.ts"
import { Server } from "../http/Server.ts"
import { logging } from "../Logging.ts"
import { selfMetricsRoute } from "../pod/SelfMetricsRoute.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import { KafkaTransport } from "../transport/kafka/KafkaTransport.ts"
import { version } from "../version.ts"
import { shutdownDeadline } from "./Deadline.ts"
import { ignoreHangup } from "./Hangup.ts"
import type { Program } from "./Program.ts"

const shutdownExtra = 20_000

/** Alive is an agent that can look at some dump file; why it cannot is in the answer. */
const aliveRoute = (uselessness: () => string | undefined): Route =>
  get("/healthz", "alive or not, and why not", ({ response }) => {
    const reason = uselessness()
    return replyText(response, reason === undefined ? 200 : 503, reason ?? "ok")
  })

const ownServer = (listen: Address, status: () => AgentStatus | undefined) =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const surface = [statusRoute(status), selfMetricsRoute(metrics), aliveRoute(() => status()?.uselessness)]
    const routes = [indexRoute("kafka2prom agent", surface), ...surface]
    const server = yield* Layer.build(Server.layer({ listen, routes, draining: () => false, onClosed: () => {} }))
    const { address } = yield* Effect.provide(Server, server)
    yield* Effect.logInfo(`listening on http://${formatAddress(address)}/self/metrics`)
  })

/** Nothing is sent; 1 where something of what was named would not be sent, or not be shown whole. */
const dry = (config: AgentConfig): Program =>
  Effect.map(dryRun(config.agent), ({ text, isWell }) => {
    process.stdout.write(text)
    return isWell ? 0 : 1
  })

export const agent = (config: AgentConfig): Program => (config.dryRun ? dry(config) : sending(config))

const sending = (config: AgentConfig): Program =>
  Effect.gen(function* () {
    yield* shutdownDeadline("agent", config.agent.shutdownTimeout + shutdownExtra)
    yield* ignoreHangup
    for (const warning of config.connection.warnings) yield* Effect.logWarning(warning)
    yield* Effect.logInfo(
      `kafka2prom ${version}: ${[...config.agent.dumps, ...config.agent.staticDumps, ...config.agent.targets.map(({ url }) => shownUrl(url))].join(" ")} to topic ${config.agent.topic}, brokers ${config.connection.kafka.brokers.join(",")}`
    )
    let status = (): AgentStatus | undefined => undefined
    if (config.listen !== undefined) yield* ownServer(config.listen, () => status())
    const agent = Context.get(yield* Layer.build(Agent.layer(config.agent)), Agent)
    status = agent.status
    return yield* agent.failed
  }).pipe(
    Effect.catchTag(["AgentFailed", "ServerError"], (error) => Effect.as(Effect.logError(error.message), 1)),
    Effect.onInterrupt(() => Effect.logInfo("stopped")),
    Effect.scoped,
    Effect.provide(Layer.mergeAll(KafkaTransport.layer(config.connection.kafka), SelfMetrics.layerAgent)),
    Effect.provide(logging(config.log))
  )
