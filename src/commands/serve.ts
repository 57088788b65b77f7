/**
 * serve: one pod of an application, on Kafka where it has no log of its own, until it is told to stop (0) or its shards give up (1). What goes wrong later than the
 * settings is one clear line in the log; unreachable brokers are not that: the pod stays up, unready, and tries on.
 */
import { Effect, Layer } from "effect"
import type { Table } from "../config/Setting.ts"
import { logging } from "../Logging.ts"
import type { App } from "../pod/App.ts"
import { runPod } from "../pod/Pod.ts"
import type { PodConfig } from "../pod/PodConfig.ts"
import { inThisThread } from "../pod/shards/Shards.ts"
import { onThreads } from "../pod/shards/Workers.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import { tracing } from "../Tracing.ts"
import { KafkaTransport } from "../transport/kafka/KafkaTransport.ts"
import { version } from "../version.ts"
import { shutdownDeadline } from "./Deadline.ts"
import { ignoreHangup } from "./Hangup.ts"
import type { Program } from "./Program.ts"

/** Beyond the session timeout, which bounds the evictions: the last commit, the leave, the last answers. */
const shutdownExtra = 20_000

export const serve = <S, T extends Table>(app: App<S, T>, config: PodConfig<S>): Program => {
  const { connection, engine, workers } = config
  const { kafka } = connection
  const pod = { ...config, version, ...(app.strategies === undefined ? {} : { strategies: app.strategies }) }
  return Effect.gen(function* () {
    yield* shutdownDeadline("serve", engine.sessionTimeout + shutdownExtra)
    yield* ignoreHangup
    for (const warning of connection.warnings) yield* Effect.logWarning(warning)
    const where = app.ownTransport === true ? "a log of its own" : `brokers ${kafka.brokers.join(",")}`
    yield* Effect.logInfo(
      `kafka2prom ${version}: group ${engine.group}, topics ${engine.topics.join(",")}, ${where}, ${workers === 1 ? "1 worker" : `${workers} workers`}`
    )
    for (const note of config.notes) yield* Effect.logInfo(note)
    const parts = yield* Effect.promise(() => app.load())
    return yield* workers === 1
      ? runPod(pod, parts, inThisThread(app, parts, config))
      : runPod(pod, parts, onThreads(app, parts, { ...config, kafka }, workers))
  }).pipe(
    Effect.catchTag(["EngineFailed", "ServerError"], (error) => Effect.as(Effect.logError(error.message), 1)),
    Effect.onInterrupt(() => Effect.logInfo("left the group, stopped")),
    Effect.scoped,
    Effect.provide(Layer.mergeAll(KafkaTransport.layer(kafka), SelfMetrics.layer)),
    Effect.provide(tracing(process.env)),
    Effect.provide(logging(config.log))
  )
}
