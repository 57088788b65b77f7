/** Holders and Arrivals: a source that comes in several partitions of one shard, and one whose topic grew, as a scrape sees them. */
import { assert, describe, it } from "@effect/vitest"
import { Homes } from "../../../src/engine/growth/Homes.ts"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import { Holders } from "../../../src/metrics/cache/Holders.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { placing } from "../../../src/transport/Placement.ts"
import { linesOf, type Sent, spoil, toRecord } from "../records.ts"

const expiry = 100

/** Several partitions of one shard, on one clock. */
class Shard {
  now = { wall: 0, mono: 0 }
  readonly homes: ReadonlyArray<Homes>
  readonly caches: ReadonlyArray<PartitionCache>
  private readonly next: Array<number>
  private readonly contents

  constructor(partitions: number) {
    const budget = new Budget("pod", { series: 1e9, bytes: 1e12 })
    const holders = new Holders()
    const limits = { ...defaultParseLimits, ...defaultCacheLimits }
    const options = { expiry, timestamps: "scrape", sourceLabel: "instance", limits } as const
    this.homes = Array.from({ length: partitions }, (_, partition) => new Homes(partition))
    this.caches = this.homes.map(
      (homes, partition) => new PartitionCache({ topic: "t", partition }, noTime, options, budget, homes, holders)
    )
    this.next = this.homes.map(() => 0)
    this.contents = this.caches.map((cache) => cache.content(() => this.now))
  }

  take(partition: number, ...sent: ReadonlyArray<Sent>): void {
    for (const s of sent) {
      const record = toRecord(this.next[partition]!, s)
      this.caches[partition]!.take(record, 0, this.now)
      spoil(record)
      this.caches[partition]!.reached(++this.next[partition]!, 0, this.now)
    }
  }

  passes(ms: number): void {
    this.now = { wall: this.now.wall + ms, mono: this.now.mono + ms }
  }

  ignored(partition: number): Readonly<Record<string, number>> {
    return Object.fromEntries(this.caches[partition]!.takeTally().ignored)
  }

  reasons(partition: number): ReadonlyArray<string> {
    return this.contents[partition]!.refusals().map(({ source, reason, count }) => `${source} ${reason} ${count}`)
  }

  get lines(): ReadonlyArray<string> {
    return linesOf(this.contents.flatMap((content) => content.look().dumps))
  }
}

const line = (value: number) => `a{instance="s"} ${value}`
const numbered = (n: number): Sent => ({ text: `a ${n}\n`, v: `1.${n}` })
const plain = (n: number): Sent => ({ text: `a ${n}\n` })

/** A source that these counts put into these partitions. */
const sourceAt = (...homes: ReadonlyArray<readonly [count: number, partition: number]>): string => {
  for (let i = 0; ; i++) {
    const hash = placing.murmur2(Buffer.from(`s${i}`))
    if (homes.every(([count, partition]) => hash % count === partition)) return `s${i}`
  }
}

describe.each([
  ["numbered", numbered],
  ["plain", plain]
])("a %s source in two partitions of a shard", (_, sent) => {
  it("is shown once, from where it was first, and named", () => {
    const shard = new Shard(2)
    shard.take(0, sent(1))
    shard.take(1, sent(2), sent(3))
    assert.deepStrictEqual(shard.lines, [line(1)])
    assert.deepStrictEqual(shard.ignored(1), { elsewhere: 2 })
    assert.deepStrictEqual(shard.reasons(1), ["s elsewhere 2"])
    shard.take(0, sent(4))
    assert.deepStrictEqual(shard.lines, [line(4)])
  })

  it("goes on with the other one's next record when the first falls silent, never with one that came before", () => {
    const shard = new Shard(2)
    shard.take(0, sent(7))
    shard.take(1, sent(2))
    shard.passes(expiry + 1)
    assert.deepStrictEqual(shard.lines, [])
    shard.take(1, sent(8))
    assert.deepStrictEqual(shard.lines, [line(8)])
    // Freeing what expired takes nothing from who has it now.
    for (const cache of shard.caches) cache.sweep(shard.now)
    shard.take(0, sent(3))
    assert.deepStrictEqual(shard.lines, [line(8)])
  })

  it("goes on with the other one when its partition goes, or when it says that it has ended", () => {
    const shard = new Shard(2)
    shard.take(0, sent(7))
    shard.caches[0]!.clear()
    shard.take(1, sent(8))
    assert.deepStrictEqual(shard.lines, [line(8)])
    shard.take(1, { text: null, ...(sent === numbered ? { v: "1.9" } : {}) })
    shard.take(0, sent(10))
    assert.deepStrictEqual(shard.lines, [line(10)])
  })

  it("that was refused where it came first holds nobody up", () => {
    const shard = new Shard(2)
    shard.take(0, { ...sent(1), text: "} nonsense\n" })
    shard.take(1, sent(2))
    assert.deepStrictEqual(shard.lines, [line(2)])
  })
})

