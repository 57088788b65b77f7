/**
 * agent: dump files, endpoints and log files to their topics until it is told to stop (0) or only a person can help (1). With --listen it serves its
 * own metrics, its status and its liveness; without, it opens no port.
 */
import { Context, Effect, Layer } from "effect"
import { Agent, type AgentStatus } from "../agent/Agent.ts"
import type { AgentFailed } from "../agent/AgentFailed.ts"
import { hasMetrics } from "../agent/AgentOptions.ts"
import { dryRun } from "../agent/DryRun.ts"
import { findLogs, reportLogs } from "../agent/log/LogDryRun.ts"
import { LogMetrics } from "../agent/log/LogMetrics.ts"
import type { LogStatus } from "../agent/log/LogStatus.ts"
import { startTailing } from "../agent/log/LogTailing.ts"
import { statusRoute } from "../agent/StatusRoute.ts"
import { shownUrl } from "../agent/scrape/ScrapeTarget.ts"
import type { AgentConfig } from "../Config.ts"
import { formatAddress } from "../config/Kind.ts"
import { openGate } from "../http/Gate.ts"
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

/** Alive is an agent that can look at some file; why it cannot is in the answer. */
const aliveRoute = (uselessness: () => string | undefined): Route =>
  get("/healthz", "alive or not, and why not", ({ response }) => {
    const reason = uselessness()
    return replyText(response, reason === undefined ? 200 : 503, reason ?? "ok")
  })

const ownServer = (
  { listen, webConfigFile, browserHosts }: AgentConfig["http"] & {},
  status: () => AgentStatus | undefined,
  logs: () => LogStatus | undefined
) =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const surface = [statusRoute(status, logs), selfMetricsRoute(metrics), aliveRoute(() => status()?.uselessness)]
    const routes = [indexRoute("kafka2prom agent", surface), ...surface]
    const gate = yield* openGate({ webConfigFile, browserHosts, onRefused: () => {} })
    const options = { listen, routes, gate, option: "--listen", draining: () => false, onClosed: () => {} } as const
    const server = yield* Layer.build(Server.layer(options))
    const { address, scheme } = Context.get(server, Server)
    yield* Effect.logInfo(`listening on ${scheme}://${formatAddress(address)}/self/metrics`)
  })

/** Nothing is sent; 1 where something of what was named would not be sent, or not be shown whole. */
const dry = ({ agent: options, logs }: AgentConfig): Program =>
  Effect.gen(function* () {
    const found = [
      ...(hasMetrics(options) || logs === undefined ? [yield* dryRun(options)] : []),
      ...(logs === undefined ? [] : [reportLogs(yield* findLogs(logs), logs)])
    ]
    for (const { text } of found) process.stdout.write(text)
    return found.every(({ isWell }) => isWell) ? 0 : 1
  })

export const agent = (config: AgentConfig): Program => (config.dryRun ? dry(config) : sending(config))

const what = ({ agent, logs }: AgentConfig): string => {
  const { dumps, staticDumps, targets, topic } = agent
  const metrics = [...dumps, ...staticDumps, ...targets.map(({ url }) => shownUrl(url))].join(" ")
  return [
    ...(hasMetrics(agent) ? [`${metrics} to topic ${topic}`] : []),
    ...(logs === undefined ? [] : [`lines of ${logs.globs.join(" ")} to topic ${logs.topic}`])
  ].join(", ")
}

const sending = (config: AgentConfig): Program =>
  Effect.gen(function* () {
    const { agent: options, connection, http, logs } = config
    yield* shutdownDeadline("agent", options.shutdownTimeout + shutdownExtra)
    yield* ignoreHangup
    for (const warning of connection.warnings) yield* Effect.logWarning(warning)
    yield* Effect.logInfo(`kafka2prom ${version}: ${what(config)}, brokers ${connection.kafka.brokers.join(",")}`)
    let status = (): AgentStatus | undefined => undefined
    let logStatus = (): LogStatus | undefined => undefined
    if (http !== undefined)
      yield* ownServer(
        http,
        () => status(),
        () => logStatus()
      )
    const failures: Array<Effect.Effect<never, AgentFailed>> = []
    if (hasMetrics(options)) {
      const agent = Context.get(yield* Layer.build(Agent.layer(options)), Agent)
      status = agent.status
      failures.push(agent.failed)
    }
    if (logs !== undefined) {
      const metrics = new LogMetrics(yield* SelfMetrics)
      const tailing = yield* startTailing(logs, connection.kafka, (now) => metrics.note(now))
      logStatus = tailing.status
      failures.push(tailing.failed)
    }
    return yield* Effect.raceAllFirst(failures)
  }).pipe(
    Effect.catchTag(["AgentFailed", "ServerError"], (error) => Effect.as(Effect.logError(error.message), 1)),
    Effect.onInterrupt(() => Effect.logInfo("stopped")),
    Effect.scoped,
    Effect.provide(Layer.mergeAll(KafkaTransport.layer(config.connection.kafka), SelfMetrics.layerAgent)),
    Effect.provide(logging(config.log))
  )
