/** Marks: a partition's time as its owners count it, in examples, and what holds for any of them. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type MarkAgo, Marks, maxMarks } from "../../../src/engine/partition/Marks.ts"

/** One mark every 10 ms; the log grows by 5 between two, and is read at once. */
const steady = (n: number): Marks => {
  const marks = new Marks([], 0)
  for (let i = 0; i < n; i++) marks.add({ end: 5 * i, read: 5 * i, at: 10 * i })
  return marks
}

describe("what is settled", () => {
  it("lies before two marks that are far enough apart, the later one passed by the position", () => {
    const marks = steady(6)
    assert.strictEqual(marks.settled(25, 20), 15)
    assert.strictEqual(marks.settled(24, 20), 10, "what had come by the fifth was not all read")
    assert.strictEqual(marks.settled(25, 50), 0)
    assert.strictEqual(marks.settled(25, 51), 0)
    assert.strictEqual(new Marks([], 0).settled(25, 0), 0)
  })

  it("is not ahead of a reader that stalled, however long ago the marks were made", () => {
    const marks = new Marks([{ end: 5, read: 5, ago: 1_000_000 }], 0)
    marks.add({ end: 9, read: 5, at: 10 })
    assert.strictEqual(marks.settled(8, 20), 0)
    assert.strictEqual(marks.settled(9, 20), 5)
  })

  it("an end that is lower than one before says nothing new", () => {
    const marks = steady(3)
    marks.add({ end: 2, read: 2, at: 30 })
    assert.deepStrictEqual(marks.ago(30).at(-1), { end: 10, read: 10, ago: 0 })
  })
})

describe("how old content is", () => {
  const inherited: ReadonlyArray<MarkAgo> = [
    { end: 0, read: 0, ago: 300 },
    { end: 10, read: 4, ago: 200 },
    { end: 10, read: 10, ago: 100 }
  ]

  it("is counted from when an earlier owner had read past it, as of the start of this one", () => {
    const marks = new Marks(inherited, 5_000)
    assert.deepStrictEqual(
      [3, 4, 9, 10].map((offset) => marks.readAgo(offset)),
      [200, 100, 100, 0]
    )
    marks.add({ end: 20, read: 20, at: 9_000 })
    assert.strictEqual(marks.readAgo(10), 0)
  })

  it("is not known where nobody had counted before it", () => {
    assert.isUndefined(new Marks([], 0).readAgo(0))
    assert.isUndefined(new Marks(inherited.slice(1), 0).readAgo(3))
    assert.strictEqual(new Marks(inherited.slice(1), 0).readAgo(4), 100)
  })

  it("is known still when marks were left out that a new owner does not need", () => {
    const marks = new Marks(inherited, 0)
    marks.keepFrom(4)
    assert.deepStrictEqual(marks.ago(0), inherited.slice(1))
    marks.keepFrom(100)
    assert.deepStrictEqual(marks.ago(0), inherited.slice(2))
  })

  it("since it is in the log, is that of the oldest mark beyond it", () => {
    const marks = steady(4)
    assert.deepStrictEqual(
      [0, 4, 5, 14, 15].map((offset) => marks.appendedAgo(offset, 100)),
      [90, 90, 80, 70, 0]
    )
  })

  it("everything before the answer was read that long ago", () => {
    const marks = steady(4)
    assert.deepStrictEqual(
      [0, 65, 70, 71, 81, 101].map((ago) => marks.readBefore(ago, 100)),
      [15, 15, 15, 10, 5, 0]
    )
  })
})

it("time goes on from owner to owner: each counts what passed in its own", () => {
  const first = steady(2)
  const second = new Marks(first.ago(25), 1_000_000)
  assert.deepStrictEqual(second.ago(1_000_005), [
    { end: 0, read: 0, ago: 30 },
    { end: 5, read: 5, ago: 20 }
  ])
})

it("they are bounded; the newest and the oldest stay, and what is far back becomes coarse first", () => {
  const step = fc.record({ end: fc.nat(20), ms: fc.integer({ min: 1, max: 1_000 }) })
  fc.assert(
    fc.property(fc.array(step, { minLength: maxMarks + 1, maxLength: 200 }), (steps) => {
      const marks = new Marks([], 0)
      let [end, at] = [0, 0]
      for (const step of steps) {
        end += step.end
        at += step.ms
        marks.add({ end, read: end, at })
      }
      const all = marks.ago(at)
      assert.isAtMost(all.length, maxMarks)
      assert.deepStrictEqual(all.at(-1), { end, read: end, ago: 0 })
      assert.deepStrictEqual(all[0], { end: steps[0]!.end, read: steps[0]!.end, ago: at - steps[0]!.ms })
    })
  )
  const marks = steady(500)
  const gaps = marks.ago(4_990).map((mark, i, all) => (all[i - 1]?.ago ?? mark.ago) - mark.ago)
  assert.isAbove(gaps[1]!, 4 * gaps.at(-2)!)
})
