/**
 * Budget: who is let in, who grows and who gives way where a pod or a partition is full; by itself, and as a scrape sees it.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { describe } from "vitest"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { Share } from "../../../src/metrics/cache/Share.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { linesOf, type Sent, toRecord } from "../records.ts"

const now = { wall: 0, mono: 0 }

/** Partitions of one pod by themselves, with what each source has. */
class Room {
  readonly pod: Budget
  readonly partitions: ReadonlyArray<Budget>
  readonly shares = new Map<string, Share>()
  readonly gaveWay: Array<string> = []

  constructor(series: number, partitionSeries = series, bytes = Number.POSITIVE_INFINITY) {
    this.pod = new Budget("pod", { series, bytes })
    const limit = { series: partitionSeries, bytes }
    this.partitions = [0, 1].map(() => new Budget("partition", limit, this.pod))
  }

  /** `name/partition` asks for so many series; false where it is refused. */
  ask(source: string, series: number, bytes = 0): boolean {
    const budget = this.partitions[Number(source.split("/")[1] ?? 0)]!
    const share = this.shares.get(source) ?? new Share(() => this.leave(source, true))
    if (budget.admit(share, series, bytes, now) !== undefined) {
      if (share.held) this.leave(source)
      return false
    }
    this.shares.set(source, share)
    return true
  }

  leave(source: string, displaced = false): void {
    const share = this.shares.get(source)
    if (share === undefined) return
    this.shares.delete(source)
    this.partitions[Number(source.split("/")[1] ?? 0)]!.remove(share)
    if (displaced) this.gaveWay.push(source)
  }

  /** Known: more than one round of it came. */
  known(source: string, series: number): this {
    assert.isTrue(this.ask(source, series) && this.ask(source, series), source)
    return this
  }
}

