/**
 * MetricsProcessor: the partition's content as the scrape endpoint and the pod's metrics see it, on the test's clock.
 */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { type Batch, PartitionProcessor } from "../../../src/engine/PartitionProcessor.ts"
import { MetricsCache } from "../../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../../src/metrics/cache/MetricsProcessor.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { openingOf } from "../../../src/testing/TestOpening.ts"
import { linesOf, type Sent, toRecord } from "../records.ts"

const tp = { topic: "metrics", partition: 0 }
const key = "metrics/0"

const parts = (options: Partial<MetricsProcessor.MetricsOptions> = {}) =>
  MetricsProcessor.layer({ ...MetricsProcessor.defaultMetricsOptions, timestamps: "scrape", ...options }).pipe(
    Layer.provideMerge(Layer.merge(MetricsCache.layer, SelfMetrics.layerBare))
  )

const batch = (sent: ReadonlyArray<Sent>, from = 0, fence = 0): Batch => ({
  records: sent.map((s, i) => toRecord(from + i, s)),
  next: from + sent.length,
  fence
})

const visible = Effect.map(MetricsCache, (cache) => linesOf(cache.collect([key]).dumps))

const gauges = Effect.gen(function* () {
  const metrics = yield* SelfMetrics
  const value = async (gauge: { get: () => Promise<{ values: ReadonlyArray<{ value: number }> }> }) =>
    (await gauge.get()).values[0]?.value
  return yield* Effect.promise(async () => ({
    sources: await value(metrics.sources),
    series: await value(metrics.series),
    bytes: await value(metrics.cacheBytes)
  }))
})

const open = Effect.flatMap(PartitionProcessor, (processor) => processor.open(openingOf(tp)))

