/**
 * Tap: what is told of a partition's rounds while the real processor takes its records, in which order, and what a tap that is slow or fails
 * does to the partition. Records are spoilt once they are processed, as the engine does when it frees them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Batch, PartitionProcessor, ProcessorError } from "../../../src/engine/PartitionProcessor.ts"
import { MetricsCache } from "../../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../../src/metrics/cache/MetricsProcessor.ts"
import { samples } from "../../../src/metrics/tap/Samples.ts"
import { type AcceptedRound, Tap, type Told } from "../../../src/metrics/tap/Tap.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { openingOf } from "../../../src/testing/TestOpening.ts"
import { linesOf, type Sent, spoil, toRecord } from "../records.ts"

const tp = { topic: "metrics", partition: 0 }
const key = "metrics/0"

const parts = (told: Told, options: Partial<MetricsProcessor.MetricsOptions> = {}) =>
  MetricsProcessor.layer({ ...MetricsProcessor.defaultMetricsOptions, timestamps: "scrape", ...options }).pipe(
    Layer.provideMerge(Layer.mergeAll(MetricsCache.layer, SelfMetrics.layerBare, Tap.layer(told), Logger.layer([])))
  )

const plan = { start: 0, fence: 0, committed: 0, logStart: 0, logEnd: 0, restarted: false, memo: "" }
const openFrom = (committed: number) =>
  Effect.flatMap(PartitionProcessor, (processor) => processor.open(openingOf(tp, { plan: { ...plan, committed } })))
const open = openFrom(0)

const batch = (sent: ReadonlyArray<Sent>, from = 0, fence = 0): Batch => ({
  records: sent.map((s, i) => toRecord(from + i, s)),
  next: from + sent.length,
  fence
})

/** The batch is processed; then its bytes are the next fetch's. */
const take = (processing: Effect.Success<typeof open>, given: Batch) =>
  Effect.andThen(
    processing.process(given),
    Effect.sync(() => given.records.forEach(spoil))
  )

const values = (round: AcceptedRound) => {
  const { changed, went } = round.changes()
  return [changed.map(({ series, value }) => `${series} ${value}`), went.map(({ series }) => series)]
}

/** All that it is told, as text. */
const listener = () => {
  const told: Array<unknown> = []
  return {
    told,
    name: "listener",
    round: (round: AcceptedRound) =>
      Effect.sync(() => {
        told.push([`${round.source} ${round.version}${round.replay ? " replay" : ""}`, ...values(round)])
      }),
    gone: ({ source, version }: { readonly source: string; readonly version: string }) =>
      Effect.sync(() => {
        told.push(`${source} ${version} gone`)
      })
  }
}

