/** Homes: who lives in a partition of a topic that grew, decided by (count, K) alone. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { decodeHomes, encodeHomes, Homes, maxCounts, unknownYet } from "../../../src/engine/growth/Homes.ts"
import { decodeCommitMetadata, encodeCommitMetadata } from "../../../src/engine/partition/CommitMetadata.ts"
import { placing } from "../../../src/transport/Placement.ts"

/** A key that each count puts into the partition that stands beside it. */
const keyOf = (...homes: ReadonlyArray<readonly [count: number, partition: number]>): Uint8Array => {
  for (let i = 0; i < 1_000_000; i++) {
    const key = Buffer.from(`key-${i}`)
    const hash = placing.murmur2(key)
    if (homes.every(([count, partition]) => hash % count === partition)) return key
  }
  throw new Error("no such key")
}

const homesOf = (partition: number, counts: ReadonlyArray<number>): Homes => {
  const homes = new Homes(partition)
  homes.know("murmur2", counts)
  return homes
}

describe("homes", () => {
  it("without any count, and under one alone, whoever belongs here is at home", () => {
    assert.isFalse(new Homes(1).asks)
    const homes = homesOf(1, [4])
    assert.strictEqual(homes.judge(keyOf([4, 1]), 0), "home")
    assert.strictEqual(homes.judge(keyOf([4, 2]), 0), "stranger")
    assert.deepStrictEqual(homes.open, [])
  })

  it("who stays is at home all the time", () => {
    const homes = homesOf(1, [4, 8])
    assert.strictEqual(homes.judge(keyOf([4, 1], [8, 1]), 0), "home")
  })

  it("who went is misplaced, and who came is early until K", () => {
    const old = homesOf(1, [4])
    const moved = keyOf([4, 1], [8, 5])
    assert.strictEqual(old.judge(moved, 10), "home")
    assert.isTrue(old.know("murmur2", [4, 8]))
    assert.strictEqual(old.judge(moved, 11), "misplaced")
    const next = homesOf(5, [4, 8])
    assert.strictEqual(next.judge(moved, 3), "early")
    assert.deepStrictEqual(next.open, [8])
    next.resolve(8, 7)
    assert.deepStrictEqual(next.open, [])
    assert.strictEqual(next.judge(moved, 6), "early")
    assert.strictEqual(next.judge(moved, 7), "home")
    // A later K never takes the place of the first one.
    next.resolve(8, 20)
    assert.strictEqual(next.judge(moved, 7), "home")
  })

  it("who comes back with a second growth is taken from that one's K on", () => {
    const homes = homesOf(1, [2, 3])
    const back = keyOf([2, 1], [3, 2], [5, 1])
    assert.strictEqual(homes.judge(back, 5), "misplaced")
    homes.resolve(3, 6)
    homes.know("murmur2", [2, 3, 5])
    assert.strictEqual(homes.judge(back, 5), "early")
    assert.strictEqual(homes.judge(back, 100), "early")
    homes.resolve(5, 40)
    assert.strictEqual(homes.judge(back, 39), "early")
    assert.strictEqual(homes.judge(back, 40), "home")
  })

  it("who came with the first growth and stays with the second is not touched by it", () => {
    const homes = homesOf(3, [2, 4])
    homes.resolve(4, 6)
    const stays = keyOf([2, 1], [4, 3], [6, 3])
    assert.strictEqual(homes.judge(stays, 6), "home")
    homes.know("murmur2", [2, 4, 6])
    assert.strictEqual(homes.judge(stays, 6), "home")
  })

  it("a count between two that turns up late hides who was not at home under it", () => {
    const homes = homesOf(1, [4, 10])
    homes.resolve(10, 5)
    const key = keyOf([4, 1], [6, 3], [10, 1])
    assert.strictEqual(homes.judge(key, 3), "home")
    assert.isTrue(homes.know("murmur2", [4, 6, 10]))
    assert.strictEqual(homes.judge(key, 3), "early")
    assert.strictEqual(homes.judge(key, 5), "home")
  })

  it("a smaller count that turns up late makes what was the first one a growth", () => {
    const homes = homesOf(5, [8])
    const key = keyOf([4, 1], [8, 5])
    assert.strictEqual(homes.judge(key, 3), "home")
    assert.isTrue(homes.know("murmur2", [4, 8]))
    assert.strictEqual(homes.judge(key, 3), "early")
    assert.deepStrictEqual(homes.open, [8])
  })

  it("a placement that is found late begins anew: nobody was hidden before", () => {
    const homes = new Homes(1)
    homes.know(undefined, [4, 8])
    homes.resolve(8, 17)
    assert.isTrue(homes.know("murmur2", [4, 8]))
    assert.deepStrictEqual(homes.steps, [
      { count: 4, from: 0 },
      { count: 8, from: unknownYet }
    ])
  })

  it("without a placement what was there before stays, and what is new waits", () => {
    const homes = new Homes(1)
    homes.know(undefined, [4])
    assert.isFalse(homes.asks)
    homes.know(undefined, [4, 8])
    assert.strictEqual(homes.judge(keyOf([4, 1]), 3), "early")
    homes.resolve(8, 17)
    assert.strictEqual(homes.judge(keyOf([4, 1]), 16), "home")
    assert.strictEqual(homes.judge(keyOf([4, 1]), 17), "early")
    homes.settle(0)
    assert.isFalse(homes.asks)
    assert.strictEqual(homes.judge(keyOf([4, 1]), 17), "home")
    homes.know(undefined, [4, 8, 12])
    assert.isTrue(homes.waiting)
  })

  it("a log that begins anew takes its offsets along", () => {
    const homes = homesOf(5, [4, 8])
    homes.resolve(8, 1_000)
    homes.settle(2_000)
    homes.restarted(20)
    assert.strictEqual(homes.settledFrom, 20)
    assert.strictEqual(homes.judge(keyOf([4, 1], [8, 5]), 20), "home")
  })

  it("beyond the counts that it remembers the smallest goes, and K of the next one holds for all", () => {
    const counts = Array.from({ length: maxCounts }, (_, i) => i + 2)
    const homes = homesOf(1, counts)
    homes.resolve(3, 9)
    homes.know("murmur2", [...counts, 100])
    assert.lengthOf(homes.steps, maxCounts)
    assert.deepStrictEqual(homes.steps[0], { count: 3, from: 9 })
    const always = keyOf([3, 1], [4, 1], [5, 1], [6, 1], [7, 1], [8, 1], [9, 1], [100, 1])
    assert.strictEqual(homes.judge(always, 8), "early")
    assert.strictEqual(homes.judge(always, 9), "home")
  })

  it("an owner with what the last one committed, or more, shows nothing that this one did not", () => {
    const counts = fc.uniqueArray(fc.integer({ min: 2, max: 24 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(counts, fc.nat(23), fc.string({ minLength: 1 }), fc.nat(100), fc.nat(100), (known, at, id, k, o) => {
        const sorted = known.toSorted((a, b) => a - b)
        const [first, key] = [new Homes(at), Buffer.from(id)]
        first.know("crc32", sorted)
        for (const count of sorted) first.resolve(count, k)
        const next = new Homes(at)
        next.restore(decodeHomes(encodeHomes(first))!)
        next.know("crc32", sorted)
        assert.strictEqual(next.judge(key, o), first.judge(key, o))
        next.know("crc32", [...sorted, 30])
        if (next.judge(key, o) === "home") assert.strictEqual(first.judge(key, o), "home")
      })
    )
  })
})

describe("homes in a commit", () => {
  it("are read back, and leave room for everything else within Event Hubs' 1,024 bytes", () => {
    const homes = new Homes(3)
    homes.know(
      "murmur2",
      Array.from({ length: maxCounts }, (_, i) => 999_990 + i)
    )
    for (const { count } of homes.steps) homes.resolve(count, 999_999_999_999)
    const text = encodeCommitMetadata({
      reservation: 5,
      lowest: 3,
      witness: null,
      marks: [],
      quarantine: null,
      judgedBy: "",
      unread: [],
      memo: "",
      homes
    })
    const { placement, settledFrom, steps } = homes
    assert.deepStrictEqual(decodeCommitMetadata(text)?.homes, { placement, settledFrom, steps })
    homes.settledFrom = 71
    assert.deepStrictEqual(decodeHomes(encodeHomes(homes)), { placement, settledFrom: 71, steps })
    assert.isBelow(text.length, 250)
  })

  it.each([
    ["no list", 7],
    ["an unknown placement", ["x", 4, 0]],
    ["a count alone", ["m", 4]],
    ["counts that fall", ["m", 8, 0, 4, 0]],
    ["no count", ["m", 0, 0]],
    ["a K that is none", ["m", 4, -2]],
    ["text for a number", ["m", "4", 0]],
    ["more than are remembered", ["m", ...Array.from({ length: 18 }, (_, i) => i + 1)]]
  ])("%s says nothing, and the rest of the commit stands", (_what, n) => {
    assert.isUndefined(decodeHomes(n))
    assert.deepStrictEqual(decodeCommitMetadata(JSON.stringify({ v: 1, r: 5, l: 3, n })), {
      reservation: 5,
      lowest: 3,
      witness: null,
      marks: [],
      quarantine: null,
      judgedBy: "",
      unread: [],
      memo: ""
    })
  })
})
