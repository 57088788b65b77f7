/**
 * turns: how much is worked off between two turns of the event loop, however large a record or a round is. Lines, names and bytes are
 * counted, not time; `test/bench/inProcess/turns.ts` prints the time.
 */
import { setImmediate as turn } from "node:timers/promises"
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import { PartitionProcessor } from "../../../src/engine/PartitionProcessor.ts"
import { mergingChunks } from "../../../src/metrics/cache/MergeChunks.ts"
import { MetricsCache } from "../../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../../src/metrics/cache/MetricsProcessor.ts"
import { Conformity } from "../../../src/metrics/read/Conformity.ts"
import { Resolving } from "../../../src/metrics/read/Families.ts"
import { LineParser } from "../../../src/metrics/read/LineParser.ts"
import { Reader } from "../../../src/metrics/read/Reader.ts"
import { portionOfLarge, readSnapshot } from "../../../src/metrics/read/Snapshot.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { openingOf } from "../../../src/testing/TestOpening.ts"
import { linesOf, type Sent, toRecord } from "../records.ts"

/** Lines that were read, of these new ones, and that were judged; names that were given a family. */
const kinds = ["read", "parsed", "judged", "placed"] as const
type Kind = (typeof kinds)[number]
const nothing = (): Record<Kind, number> => ({ read: 0, parsed: 0, judged: 0, placed: 0 })
/** Since the last turn. */
let done = nothing()

/** `so far`: what of the object grows with what is done; absent where each call is one. */
const counted: ReadonlyArray<readonly [object: object, method: string, kind: Kind, soFar?: (self: unknown) => number]> =
  [
    [Reader.prototype, "readOn", "read", (self) => (self as Reader).reading.count],
    [LineParser.prototype, "read", "parsed"],
    [Conformity.prototype, "add", "judged"],
    [Conformity.prototype, "addValue", "judged"],
    [Resolving.prototype, "place", "placed", (self) => (self as Resolving).placed]
  ]

const restore: Array<() => void> = []
beforeAll(() => {
  for (const [object, method, kind, soFar] of counted) {
    const methods = object as Record<string, (...args: Array<number>) => unknown>
    const real = methods[method]!
    methods[method] = function (this: unknown, ...args) {
      const before = soFar?.(this) ?? 0
      const result = real.apply(this, args)
      done[kind] += soFar === undefined ? 1 : soFar(this) - before
      return result
    }
    restore.push(() => {
      methods[method] = real
    })
  }
})
afterAll(() => {
  for (const back of restore) back()
})

const parts = MetricsProcessor.layer({ ...MetricsProcessor.defaultMetricsOptions, timestamps: "scrape" }).pipe(
  Layer.provideMerge(Layer.merge(MetricsCache.layer, SelfMetrics.layerBare))
)
const open = (partition: number) =>
  Effect.flatMap(PartitionProcessor, (processor) => processor.open(openingOf({ topic: "metrics", partition })))
const visible = (partition: number) =>
  Effect.map(MetricsCache, (cache) => linesOf(cache.collect([`metrics/${partition}`]).dumps))

/** The most of each kind that was done in one turn, while these records are processed, a batch each; and all of it. */
const worked = (sent: ReadonlyArray<Sent>, from = 0) =>
  Effect.gen(function* () {
    const processing = yield* open(0)
    return yield* workedBy(processing, sent, from)
  })

const workedBy = (processing: Effect.Success<ReturnType<typeof open>>, sent: ReadonlyArray<Sent>, from: number) =>
  Effect.gen(function* () {
    const [most, all] = [nothing(), nothing()]
    const note = (): void => {
      for (const kind of kinds) {
        most[kind] = Math.max(most[kind], done[kind])
        all[kind] += done[kind]
      }
      done = nothing()
    }
    done = nothing()
    let going = true
    const watch = (): void => {
      note()
      if (going) setImmediate(watch)
    }
    setImmediate(watch)
    for (const [k, each] of sent.entries()) {
      const record = toRecord(from + k, each)
      yield* processing.process({ records: [record], next: record.offset + 1, fence: 0 })
      yield* Effect.promise(() => turn())
    }
    going = false
    note()
    return { most, all }
  })