describe("a tap", () => {
  it.effect("is told of each round in the log's order: what changed, what went, and of sources that end", () => {
    const on = listener()
    return Effect.gen(function* () {
      const processing = yield* open
      const sent: ReadonlyArray<Sent> = [
        { v: "1.1", text: "a 1\nb 1\n" },
        { source: "t", v: "5.1", text: "c 1\n" },
        { v: "1.1", text: "a 9\n" },
        { v: "1.2", text: "a 2\nd 1\n" },
        { source: "t", v: "5.2", text: "}{\n" },
        { source: "t", v: "5.3", text: null }
      ]
      yield* take(processing, batch(sent))
      assert.deepStrictEqual(on.told, [
        ["s 1.1", ['a{instance="s"} 1', 'b{instance="s"} 1'], []],
        ["t 5.1", ['c{instance="t"} 1'], []],
        ["s 1.2", ['a{instance="s"} 2', 'd{instance="s"} 1'], ['b{instance="s"}']],
        "t 5.1 gone"
      ])
    }).pipe(Effect.scoped, Effect.provide(parts(on)))
  })

  it.effect("is told of a round in chunks once, when it is whole", () => {
    const on = listener()
    return Effect.gen(function* () {
      const processing = yield* open
      yield* take(processing, batch([{ v: "1.1", chunk: "1/2", text: "a 1\n" }]))
      assert.deepStrictEqual(on.told, [])
      yield* take(processing, batch([{ v: "1.1", chunk: "2/2", text: "b 1\n" }], 1))
      assert.deepStrictEqual(on.told, [["s 1.1", ['a{instance="s"} 1', 'b{instance="s"} 1'], []]])
    }).pipe(Effect.scoped, Effect.provide(parts(on)))
  })

  it.effect("in samples mode is told what each record brings, of a line that comes again the last", () => {
    const on = listener()
    return Effect.gen(function* () {
      const processing = yield* open
      yield* take(processing, batch([{ text: "a 1\nb 1\n" }, { text: "a 2\n" }, { text: "a 3\nc 1\na 4\n" }]))
      assert.deepStrictEqual(on.told, [
        ["s @0", ['a{instance="s"} 1', 'b{instance="s"} 1'], []],
        ["s @1", ['a{instance="s"} 2'], []],
        ["s @2", ['c{instance="s"} 1', 'a{instance="s"} 4'], []]
      ])
    }).pipe(Effect.scoped, Effect.provide(parts(on)))
  })

  it.effect("sees which rounds an earlier owner told to their end, and not merely may have shown", () => {
    const on = listener()
    return Effect.gen(function* () {
      const processing = yield* openFrom(1)
      yield* take(
        processing,
        batch(
          [
            { v: "1.1", text: "a 1\n" },
            { v: "1.2", text: "a 2\n" }
          ],
          0,
          2
        )
      )
      assert.deepStrictEqual(
        on.told.map((told) => (told as ReadonlyArray<unknown>)[0]),
        ["s 1.1 replay", "s 1.2"]
      )
    }).pipe(Effect.scoped, Effect.provide(parts(on)))
  })

  it.effect("is told when a source expires, though nothing is sent any more", () => {
    const on = listener()
    return Effect.gen(function* () {
      const processing = yield* open
      yield* take(processing, batch([{ v: "1.1", text: "a 1\n" }]))
      on.told.length = 0
      yield* TestClock.adjust("100 seconds")
      assert.deepStrictEqual(on.told, ["s 1.1 gone"])
    }).pipe(Effect.scoped, Effect.provide(parts(on)))
  })

  it.effect("holds up its batch, and no scrape: what is told is shown already, and the next round waits", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const told: Array<string> = []
      const slow: Told = {
        name: "slow",
        round: ({ version }) =>
          Effect.andThen(
            Effect.sync(() => void told.push(version)),
            Deferred.await(gate)
          )
      }
      yield* Effect.gen(function* () {
        const processing = yield* open
        const cache = yield* MetricsCache
        const taking = yield* Effect.forkChild(
          processing.process(
            batch([
              { v: "1.1", text: "a 1\n" },
              { v: "1.2", text: "a 2\n" }
            ])
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(told, ["1.1"])
        assert.isUndefined(taking.pollUnsafe())
        assert.deepStrictEqual(linesOf(cache.collect([key]).dumps), ['a{instance="s"} 1'])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(taking)
        assert.deepStrictEqual(told, ["1.1", "1.2"])
      }).pipe(Effect.scoped, Effect.provide(parts(slow)))
    })
  )

  it.effect("that fails, or throws, fails the batch in words; another incarnation is told again", () => {
    const told: Array<string> = []
    let mistakes: ReadonlyArray<Effect.Effect<void, unknown>> = [
      Effect.fail(new Error("the store is away")),
      Effect.suspend(() => {
        throw new Error("a bug")
      })
    ]
    const failing: Told = {
      name: "store",
      round: ({ version }) =>
        Effect.suspend(() => {
          told.push(version)
          const [first, ...rest] = mistakes
          mistakes = rest
          return first ?? Effect.void
        })
    }
    return Effect.gen(function* () {
      const said: Array<string> = []
      for (let i = 0; i < 3; i++) {
        const scope = yield* Scope.make()
        const processing = yield* Scope.provide(open, scope)
        const result = yield* Effect.result(
          take(
            processing,
            batch([
              { v: "1.1", text: "a 1\n" },
              { v: "1.2", text: "a 2\n" }
            ])
          )
        )
        if (result._tag === "Failure") {
          assert.instanceOf(result.failure, ProcessorError)
          said.push(result.failure.message)
        }
        yield* Scope.close(scope, Exit.void)
      }
      assert.deepStrictEqual(said, [
        `${key}: the tap store failed: the store is away`,
        `${key}: the tap store failed: a bug`
      ])
      assert.deepStrictEqual(told, ["1.1", "1.1", "1.1", "1.2"])
    }).pipe(Effect.provide(parts(failing)))
  })

  it.effect("is told nothing of a partition that leaves", () => {
    const on = listener()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const processing = yield* Scope.provide(open, scope)
      yield* take(processing, batch([{ v: "1.1", text: "a 1\n" }]))
      on.told.length = 0
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(on.told, [])
    }).pipe(Effect.provide(parts(on)))
  })

  it.effect("cannot keep a dump by mistake: asked for later it throws", () => {
    const rounds: Array<AcceptedRound> = []
    const keeping: Told = { name: "keeping", round: (round) => Effect.sync(() => void rounds.push(round)) }
    return Effect.gen(function* () {
      const processing = yield* open
      yield* take(processing, batch([{ v: "1.1", text: "a 1\n" }]))
      assert.throws(() => rounds[0]!.dump, /good only while it is told/)
      assert.strictEqual(rounds[0]!.version, "1.1")
    }).pipe(Effect.scoped, Effect.provide(parts(keeping)))
  })

  it.effect(
    "has the memory of a round and of the one before while it is told, whatever other partitions take meanwhile",
    () => {
      const lines = (value: number) => Array.from({ length: 2_000 }, (_, n) => `a${n} ${value + (n % 2)}\n`).join("")
      const seen: Array<unknown> = []
      let meanwhile: Effect.Effect<unknown, ProcessorError> = Effect.void
      const slow: Told = {
        name: "slow",
        round: (round) =>
          round.tp.partition !== 0 || round.version !== "1.3"
            ? Effect.void
            : Effect.andThen(
                meanwhile,
                Effect.sync(() => {
                  const { changed, went } = round.changes()
                  const before = [...samples(round.before!)].map(({ value }) => value)
                  seen.push(
                    changed.length,
                    went.length,
                    new Set(before),
                    new Set([...changed].map(({ value }) => value))
                  )
                })
              )
      }
      return Effect.gen(function* () {
        const processing = yield* open
        const processor = yield* PartitionProcessor
        const other = yield* processor.open(openingOf({ topic: "metrics", partition: 1 }))
        yield* take(processing, batch([1, 3].map((value, i) => ({ v: `1.${i + 1}`, text: lines(value) }))))
        const rounds = Array.from({ length: 6 }, (_, i) => ({ source: "t", v: `1.${i + 1}`, text: lines(7 + i) }))
        meanwhile = take(other, batch(rounds))
        yield* take(processing, batch([{ v: "1.3", text: lines(5) }], 2))
        assert.deepStrictEqual(seen, [2_000, 0, new Set([3, 4]), new Set([5, 6])])
      }).pipe(Effect.scoped, Effect.provide(parts(slow)))
    }
  )

  it.effect("stands beside others: each is told, in the order in which they were brought", () => {
    const told: Array<string> = []
    const named = (name: string): Told => ({
      name,
      round: ({ version }) => Effect.sync(() => void told.push(`${name} ${version}`))
    })
    const both = Tap.layer(named("second")).pipe(Layer.provideMerge(Tap.layer(named("first"))))
    return Effect.gen(function* () {
      const tap = yield* Tap
      assert.strictEqual(tap.name, "first, second")
      const processing = yield* open
      yield* take(processing, batch([{ v: "1.1", text: "a 1\n" }]))
      assert.deepStrictEqual(told, ["first 1.1", "second 1.1"])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        MetricsProcessor.layer(MetricsProcessor.defaultMetricsOptions).pipe(
          Layer.provideMerge(Layer.mergeAll(MetricsCache.layer, SelfMetrics.layerBare, both))
        )
      )
    )
  })
})