describe("a full pod", () => {
  it("lets a known source on another partition grow, whoever filled it", () => {
    const room = new Room(10_000).known("honest/0", 100).known("large/1", 9_900)
    assert.isFalse(room.ask("new/0", 1))
    assert.isTrue(room.ask("honest/0", 101))
    assert.isTrue(room.ask("honest/0", 1_100))
    assert.isFalse(room.ask("honest/0", 1_101))
    assert.deepStrictEqual(room.gaveWay, [])
  })

  it("who grew most beyond its quarter gives way when the reserve is used up, and not who grew less", () => {
    const room = new Room(10_000).known("honest", 100).known("large", 9_000)
    for (let i = 0; i < 9; i++) room.known(`small${i}`, 100)
    assert.isTrue(room.ask("large", 11_250))
    assert.isTrue(room.ask("small0", 300))
    assert.isTrue(room.ask("small1", 200))
    assert.isTrue(room.ask("honest", 110))
    assert.deepStrictEqual(room.gaveWay, ["small0"])
    assert.isFalse(room.ask("small2", 1_000))
  })

  it("no number of rounds makes a source larger than what it may grow to", () => {
    const room = new Room(10_000).known("large", 5_000).known("other", 4_999)
    assert.isTrue(room.ask("other", 5_001))
    let size = 5_000
    while (room.ask("large", size + 100)) size += 100
    assert.strictEqual(size, 6_200)
    // It is back when it fits, for what it had is others' now.
    assert.isFalse(room.ask("large", 5_000))
    assert.isTrue(room.ask("large", 4_900))
  })

  it("a newcomer takes a larger newcomer's place, and no known source's", () => {
    const room = new Room(1_000).known("known", 600)
    assert.isTrue(room.ask("first", 300))
    assert.isTrue(room.ask("second", 100))
    assert.isTrue(room.ask("third", 200))
    assert.deepStrictEqual(room.gaveWay, ["first"])
    assert.isFalse(room.ask("fourth", 400))
    assert.isTrue(room.ask("third", 200))
    assert.isFalse(room.ask("fourth", 150))
  })

  it("names the limit that was reached and its option", () => {
    const room = new Room(10, 5).known("a/0", 5)
    const refused = (partition: number, series: number, bytes: number) =>
      room.partitions[partition]!.admit(new Share(() => {}), series, bytes, now)
    const inPartition = refused(0, 1, 0)!
    assert.strictEqual(inPartition.reason, "partition-full")
    assert.include(inPartition.detail, "--max-partition-series is 5")
    room.known("b/1", 5)
    room.leave("a/0")
    room.known("c/0", 5)
    const bytes = new Room(10, 10, 100)
    const inPod = bytes.partitions[0]!.admit(new Share(() => {}), 1, 101, now)!
    assert.strictEqual(inPod.reason, "partition-full")
    const pod = new Budget("pod", { series: 3, bytes: 1e9 })
    const why = new Budget("partition", { series: 9, bytes: 1e9 }, pod).admit(new Share(() => {}), 4, 0, now)!
    assert.strictEqual(why.reason, "pod-full")
    assert.include(why.detail, "--max-pod-series is 3")
  })

  it("what is kept besides content keeps newcomers out, and nobody who is known", () => {
    const pod = new Budget("pod", { series: 1e9, bytes: 1000 })
    const partition = new Budget("partition", { series: 1e9, bytes: 1e9 }, pod)
    const known = new Share(() => assert.fail("it is known"))
    for (let i = 0; i < 2; i++) assert.isUndefined(partition.admit(known, 1, 500, now))
    partition.keep(600)
    assert.strictEqual(partition.admit(new Share(() => {}), 1, 100, now)?.reason, "pod-full")
    assert.isUndefined(partition.admit(known, 1, 510, now))
    partition.keep(-600)
    assert.isUndefined(partition.admit(new Share(() => {}), 1, 100, now))
  })

  it("holds at most a quarter more than its limit, and never refuses a known source its quarter", () => {
    const step = fc.record({
      source: fc.integer({ min: 0, max: 11 }),
      what: fc.constantFrom("ask", "ask", "quarter", "leave"),
      series: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 6_000 })),
      bytes: fc.integer({ min: 0, max: 600_000 })
    })
    let [gaveWay, refused, quarters] = [0, 0, 0]
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
        const room = new Room(10_000, 6_000, 1_500_000)
        for (const { source: n, what, series, bytes } of steps) {
          const source = `s${n}/${n % 2}`
          const share = room.shares.get(source)
          const before = new Map(
            [...room.shares].map(([name, s]) => [
              name,
              s.excess("series") <= 0 && s.excess("bytes") <= 0 && !s.newcomer
            ])
          )
          room.gaveWay.length = 0
          if (what === "leave") room.leave(source)
          else if (what === "ask") refused += room.ask(source, series, bytes) ? 0 : 1
          else if (share !== undefined) {
            quarters++
            assert.isTrue(room.ask(source, Math.floor(1.25 * share.base.series), Math.floor(1.25 * share.base.bytes)))
          }
          gaveWay += room.gaveWay.length
          for (const name of room.gaveWay) assert.isFalse(before.get(name), `${name} was within its quarter`)
          for (const budget of [room.pod, ...room.partitions]) {
            assert.isAtMost(budget.series, budget === room.pod ? 12_500 : 7_500)
            assert.isAtMost(budget.bytes, 1.25 * 1_500_000)
          }
          const all = [...room.shares.values()]
          assert.strictEqual(
            room.pod.series,
            all.reduce((sum, s) => sum + s.series, 0)
          )
          assert.isAtMost(
            all.reduce((sum, s) => sum + s.base.series, 0),
            10_000
          )
        }
      }),
      { numRuns: 500 }
    )
    assert.isAbove(gaveWay, 200)
    assert.isAbove(refused, 1000)
    assert.isAbove(quarters, 1000)
  })
})

const expiry = 100

const options = (limits: Partial<CacheOptions["limits"]> = {}): CacheOptions => ({
  expiry,
  timestamps: "scrape",
  sourceLabel: "instance",
  limits: { ...defaultParseLimits, ...defaultCacheLimits, ...limits }
})

const many = (series: number, value: number): string =>
  Array.from({ length: series }, (_, i) => `a{n="${i}"} ${value}\n`).join("")

