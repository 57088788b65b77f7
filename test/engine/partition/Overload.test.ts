/**
 * Overload: the rule as traces of looks. That it does what it is for, in loops of random arrivals and speeds with the real queue and
 * the real engine, is in Backpressure.test.ts and DropFront.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { declared, isBehind, keepsUp, type Look, look, type Overload } from "../../../src/engine/partition/Overload.ts"

/** A partition that holds 100 records. */
const at = (position: number, end: number, more: Partial<Look> = {}): Look => ({
  position,
  reaching: position,
  fetched: position + 100,
  end,
  barred: false,
  ...more
})

/** How many races in a row are lost after each look. */
const trace = (looks: ReadonlyArray<Look>, from: Overload = keepsUp): ReadonlyArray<number> => {
  let o = from
  return looks.map((l) => {
    o = look(o, l)
    return o.lost
  })
}

describe("a partition that is full", () => {
  it("is behind when its lag grew by what it held, and then by twice that", () => {
    assert.deepStrictEqual(trace([at(0, 500), at(50, 649), at(50, 650), at(60, 859), at(60, 860)]), [0, 0, 1, 1, 2])
    assert.isTrue(isBehind({ lost: 2, race: null }))
    assert.isFalse(isBehind({ lost: 1, race: null }))
  })

  it("is not behind for what lay there at the beginning, however much it is", () => {
    assert.deepStrictEqual(trace([at(0, 1e9), at(0, 1e9), at(5_000, 1e9 + 4_000)]), [0, 0, 0])
  })

  it("is not behind for one leap of the log's end, however far", () => {
    assert.deepStrictEqual(
      trace([at(0, 200), at(1, 1e9), at(2, 1e9), at(300, 1e9 + 50), at(301, 1e9 + 490)]),
      [0, 1, 1, 1, 1]
    )
  })

  it("is behind although it is faster for a while: where leaps come sooner than they are worked off", () => {
    assert.deepStrictEqual(
      trace([at(0, 500), at(0, 5_500), at(2_500, 5_500), at(4_999, 5_500), at(4_999, 10_900)]),
      [0, 1, 1, 1, 2]
    )
  })

  it("keeps up as soon as its lag is back where it was before it lost", () => {
    assert.deepStrictEqual(
      trace([at(0, 500), at(0, 5_500), at(4_999, 5_500), at(5_000, 5_500), at(5_000, 10_900)]),
      [0, 1, 1, 0, 1]
    )
  })

  it("that gets on begins its races from the lesser lag", () => {
    assert.deepStrictEqual(trace([at(0, 500), at(100, 500), at(100, 599), at(100, 600)]), [0, 0, 0, 1])
    assert.deepStrictEqual(trace([at(0, 500), at(99, 500), at(99, 698), at(99, 699)]), [0, 0, 0, 1])
  })

  it("with a lag that stays as it is is never behind", () => {
    assert.deepStrictEqual(
      trace(Array.from({ length: 200 }, (_, i) => at(i * 1_000, 5_000 + i * 1_000))),
      Array.from({ length: 200 }, () => 0)
    )
  })

  it("is not judged by chance where it holds next to nothing: a race is over ten records at least", () => {
    const tiny = (position: number, end: number) => at(position, end, { fetched: position + 1 })
    assert.deepStrictEqual(trace([tiny(0, 2), tiny(0, 11), tiny(0, 12), tiny(0, 31), tiny(0, 32)]), [0, 0, 1, 1, 2])
  })
})

it("what the actor has in hand counts for it", () => {
  assert.deepStrictEqual(trace([at(0, 500), at(0, 600, { reaching: 1 })]), [0, 0])
  assert.deepStrictEqual(trace([at(0, 500), at(0, 600)]), [0, 1])
})

it("an actor that waits for its reservation is not judged: the race begins anew when it may go on", () => {
  const barred = (end: number) => at(0, end, { barred: true })
  assert.deepStrictEqual(trace([at(0, 500), barred(600), barred(9_000), at(0, 9_000), at(0, 9_099)]), [0, 0, 0, 0, 0])
})

it("an operator's word holds while the lag does not become less", () => {
  assert.isTrue(isBehind(declared))
  assert.deepStrictEqual(trace([at(0, 500), at(100, 601), at(101, 601)], declared), [2, 2, 0])
})
