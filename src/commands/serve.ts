/**
 * serve: one pod on Kafka until it is told to stop (0) or its shards give up (1). What goes wrong later than the
 * settings is one clear line in the log; unreachable brokers are not that: the pod stays up, unready, and tries on.
 */
import { Effect, Layer } from "effect"
import type { ServeConfig } from "../Config.ts"
import { logging } from "../Logging.ts"
import { runPod } from "../pod/Pod.ts"
import { inThisThread } from "../pod/shards/Shards.ts"
import { metricsParts } from "../pod/shards/WorkerSettings.ts"
import { metricsWorkers } from "../pod/shards/Workers.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import { KafkaTransport } from "../transport/kafka/KafkaTransport.ts"
import { version } from "../version.ts"
import { shutdownDeadline } from "./Deadline.ts"
import { ignoreHangup } from "./Hangup.ts"
import type { Program } from "./Program.ts"

/** Beyond the session timeout, which bounds the evictions: the last commit, the leave, the last answers. */
const shutdownExtra = 20_000

/** What each choice of `--timestamps` means to whoever sets up the Prometheus. */
const timestampsMean: Readonly<Record<ServeConfig["metrics"]["timestamps"], string>> = {
  event:
    "samples carry the time of their dump; Prometheus needs track_timestamps_staleness: true to end at once what is gone, which it shows for five minutes otherwise",
  scrape:
    "samples carry no time and get that of the scrape; what is gone ends at once, rates over only a few dumps swing by whole dumps"
}

export const serve = (config: ServeConfig): Program => {
  const { connection, engine, workers } = config
  const { kafka } = connection
  const pod = { ...config, version }
  return Effect.gen(function* () {
    yield* shutdownDeadline("serve", engine.sessionTimeout + shutdownExtra)
    yield* ignoreHangup
    for (const warning of connection.warnings) yield* Effect.logWarning(warning)
    yield* Effect.logInfo(
      `kafka2prom ${version}: group ${engine.group}, topics ${engine.topics.join(",")}, brokers ${kafka.brokers.join(",")}, ${workers === 1 ? "1 worker" : `${workers} workers`}`
    )
    const { timestamps } = config.metrics
    yield* Effect.logInfo(`timestamps ${timestamps}: ${timestampsMean[timestamps]} (docs/rate.md)`)
    return yield* workers === 1
      ? runPod(pod, inThisThread(engine, metricsParts(config)))
      : runPod(pod, metricsWorkers({ ...config, kafka }, workers))
  }).pipe(
    Effect.catchTag(["EngineFailed", "ServerError"], (error) => Effect.as(Effect.logError(error.message), 1)),
    Effect.onInterrupt(() => Effect.logInfo("left the group, stopped")),
    Effect.scoped,
    Effect.provide(Layer.mergeAll(KafkaTransport.layer(kafka), SelfMetrics.layer)),
    Effect.provide(logging(config.log))
  )
}