describe("where the placement is known", () => {
  it("the partition at home takes a source from one where it is a stranger, and keeps it", () => {
    const shard = new Shard(3)
    const source = sourceAt([3, 2])
    for (const homes of shard.homes) {
      homes.know("murmur2", [3])
      homes.settle(0)
    }
    shard.take(0, { source, text: "a 1\n" }, { source, text: "a 2\n" })
    assert.deepStrictEqual(shard.lines, [`a{instance="${source}"} 2`])
    shard.take(2, { source, text: "a 3\n" })
    assert.deepStrictEqual(shard.lines, [`a{instance="${source}"} 3`])
    shard.take(0, { source, text: "a 4\n" })
    assert.deepStrictEqual(shard.lines, [`a{instance="${source}"} 3`])
  })

  it("a stranger waits until the brokers were asked and the growth window is over", () => {
    const shard = new Shard(3)
    const [homes] = shard.homes
    let answered = false
    let asked = 0
    homes!.know("murmur2", [3])
    homes!.fresh = () => {
      asked += 1
      return () => answered
    }
    const sent = { source: sourceAt([3, 2]), text: "a 1\n" }
    shard.take(0, sent, sent)
    homes!.settle(0)
    shard.take(0, sent)
    // What they answered while the window was open says nothing of what was written since.
    assert.deepStrictEqual([shard.lines, asked], [[], 2])
    assert.deepStrictEqual(shard.ignored(0), { stranger: 3 })
    answered = true
    shard.take(0, sent)
    assert.lengthOf(shard.lines, 1)
  })
})

describe("a topic that grows", () => {
  it("takes what moved out of sight at once, and shows it in its new home from K on", () => {
    const shard = new Shard(4)
    const [moves, stays] = [sourceAt([2, 0], [4, 2]), sourceAt([2, 0], [4, 0])]
    for (const homes of shard.homes.slice(0, 2)) homes.know("murmur2", [2])
    shard.take(
      0,
      { source: moves, text: "a 1\n" },
      { source: stays, text: "a 1\n" },
      { source: "n", text: "a 1\n", v: "1.1" }
    )
    for (const [partition, homes] of shard.homes.entries()) {
      homes.know("murmur2", [2, 4])
      shard.caches[partition]!.grown(shard.now)
    }
    assert.deepStrictEqual(shard.lines, [`a{instance="n"} 1`, `a{instance="${stays}"} 1`])
    shard.take(0, { source: moves, text: "a 2\n" }, { source: stays, text: "a 2\n" })
    shard.take(2, { source: moves, text: "a 3\n" })
    assert.deepStrictEqual(shard.lines, [`a{instance="n"} 1`, `a{instance="${stays}"} 2`])
    assert.deepStrictEqual(shard.ignored(0), { misplaced: 2 })
    assert.deepStrictEqual(shard.ignored(2), { early: 1 })
    assert.deepStrictEqual(shard.reasons(2), [`${moves} early 1`])
    shard.homes[2]!.resolve(4, 1)
    shard.take(2, { source: moves, text: "a 4\n" })
    assert.include(shard.lines, `a{instance="${moves}"} 4`)
  })

  it("does not touch a source that was named by a header alone, or has no name", () => {
    const shard = new Shard(1)
    shard.homes[0]!.know("murmur2", [1])
    const cache = shard.caches[0]!
    const record = toRecord(0, { text: "a 1\n", headers: { "k2p-source": sourceAt([1, 0], [9, 5]) } })
    cache.take({ ...record, key: null }, 0, shard.now)
    cache.take({ ...toRecord(1, { text: "a 1\n" }), key: null }, 0, shard.now)
    shard.homes[0]!.know("murmur2", [1, 9])
    cache.grown(shard.now)
    assert.lengthOf(shard.lines, 2)
    assert.lengthOf(cache.keys(), 0)
  })

  it("hides strangers with the news, and takes them from W on", () => {
    const shard = new Shard(3)
    const [homes] = shard.homes
    const [cache] = shard.caches
    homes!.know("murmur2", [3])
    homes!.settle(0)
    const source = sourceAt([3, 2], [6, 5])
    const sent = (value: number) => ({ source, text: `a ${value}\n` })
    shard.take(0, sent(1), sent(2))
    assert.deepStrictEqual(shard.lines, [`a{instance="${source}"} 2`])
    homes!.know("murmur2", [3, 6])
    cache!.grown(shard.now)
    assert.deepStrictEqual(shard.lines, [])
    // All K have to be known before.
    homes!.settle(0)
    shard.take(0, sent(3), sent(4))
    assert.deepStrictEqual(shard.lines, [])
    homes!.resolve(6, 2)
    // The next but one of what is read from here on.
    homes!.settle(5)
    shard.take(0, sent(5))
    assert.deepStrictEqual(shard.lines, [])
    shard.take(0, sent(6))
    assert.deepStrictEqual(shard.lines, [])
    shard.take(0, sent(7))
    assert.deepStrictEqual(shard.lines, [`a{instance="${source}"} 7`])
  })

  it("without a placement keeps what was there, and what is new waits for the window", () => {
    const shard = new Shard(1)
    const [homes] = shard.homes
    homes!.know(undefined, [1])
    shard.take(0, { source: "old", text: "a 1\n" })
    homes!.know(undefined, [1, 4])
    shard.caches[0]!.grown(shard.now)
    homes!.resolve(4, 1)
    shard.take(0, { source: "new", text: "a 1\n" }, { source: "old", text: "a 2\n" })
    assert.deepStrictEqual(shard.lines, [`a{instance="old"} 2`])
    homes!.settle(0)
    shard.take(0, { source: "new", text: "a 2\n" })
    assert.lengthOf(shard.lines, 2)
  })
})