const padding = "x".repeat(100)
const count = 40_000
const line = (i: number, value: number): string => `m${i % 20}{a="${i}",b="${padding}"} ${value}\n`
const plain = (value: number): string => Array.from({ length: count }, (_, i) => line(i - (i % 2), value + i)).join("")
const ordinary = (value: number): string => Array.from({ length: count }, (_, i) => line(i, value)).join("")
const short = Array.from({ length: 2 * count }, (_, i) => `long_enough_${i} 1\n`).join("")
const families = (value: number): string =>
  Array.from({ length: count }, (_, i) => `# TYPE n${i} counter\nn${i}{b="${padding}"} ${value}\n`).join("")
const histograms = (value: number): string =>
  `# TYPE h histogram\n${Array.from({ length: count / 4 }, (_, i) => {
    const of = `a="${i}",b="${padding}"`
    return `h_bucket{${of},le="1"} ${value}\nh_bucket{${of},le="+Inf"} ${value}\nh_sum{${of}} 1\nh_count{${of}} ${value}\n`
  }).join("")}`

/** Lines of so many bytes in a portion; a turn may see the end of one slice and another. */
const bytesOfLine = 100
const atMost = {
  read: (2 * portionOfLarge.bytes) / bytesOfLine,
  parsed: 2 * portionOfLarge.items,
  judged: 2 * portionOfLarge.items,
  placed: 2 * portionOfLarge.items
}

const snapshot = (v: string, text: string): Sent => ({ v, text })

/** A round's chunks of less than a megabyte; the last one is small. */
const chunks = (v: string, text: string, head = ""): ReadonlyArray<Sent> => {
  const lines = text.split("\n").slice(0, -1)
  const size = 5_000
  const texts = Array.from({ length: Math.ceil(lines.length / size) }, (_, i) =>
    lines.slice(i * size, (i + 1) * size).join("\n")
  )
  texts.push("last 1")
  return texts.map((chunk, i) => ({ v, chunk: `${i + 1}/${texts.length}`, text: `${head}${chunk}\n` }))
}

describe("between two turns of the event loop", () => {
  const cases: ReadonlyArray<readonly [name: string, sent: ReadonlyArray<Sent>, read: number]> = [
    ["of a large record of ordinary lines", [snapshot("1.1", ordinary(1))], count],
    ["of the rounds after it", [1, 2, 3].map((r) => snapshot(`1.${r}`, ordinary(r))), 3 * count],
    ["of many families", [1, 2].map((r) => snapshot(`1.${r}`, families(r))), 2 * count],
    ["of a histogram", [1, 2].map((r) => snapshot(`1.${r}`, histograms(r))), 2 * count],
    ["of many short lines", [snapshot("1.1", short)], 2 * count],
    ["of lines that come twice", [snapshot("1.1", plain(1))], count],
    ["of samples", [1, 2].map((r): Sent => ({ text: ordinary(r) })), 2 * count],
    ["of a text of another mode", [{ text: ordinary(1) }, snapshot("1.1", ordinary(2))], 2 * count]
  ]
  for (const [name, sent, read] of cases)
    it.live(`only a portion is worked off ${name}`, () =>
      Effect.gen(function* () {
        const { most, all } = yield* worked(sent)
        // Known lines that a look ahead asked for are read once more.
        assert.isAtLeast(all.read, read)
        assert.isAtMost(all.read, 1.1 * read)
        for (const kind of kinds) assert.isAtMost(most[kind], atMost[kind], kind)
      }).pipe(Effect.scoped, Effect.provide(parts))
    )

  it.live("a record of a portion or less is worked off at once", () =>
    Effect.gen(function* () {
      const text = ordinary(1)
        .slice(0, 1000 * 1000)
        .replace(/[^\n]*$/, "")
      const { most, all } = yield* worked([snapshot("1.1", text)])
      assert.strictEqual(most.read, all.read)
    }).pipe(Effect.scoped, Effect.provide(parts))
  )

  it("some lines of a family that was cut into many chunks are compared", () => {
    const pages = chunks("1.1", histograms(1), "# TYPE h histogram\n").map(({ text }) => {
      const attach = { sourceLabel: "instance", source: "s", labels: [] }
      const how = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 } as const
      const page = readSnapshot(Buffer.from(text!), how, undefined)
      return "reason" in page ? assert.fail(page.detail) : page
    })
    let turns = 0
    for (const work = mergingChunks(pages, defaultParseLimits); work.next().done !== true; ) turns++
    assert.isAtLeast(turns, count / 600)
  })
})