/** Partitions of one pod. */
class Pod {
  readonly caches: ReadonlyArray<PartitionCache>
  readonly contents
  next = 0

  constructor(budget: Budget, limits: Partial<CacheOptions["limits"]> = {}) {
    this.caches = [0, 1].map(
      (partition) => new PartitionCache({ topic: "t", partition }, noTime, options(limits), budget)
    )
    this.contents = this.caches.map((cache) => cache.content(() => now))
  }

  take(partition: number, ...sent: ReadonlyArray<Sent>): this {
    for (const s of sent) this.caches[partition]!.take(toRecord(this.next++, s), 0, now)
    return this
  }

  shown(): ReadonlyArray<string> {
    const lines = linesOf(this.contents.flatMap(({ look }) => look().dumps))
    return [...new Set(lines.map((line) => /instance="([^"]*)"/.exec(line)![1]!))]
  }
}

describe("sources on a full pod", () => {
  const podOf = (series: number) => new Budget("pod", { series, bytes: 1e12 })

  it("one that grew by a single series stays, on another partition than who filled the pod", () => {
    const pod = new Pod(podOf(200))
    for (const v of ["1.1", "1.2"]) pod.take(0, { source: "honest", v, text: many(10, 1) })
    for (const v of ["1.1", "1.2"]) pod.take(1, { source: "large", v, text: many(190, 1) })
    pod.take(1, { source: "another", v: "1.1", text: many(1, 1) })
    pod.take(0, { source: "honest", v: "1.3", text: many(11, 3) })
    assert.deepStrictEqual(pod.shown(), ["honest", "large"])
    assert.include(linesOf(pod.contents[0]!.look().dumps), 'a{n="10",instance="honest"} 3')
    assert.deepStrictEqual([...pod.caches[1]!.takeTally().refused], [["pod-full", 1]])
  })

  it("one that is refused is gone at once, and shows its next round that fits", () => {
    const pod = new Pod(podOf(3_000))
    for (const v of ["1.1", "1.2"]) pod.take(0, { source: "a", v, text: many(1_000, 1) })
    for (const v of ["1.1", "1.2"]) pod.take(0, { source: "b", v, text: many(2_000, 1) })
    pod.take(0, { source: "a", v: "1.3", text: many(2_100, 3) })
    assert.deepStrictEqual(pod.shown(), ["b"])
    const [refused] = pod.contents[0]!.refusals()
    assert.deepInclude(refused, { source: "a", reason: "pod-full" })
    pod.take(0, { source: "a", v: "1.2", text: many(1_000, 1) })
    assert.deepStrictEqual(pod.shown(), ["b"])
    pod.take(0, { source: "a", v: "1.4", text: many(1_000, 4) })
    assert.deepStrictEqual(pod.shown(), ["a", "b"])
  })

  it("samples that find no room leave those that are there", () => {
    const pod = new Pod(podOf(2_000))
    for (let i = 0; i < 2; i++) pod.take(0, { source: "s", text: many(1_000, i) })
    for (let i = 0; i < 2; i++) pod.take(0, { source: "t", text: many(1_000, i) })
    pod.take(0, { source: "s", text: many(2_001, 7) })
    assert.lengthOf(linesOf(pod.contents[0]!.look().dumps), 2_000)
    assert.deepStrictEqual([...pod.caches[0]!.takeTally().refused], [["pod-full", 1]])
  })

  it("who gave way is counted and named, and comes back", () => {
    const pod = new Pod(podOf(10))
    pod.take(0, { source: "large", v: "1.1", text: many(9, 1) })
    pod.take(1, { source: "small", v: "1.1", text: many(2, 1) })
    assert.deepStrictEqual(pod.shown(), ["small"])
    assert.strictEqual(pod.caches[0]!.takeTally().displaced, 1)
    assert.deepInclude(pod.contents[0]!.refusals()[0], { source: "large", reason: "displaced", offset: 0 })
    pod.take(0, { source: "large", v: "1.2", text: many(8, 2) })
    assert.deepStrictEqual(pod.shown(), ["large", "small"])
  })

  it("ids that came once do not keep a new source out, ids that come again and again do", () => {
    const pod = new Pod(podOf(1e9), { maxSources: 10 })
    for (let i = 0; i < 100; i++) pod.take(0, { source: `once${i}`, text: "a 1\n" })
    pod.take(0, { source: "honest", v: "1.1", text: "a 1\n" })
    assert.include(pod.shown(), "honest")
    for (let i = 0; i < 9; i++) pod.take(0, { source: `more${i}`, text: "a 1\n" })
    assert.include(pod.shown(), "honest")
    pod.take(0, { source: "honest", v: "1.2", text: "a 1\n" })
    for (let i = 100; i < 200; i++) pod.take(0, { source: `once${i}`, text: "a 1\n" })
    assert.include(pod.shown(), "honest")
    assert.strictEqual(pod.caches[0]!.size().sources, 10)
    for (let i = 191; i < 200; i++) pod.take(0, { source: `once${i}`, text: "a 2\n" })
    pod.caches[0]!.takeTally()
    pod.take(0, { source: "new", text: "a 1\n" })
    assert.deepStrictEqual([...pod.caches[0]!.takeTally().refused], [["too-many-sources", 1]])
  })

  it("whatever gives way, is refused or replayed under other budgets, nothing older is shown", () => {
    const step = fc.record({
      source: fc.constantFrom("a", "b", "c", "d"),
      series: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 500, max: 1_600 })),
      late: fc.integer({ min: 0, max: 4 }),
      chunks: fc.boolean(),
      handoff: fc.boolean()
    })
    let [displaced, refused, shown] = [0, 0, 0]
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 10, maxLength: 40 }),
        fc.array(fc.integer({ min: 5, max: 3_000 }), { minLength: 3 }),
        (steps, limits) => {
          const log: Array<Sent> = []
          const rounds = new Map<string, number>()
          const best = new Map<string, number>()
          let owner = 0
          const open = (from: number) => {
            const budget = new Budget("pod", { series: limits[owner++ % limits.length]!, bytes: 1e12 })
            const cache = new PartitionCache({ topic: "t", partition: 0 }, noTime, options({ maxSources: 3 }), budget)
            for (let offset = from; offset < log.length; offset++)
              cache.take(toRecord(offset, log[offset]!), log.length, now)
            cache.reached(log.length, log.length, now)
            return { cache, fence: log.length }
          }
          let { cache, fence } = open(0)
          for (const { source, series, late, chunks, handoff } of steps) {
            const round = (rounds.get(source) ?? 0) + 1
            rounds.set(source, round)
            // What a round holds depends on its number alone.
            const sent = Math.max(1, round - late)
            const text = many(sent === round ? series : 1 + (sent % 3), sent)
            const v = `1.${sent}`
            const records: ReadonlyArray<Sent> =
              chunks && sent === round
                ? [
                    { source, v, chunk: "1/2", text },
                    { source, v, chunk: "2/2", text: `b ${sent}\n` }
                  ]
                : [{ source, v, text }]
            for (const record of records) {
              cache.take(toRecord(log.length, record), fence, now)
              log.push(record)
            }
            cache.reached(log.length, fence, now)
            if (handoff) {
              const tally = cache.takeTally()
              displaced += tally.displaced
              refused += tally.refused.get("pod-full") ?? 0
              const from = Math.min(cache.lowest(log.length), cache.committable(log.length))
              cache.clear()
              ;({ cache, fence } = open(from))
            }
            for (const line of linesOf(cache.content(() => now).look().dumps)) {
              const [, name, value] = /instance="(.)"\} (\d+)/.exec(line)!
              shown++
              assert.isAtLeast(Number(value), best.get(name!) ?? 0, line)
              best.set(name!, Number(value))
            }
          }
        }
      ),
      { numRuns: 80 }
    )
    assert.isAbove(displaced, 10)
    assert.isAbove(refused, 50)
    assert.isAbove(shown, 5_000)
  })
})
