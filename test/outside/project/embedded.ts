/** A pod of metrics without a server, for the servers beside: as docs/extending.md has it. Arguments: brokers, topic, name. */
import { Effect, Layer } from "effect"
import {
  defaultEngineOptions,
  type EmbeddedPod,
  inThisThread,
  KafkaTransport,
  MetricsProcessor,
  metricsApp,
  metricsParts,
  openPod,
  SelfMetrics
} from "kafka2prom"

const [brokers = "", topic = "", name = ""] = process.argv.slice(2)

/** Serves until the pod cannot go on, or the process is told to end. */
export const served = <E, R>(serve: (pod: EmbeddedPod) => Effect.Effect<number, E, R>) =>
  Effect.gen(function* () {
    const shards = inThisThread(metricsApp, metricsParts, {
      engine: { ...defaultEngineOptions, group: "embedded", topics: [topic], clientId: name, sessionTimeout: 6_000 },
      backpressure: { strategy: "pause", adaptiveLag: 0 },
      application: { ...MetricsProcessor.defaultMetricsOptions, expiry: 600_000 }
    })
    const pod = yield* openPod({ version: "1.0.0", adminToken: undefined, settings: [] }, metricsParts, shards)
    const port = yield* serve(pod)
    yield* Effect.sync(() => process.stderr.write(`listening on http://127.0.0.1:${port}\n`))
    return yield* pod.failed
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.merge(
        SelfMetrics.layer,
        KafkaTransport.layer({
          ...{ brokers: brokers.split(","), clientId: name },
          ...{ connectionTimeout: 10_000, requestTimeout: 30_000 }
        })
      )
    )
  )
