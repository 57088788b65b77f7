/** The judge of actors must be able to find what it is for. */
import { assert, describe, it } from "@effect/vitest"
import type { PartitionStatus } from "../../src/engine/Engine.ts"
import type { Batch } from "../../src/engine/PartitionProcessor.ts"
import { ActorJudge } from "../../src/testing/simulation/judges/ActorJudge.ts"

const batch = (offsets: ReadonlyArray<number>, next: number): Batch => ({
  records: offsets.map((offset) => ({ offset, timestamp: 0, key: null, value: null, headers: {} })),
  next,
  fence: 0
})

const judge = (counted = 0) => {
  const found: Array<string> = []
  const actors = new ActorJudge(found, { queued: 10, fetched: 20 })
  return { actors, found, opened: () => actors.opened("p", "t/0", () => counted) }
}

describe("the judge of actors", () => {
  it("takes records and drops that follow each other without a gap", () => {
    const { found, opened } = judge(3)
    const one = opened()
    one.given(batch([5, 6], 7), "processed")()
    one.given(batch([9], 10), "dropped")()
    one.given(batch([10], 11), "processed")()
    one.closed()
    opened().given(batch([5], 6), "processed")()
    assert.deepStrictEqual(found, [])
  })

  it("finds a record left out, one given twice, and a batch that claims more than it holds", () => {
    for (const second of [batch([8], 9), batch([6], 7), batch([7], 9)]) {
      const { found, opened } = judge()
      const one = opened()
      one.given(batch([5, 6], 7), "processed")()
      one.given(second, "processed")()
      assert.lengthOf(found, 1)
    }
  })

  it("takes a gap of what nobody can read, and only that", () => {
    const { actors, found, opened } = judge(1)
    actors.nobodyReads("t/0", 7, 9)
    const one = opened()
    one.given(batch([5, 6], 7), "processed")()
    one.given(batch([9], 10), "processed")()
    one.given(batch([11], 12), "processed")()
    assert.lengthOf(found, 1)
    const two = judge(1)
    two.actors.nobodyReads("t/0", 7, 9)
    const other = two.opened()
    other.given(batch([6], 9), "processed")()
    other.given(batch([9], 10), "dropped")()
    assert.deepStrictEqual(two.found, [])
  })

  it("finds drops that nobody counted", () => {
    const { found, opened } = judge(2)
    const one = opened()
    one.given(batch([5], 6), "processed")()
    one.given(batch([8], 9), "dropped")()
    assert.deepStrictEqual(found, ["t/0 in p: 3 records were dropped, the pod counts 2 of them"])
  })

  it("finds two processors and two batches at once", () => {
    const { found, opened } = judge()
    const one = opened()
    opened()
    one.given(batch([5], 6), "processed")
    one.given(batch([6], 7), "processed")
    assert.deepStrictEqual(found, ["t/0 in p: two processors at once", "t/0 in p: two batches at once"])
  })

  it("finds a queue that grew beyond its bound, and timers of a pod that left", () => {
    const { actors, found } = judge()
    const held = (records: number, beyond: number, droppingSince: number | null = null) =>
      [
        { topic: "t", partition: 0, queue: { records }, remainder: { records: beyond }, droppingSince }
      ] as unknown as Array<PartitionStatus>
    actors.looked("p", held(10, 20))
    actors.left("p", 0)
    assert.deepStrictEqual(found, [])
    actors.looked("p", held(11, 20))
    actors.looked("p", held(10, 21))
    actors.looked("p", held(10, 1, 7))
    actors.left("p", 1)
    assert.lengthOf(found, 4)
  })
})