describe("MetricsProcessor", () => {
  it.effect("what is processed is visible at once, and counted", () =>
    Effect.gen(function* () {
      const processing = yield* open
      const metrics = yield* SelfMetrics
      assert.deepStrictEqual(yield* visible, [])
      yield* processing.process(
        batch([
          { v: "1.1", text: "a 1\nb 1\n" },
          { v: "1.1", text: "a 1\n" },
          { source: "t", text: "}{\n" }
        ])
      )
      assert.deepStrictEqual(yield* visible, ['a{instance="s"} 1', 'b{instance="s"} 1'])
      const { bytes, ...rest } = processing.status()
      assert.deepStrictEqual(rest, { sources: 1, series: 2 })
      assert.deepStrictEqual(yield* gauges, { sources: 1, series: 2, bytes })
      const text = yield* Effect.promise(() => metrics.registry.metrics())
      assert.include(text, "k2p_rounds_accepted_total 1\n")
      assert.include(text, 'k2p_rounds_ignored_total{reason="repeated"} 1\n')
      assert.include(text, 'k2p_records_refused_total{reason="syntax"} 1\n')
      assert.strictEqual(processing.committable(3), 3)
      assert.strictEqual(processing.lowest(3), 0)
    }).pipe(Effect.provide(parts()))
  )

  it.effect("when the Scope's close has returned nothing of the partition is left", () =>
    Effect.gen(function* () {
      const cache = yield* MetricsCache
      const scope = yield* Scope.make()
      const processing = yield* Scope.provide(open, scope)
      yield* processing.process(batch([{ v: "1.1", text: "a 1\n" }]))
      assert.isDefined(cache.get(key))
      assert.lengthOf(yield* visible, 1)
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(cache.get(key))
      assert.deepStrictEqual(yield* gauges, { sources: 0, series: 0, bytes: 0 })

      const next = yield* open
      assert.deepStrictEqual(yield* visible, [])
      yield* next.process(batch([{ v: "1.1", text: "a 1\n" }]))
      assert.lengthOf(yield* visible, 1)
    }).pipe(Effect.scoped, Effect.provide(parts()))
  )

  it.effect("an evicted partition's room goes to others", () =>
    Effect.gen(function* () {
      const processor = yield* PartitionProcessor
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(processor.open(openingOf({ topic: "metrics", partition: 1 })), scope)
      yield* one.process(batch([{ v: "1.1", text: "a 1\n" }]))
      const two = yield* open
      yield* two.process(batch([{ v: "1.1", text: "a 1\n" }]))
      assert.deepStrictEqual(yield* visible, [])
      yield* Scope.close(scope, Exit.void)
      yield* two.process(batch([{ v: "1.2", text: "a 2\n" }], 1))
      assert.deepStrictEqual(yield* visible, ['a{instance="s"} 2'])
    }).pipe(
      Effect.scoped,
      Effect.provide(parts({ limits: { ...MetricsProcessor.defaultMetricsOptions.limits, podSeries: 1 } }))
    )
  )

  it.effect("a silent source is hidden on time and freed soon after, though nobody scrapes or sends", () =>
    Effect.gen(function* () {
      const processing = yield* open
      yield* processing.process(batch([{ v: "1.1", text: "a 1\n" }]))
      yield* TestClock.adjust("90 seconds")
      assert.lengthOf(yield* visible, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* visible, [])
      assert.strictEqual(processing.status().series, 1)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(processing.status(), { sources: 0, series: 0, bytes: 0 })
      assert.deepStrictEqual(yield* gauges, { sources: 0, series: 0, bytes: 0 })
      const metrics = yield* SelfMetrics
      assert.include(yield* Effect.promise(() => metrics.registry.metrics()), "k2p_sources_expired_total 1\n")
    }).pipe(Effect.scoped, Effect.provide(parts()))
  )

  it.effect("a dropped record below the fence takes its source out", () =>
    Effect.gen(function* () {
      const processing = yield* open
      yield* processing.process(batch([{ v: "1.1", text: "a 1\n" }], 0, 10))
      const gap = processing.gap!()
      for (const record of batch([{ v: "1.2", text: "a 2\n" }], 1).records) gap.add(record)
      yield* gap.pass(2, 10)
      assert.deepStrictEqual(yield* visible, [])
      assert.strictEqual(processing.status().sources, 0)
    }).pipe(Effect.scoped, Effect.provide(parts()))
  )

  it.effect("a poison record does not stop the partition, the records around it are taken", () =>
    Effect.gen(function* () {
      const processing = yield* open
      const poison = [null, "\0", "a", "a{", 'a{b="', "# TYPE", "a 1 2 3", "\ufeffa 1", "a NaN NaN", "}{"]
      const sent = poison.map((text, i): Sent => ({ source: `p${i}`, mode: "snapshot", text }))
      yield* processing.process(
        batch([{ source: "first", v: "1.1", text: "a 1\n" }, ...sent, { source: "last", v: "1.1", text: "a 1\n" }])
      )
      const lines = yield* visible
      assert.include(lines, 'a{instance="first"} 1')
      assert.include(lines, 'a{instance="last"} 1')
    }).pipe(Effect.scoped, Effect.provide(parts()))
  )

  it.live("a large batch leaves the event loop its turns", () =>
    Effect.gen(function* () {
      const processing = yield* open
      const text = Array.from({ length: 20_000 }, (_, i) => `some_metric_name{label="${i}"} ${i}\n`).join("")
      const sent = Array.from({ length: 24 }, (_, i): Sent => ({ v: `1.${i}`, text }))
      // Each turn of the event loop in which this fiber runs is one that a scrape would have had.
      let turns = 0
      const done = yield* Deferred.make<void>()
      const other = yield* Effect.forkChild(
        Effect.gen(function* () {
          while (!(yield* Deferred.isDone(done))) {
            turns++
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          }
        }),
        { startImmediately: true }
      )
      const before = turns
      yield* processing.process(batch(sent))
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(other)
      assert.isAtLeast(turns - before, (24 * text.length) / (4 * 1024 * 1024))
      assert.lengthOf(yield* visible, 20_000)
    }).pipe(Effect.scoped, Effect.provide(parts()))
  )
})
