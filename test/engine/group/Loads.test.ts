/** Loads: what a leader hears, and when a member asks that loads are looked at again. */
import { assert, describe, it } from "@effect/vitest"
import { assignTwoStep } from "../../../src/engine/group/Assignor.ts"
import { noClaims } from "../../../src/engine/group/Claims.ts"
import { drifted, heardFrom, Loads } from "../../../src/engine/group/Loads.ts"

const MB = 1_000_000
const partitions = [0, 1, 2, 3].map((partition) => ({ topic: "t", partition }))
const member = (memberId: string, live: ReadonlyArray<string>, loads: Record<string, number> = {}) => ({
  memberId,
  claims: { ...noClaims, generation: 1, live, loads: new Map(Object.entries(loads)) }
})

describe("the leader", () => {
  it("takes each owner's word, remembers what nobody claims just now, and forgets partitions that are gone", () => {
    const before = new Map([
      ["t/1", 5],
      ["t/2", 7],
      ["t/9", 9]
    ])
    const heard = heardFrom([member("a", ["t/0", "t/1"], { "t/0": 1, "t/1": 6 })], partitions, before)
    assert.deepStrictEqual(
      [...heard],
      [
        ["t/0", 1],
        ["t/1", 6],
        ["t/2", 7]
      ]
    )
  })

  it("does not depend on whom it hears first where two claim the same", () => {
    const two = [member("a", ["t/0"], { "t/0": 3 }), member("b", ["t/0"], { "t/0": 8 })]
    for (const order of [two, [...two].reverse()])
      assert.strictEqual(heardFrom(order, partitions, new Map()).get("t/0"), 8)
  })
})

describe("a change", () => {
  const now = new Map([
    ["t/0", 5 * MB],
    ["t/1", 5 * MB]
  ])
  it.each([
    ["a fifth more is not worth a look", { "t/0": 4 * MB, "t/1": 4.2 * MB }, false],
    ["half more is", { "t/0": 3 * MB, "t/1": 3 * MB }, true],
    ["half less is", { "t/0": 12 * MB, "t/1": 8 * MB }, true],
    ["what only went from one partition to another of the same member is not", { "t/0": 9 * MB, "t/1": 1 * MB }, false],
    ["a partition that came, or whose load was not known yet, is one", { "t/1": 5 * MB }, true],
    ["a partition that went is one to its taker, not to its giver", { "t/0": 5 * MB, "t/1": 5 * MB, "t/2": MB }, false]
  ])("%s", (_fact, claimed, yes) => {
    assert.strictEqual(drifted(new Map(Object.entries(claimed)), now), yes)
  })

  it("of loads that are small beside what a partition costs anyway is not worth a look", () => {
    assert.isFalse(drifted(new Map(), new Map([["t/0", 10_000]])))
  })
})

describe("a member asks for a look", () => {
  const measured = new Map<string, number>()
  const lead = (loads: Loads, ...members: ReadonlyArray<ReturnType<typeof member>>) =>
    loads.assigned(members, partitions, assignTwoStep(members, partitions, loads.hear(members, partitions)))

  it("when its load is another than it said in its last join", () => {
    measured.clear()
    const loads = new Loads(() => new Map(measured))
    measured.set("t/0", MB)
    assert.isTrue(loads.worthALook)
    loads.claim()
    assert.isFalse(loads.worthALook)
    measured.set("t/0", 2 * MB)
    assert.isTrue(loads.worthALook)
  })

  it("as leader once more after partitions moved, and no more when everything stayed", () => {
    const loads = new Loads(() => new Map())
    lead(loads, member("a", ["t/0", "t/1", "t/2", "t/3"]), member("b", []))
    assert.isTrue(loads.worthALook)
    lead(loads, member("a", ["t/0", "t/1"]), member("b", []))
    assert.isTrue(loads.worthALook)
    lead(loads, member("a", ["t/0", "t/1"]), member("b", ["t/2", "t/3"]))
    assert.isFalse(loads.worthALook)
  })

  it("never while it is the only one, and not for another leader's moves", () => {
    measured.clear()
    const loads = new Loads(() => new Map(measured))
    lead(loads, member("a", []))
    measured.set("t/0", MB)
    assert.isFalse(loads.worthALook)
    loads.claim()
    lead(loads, member("a", ["t/0", "t/1", "t/2", "t/3"]), member("b", []))
    loads.follow()
    assert.isFalse(loads.worthALook)
  })
})
