/** What a store holds, held against what was said: each thing that may be wrong with it is found, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { misheld, missing, type Stored } from "../../src/testing/DurableSubject.ts"

const said = (...all: ReadonlyArray<string>): ReadonlyArray<Stored> =>
  all.map((each) => ({ source: each[0]!, n: Number(each.slice(1)) }))

const all = said("a1", "b1", "a2", "a3", "b2")

describe("what a store holds", () => {
  it("is missing what is nowhere in it", () => {
    assert.deepStrictEqual(missing(all, said("b2", "a1", "a3", "b1")), said("a2"))
    assert.deepStrictEqual(missing(all, all), [])
  })

  it("may be there twice where nothing else is promised", () => {
    const repeated = said("a1", "a2", "a1", "a2", "a3", "b1", "b2")
    assert.deepStrictEqual(misheld(all, repeated, { once: false, ordered: true }), [])
    assert.deepStrictEqual(misheld(all, repeated, { once: true }), ["a 1 is durable twice", "a 2 is durable twice"])
  })

  it("is in order where each thing comes first behind what was said before", () => {
    const shuffled = said("b2", "a1", "a3", "a2", "a3")
    assert.deepStrictEqual(misheld(all, shuffled, { once: false, ordered: true }), ["a 2 is durable behind a 3"])
    assert.deepStrictEqual(misheld(all, shuffled, { once: false }), [])
  })

  it("has nothing that nobody said", () => {
    assert.deepStrictEqual(misheld(all, said("a1", "a9"), { once: true }), ["a 9 is durable, and nobody said it"])
  })
})
