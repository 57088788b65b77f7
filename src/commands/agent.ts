/**
 * agent: dump files to the topic until it is told to stop (0) or only a person can help (1). With --listen it serves its
 * own metrics and its liveness; without, it opens no port.
 */
import { Context, Effect, Layer } from "effect"
import { Agent } from "../agent/Agent.ts"
import type { AgentConfig } from "../Config.ts"
import { type Address, formatAddress } from "../config/Kind.ts"
import { get, type Route, replyText } from "../http/Route.ts"
import { Server } from "../http/Server.ts"
import { logging } from "../Logging.ts"
import { selfMetricsRoute } from "../pod/SelfMetricsRoute.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import { KafkaTransport } from "../transport/kafka/KafkaTransport.ts"
import { version } from "../version.ts"
import { shutdownDeadline } from "./Deadline.ts"
import type { Program } from "./Program.ts"

const shutdownExtra = 20_000

/** Alive is an agent that can look at some dump file; why it cannot is in the answer. */
const aliveRoute = (uselessness: () => string | undefined): Route =>
  get("/healthz", "alive or not, and why not", ({ response }) => {
    const reason = uselessness()
    return replyText(response, reason === undefined ? 200 : 503, reason ?? "ok")
  })

const ownServer = (listen: Address, uselessness: () => string | undefined) =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const routes = [selfMetricsRoute(metrics), aliveRoute(uselessness)]
    const server = yield* Layer.build(Server.layer({ listen, routes, draining: () => false, onClosed: () => {} }))
    const { address } = yield* Effect.provide(Server, server)
    yield* Effect.logInfo(`listening on http://${formatAddress(address)}/self/metrics`)
  })

export const agent = (config: AgentConfig): Program =>
  Effect.gen(function* () {
    yield* shutdownDeadline("agent", config.agent.shutdownTimeout + shutdownExtra)
    for (const warning of config.connection.warnings) yield* Effect.logWarning(warning)
    yield* Effect.logInfo(
      `kafka2prom ${version}: ${config.agent.dumps.join(" ")} to topic ${config.agent.topic}, brokers ${config.connection.kafka.brokers.join(",")}`
    )
    let uselessness = (): string | undefined => undefined
    if (config.listen !== undefined) yield* ownServer(config.listen, () => uselessness())
    const context = yield* Layer.build(Agent.layer(config.agent))
    const { failed, status } = Context.get(context, Agent)
    uselessness = () => status().uselessness
    return yield* failed
  }).pipe(
    Effect.catchTag(["AgentFailed", "ServerError"], (error) => Effect.as(Effect.logError(error.message), 1)),
    Effect.onInterrupt(() => Effect.logInfo("stopped")),
    Effect.scoped,
    Effect.provide(Layer.mergeAll(KafkaTransport.layer(config.connection.kafka), SelfMetrics.layerAgent)),
    Effect.provide(logging(config.log))
  )