describe("a large record", () => {
  it.live("comes to the same in slices, whatever other partitions read meanwhile", () =>
    Effect.gen(function* () {
      const [large, small] = [yield* open(0), yield* open(1)]
      const batch = (sent: Sent, offset: number) => ({ records: [toRecord(offset, sent)], next: offset + 1, fence: 0 })
      let going = true
      let taken = 0
      const other = yield* Effect.forkChild(
        Effect.gen(function* () {
          for (; going; taken++) {
            yield* small.process(
              batch({ source: "other", v: `1.${taken}`, text: `a{b="${taken}"} 1\nc 2\n${line(taken, 1)}` }, taken)
            )
            yield* Effect.promise(() => turn())
          }
        }),
        { startImmediately: true }
      )
      for (const [r, text] of [ordinary(1), `new 1\n${ordinary(2)}`, histograms(3)].entries()) {
        yield* large.process(batch(snapshot(`1.${r}`, text), r))
        const expected = text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))
        const attached = expected.map((each) =>
          each.replace(/\{(.*)\} /, '{$1,instance="s"} ').replace(/^new /, 'new{instance="s"} ')
        )
        // Not compared by what would print both.
        assert.isTrue((yield* visible(0)).join("\n") === attached.sort().join("\n"), `text ${r}`)
      }
      going = false
      yield* Fiber.join(other)
      assert.isAtLeast(taken, 30)
    }).pipe(Effect.scoped, Effect.provide(parts))
  )

  it.live("that is half read when its partition goes leaves nothing behind", () =>
    Effect.gen(function* () {
      const metrics = yield* SelfMetrics
      for (const turns of [1, 3, 9, 15]) {
        const scope = yield* Scope.make()
        const processing = yield* Scope.provide(open(0), scope)
        yield* workedBy(processing, [snapshot("1.1", "old 1\n")], 0)
        const record = toRecord(1, snapshot("1.2", ordinary(1)))
        const actor = yield* Effect.forkChild(processing.process({ records: [record], next: 2, fence: 0 }), {
          startImmediately: true
        })
        for (let k = 0; k < turns; k++) yield* Effect.promise(() => turn())
        assert.deepStrictEqual(yield* visible(0), ['old{instance="s"} 1'])
        assert.strictEqual(processing.committable(1), 1)
        assert.strictEqual(processing.lowest(1), 0)
        yield* Fiber.interrupt(actor)
        yield* Scope.close(scope, Exit.void)
        done.read = 0
        for (let k = 0; k < 5; k++) yield* Effect.promise(() => turn())
        assert.strictEqual(done.read, 0)
        assert.deepStrictEqual(processing.status(), { sources: 0, series: 0, bytes: 0 })
        const text = yield* Effect.promise(() => metrics.registry.metrics())
        for (const gauge of ["k2p_sources", "k2p_series"]) assert.include(text, `${gauge} 0\n`)
      }
    }).pipe(Effect.scoped, Effect.provide(parts))
  )

  it.live("completes a round of chunks to what it comes to at once", () =>
    Effect.gen(function* () {
      const round = chunks("1.1", histograms(1), "# TYPE h histogram\n")
      const { most } = yield* worked([...round, ...chunks("1.2", ordinary(2))])
      assert.isAtMost(most.read, 2 * 5_000)
      assert.lengthOf(yield* visible(0), count + 1)
    }).pipe(Effect.scoped, Effect.provide(parts))
  )
})
