/** A pod's own metrics: by Prometheus' conventions, there at zero before anything happens, and on their page. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { metricsPage } from "../../build/metricsDoc.ts"
import { MetricsCache } from "../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../src/metrics/cache/MetricsProcessor.ts"
import { refreshGauges, refreshThread } from "../../src/pod/shards/EngineGauges.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../support/passing.ts"
import { startShardPod } from "../support/shardPod.ts"
import { describeWith } from "../support/tools.ts"
import { ask, fakePod } from "./fakePod.ts"

const { passUntil, passing } = passingBy(50)

/** Of a pod that owns a partition and answers HTTP; nothing has happened to it yet. */
const quietPod = Effect.gen(function* () {
  const log = yield* EmbeddedLog
  yield* log.createTopic("metrics", 1)
  const pod = yield* startShardPod("a")
  yield* Layer.build(MetricsProcessor.layer(MetricsProcessor.defaultMetricsOptions)).pipe(
    Effect.provide(Layer.merge(MetricsCache.layer, Layer.succeed(SelfMetrics, pod.metrics)))
  )
  yield* passUntil("it was told where the log ends", () => pod.engine.status().partitions[0]?.lag === 0)
  refreshGauges(pod.metrics, pod.engine.status())
  refreshThread(pod.metrics, 0, pod.engine.status())
  return pod
})

/** Their codes are others'. */
const open = new Set(["k2p_archive_store_errors_total"])
/** Of parts that are not in this pod: an assignor's own, threads, and partitions of an archive. */
const elsewhere = (name: string): boolean =>
  name.startsWith("k2p_archive_") ||
  [
    "k2p_worker_restarts_total",
    "k2p_http_connections_closed_total",
    "k2p_http_refused_total",
    "k2p_scrapes_total"
  ].includes(name)

describe("a pod's own metrics", () => {
  it.effect("count from zero: every counter with labels is there before its first event", () =>
    Effect.gen(function* () {
      const pod = yield* quietPod
      const text = yield* Effect.promise(() => pod.metrics.text())
      const counters = [...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name!)
      assert.isAbove(counters.length, 15)
      const missing = counters.filter(
        (name) => !open.has(name) && !elsewhere(name) && !new RegExp(`^${name}[{ ]`, "m").test(text)
      )
      assert.deepStrictEqual(missing, [])
      yield* passing(pod.stop)
    }).pipe(Effect.provide(EmbeddedLog.layer({ nodes: 1 })), Effect.scoped)
  )

  it.effect("tell lag in records and seconds, and how old that is", () =>
    Effect.gen(function* () {
      const pod = yield* quietPod
      const text = yield* Effect.promise(() => pod.metrics.text())
      const of = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "m").exec(text)?.[1])
      assert.strictEqual(of("k2p_partition_lag_records"), 0)
      assert.isBelow(of("k2p_partition_lag_seconds"), 10)
      assert.isBelow(of("k2p_partition_lag_age_seconds"), 10)
      assert.isAbove(of("k2p_worker_heap_limit_bytes"), of("k2p_worker_heap_bytes"))
      yield* passing(pod.stop)
    }).pipe(Effect.provide(EmbeddedLog.layer({ nodes: 1 })), Effect.scoped)
  )

  it("are on their page, which is made of the code (npm run docs:metrics)", async () => {
    assert.strictEqual(readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8"), await metricsPage())
  })
})

describeWith(["promtool"], "a pod's own metrics, by Prometheus' conventions", () => {
  it.live("pass promtool check metrics, with those of the process", () =>
    Effect.gen(function* () {
      const pod = yield* fakePod()
      const own = yield* Effect.promise(() => ask(`${pod.base}/self/metrics`))
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
        input: own.body.toString(),
        encoding: "utf8"
      })
      assert.deepStrictEqual([stdout, stderr, status], ["", "", 0])
    }).pipe(Effect.scoped)
  )
})
