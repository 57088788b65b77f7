/** Votes: what `--partitioner auto` makes of the keys that it sees, and TopicCounts, by which members tell each other. */
import { assert, describe, it } from "@effect/vitest"
import { packCounts, type TopicCounts, unpackCounts } from "../../../src/engine/growth/TopicCounts.ts"
import { chance, decided, noVote, together, vote } from "../../../src/engine/growth/Votes.ts"
import { type Placement, placing } from "../../../src/transport/Placement.ts"

const keys = (n: number) => Array.from({ length: n }, (_, i) => Buffer.from(`host-${i}`))

/** The votes of all partitions of a topic whose keys are placed so. */
const votes = (placement: Placement, count: number, n: number, counts = [count]) =>
  Array.from({ length: count }, (_, partition) =>
    vote(
      partition,
      counts,
      keys(n).filter((key) => placing[placement](key) % count === partition)
    )
  )

describe("the placement is found out", () => {
  it.each(["murmur2", "crc32"] as const)("by ten keys on four partitions, all by %s", (placement) => {
    assert.strictEqual(decided(together(votes(placement, 4, 10))), placement)
    assert.isUndefined(decided(together(votes(placement, 4, 9))))
  })

  it("not by what one partition alone holds of them", () => {
    for (const each of votes("murmur2", 4, 20)) assert.isUndefined(decided(each))
  })

  it("never on one partition: there every hash agrees", () => {
    assert.isUndefined(decided(together(votes("murmur2", 1, 1_000))))
  })

  it("not where a single key is elsewhere", () => {
    const astray = vote(
      0,
      [8],
      [keys(50).find((key) => placing.murmur2(key) % 8 !== 0 && placing.crc32(key) % 8 !== 0)!]
    )
    assert.isUndefined(decided(together([...votes("murmur2", 8, 100), astray])))
  })

  it("not where two producers place in two ways", () => {
    assert.isUndefined(decided(together([...votes("murmur2", 8, 50), ...votes("crc32", 8, 50)])))
  })

  it("after a growth that some producers have not heard of yet, too", () => {
    assert.strictEqual(decided(together(votes("crc32", 4, 20, [4, 8]))), "crc32")
  })

  it("by what a key at random would do", () => {
    assert.strictEqual(chance(0, [4]), 1 / 4)
    assert.strictEqual(chance(1, [4, 8]), 1 / 4)
    assert.strictEqual(chance(5, [4, 8]), 1 / 8)
    assert.approximately(chance(1, [4, 6]), 1 / 4 + 1 / 6 - 1 / 12, 1e-9)
    assert.approximately(chance(1, [99_991, 99_989]), 1 / 99_991 + 1 / 99_989, 1e-9)
  })
})

describe("what members tell each other", () => {
  it("is read back, with the bits rounded down", () => {
    const told = new Map<string, TopicCounts>([
      ["a", { placement: "crc32", counts: [4, 6], vote: noVote }],
      ["b", { placement: undefined, counts: [], vote: { bits: 12.9, agree: ["murmur2"] } }]
    ])
    const back = unpackCounts(JSON.parse(JSON.stringify(packCounts(told))))
    assert.deepStrictEqual(back.get("a"), told.get("a"))
    assert.deepStrictEqual(back.get("b"), { placement: undefined, counts: [], vote: { bits: 12, agree: ["murmur2"] } })
  })

  it.each([
    ["nothing", undefined],
    ["text", "8"],
    ["no list", { a: 8 }],
    ["a count that is none", { a: ["m", 0, "m", 0] }],
    ["bits that are none", { a: ["m", -1, "m", 4] }],
    ["more counts than are remembered", { a: ["m", 0, "m", 1, 2, 3, 4, 5, 6, 7, 8, 9] }]
  ])("%s says nothing", (_what, x) => {
    assert.strictEqual(unpackCounts(x).size, 0)
  })
})
