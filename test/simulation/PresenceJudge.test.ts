/** The judge of presence must be able to find what it is for, whatever order the answers come in. */
import { assert, describe, it } from "@effect/vitest"
import { Oracle } from "../../src/testing/simulation/judges/Oracle.ts"
import { PresenceJudge } from "../../src/testing/simulation/judges/PresenceJudge.ts"

const maxGap = 1_000

/** Series `0/a` and `0/b` are of partition 0. */
const judge = (acquired = false) => {
  const oracle = new Oracle()
  const presence = new PresenceJudge(
    oracle,
    (series) => Number(series.split("/")[0]),
    () => acquired,
    maxGap
  )
  const answered = (cut: number, series: ReadonlyArray<string>, pod = "p") =>
    presence.answered({ cut, at: cut * 10, pod, values: new Map(series.map((s) => [s, 1])) })
  return { presence, answered, found: oracle.violations }
}

describe("the judge of presence", () => {
  it("finds a partition that was out of an answer although it stayed", () => {
    const { answered, found } = judge()
    answered(1, ["0/a", "1/a"])
    answered(2, ["1/a"])
    assert.deepStrictEqual(found, [])
    answered(3, ["0/a", "1/a"])
    assert.deepStrictEqual(found, ["partition 0 stayed with p and was out of 1 answers between 10 and 30 ms"])
  })

  it("finds an answer without anything between two with something", () => {
    const { answered, found } = judge()
    answered(1, ["0/a"])
    answered(2, [])
    answered(3, ["0/a"])
    assert.lengthOf(found, 1)
  })

  it("takes a partition that another pod acquired meanwhile for moved", () => {
    const { answered, found } = judge(true)
    answered(1, ["0/a"])
    answered(2, [])
    answered(3, ["0/a"])
    assert.deepStrictEqual(found, [])
  })

  it("does not hold the absence of a later cut against an earlier one that is answered late", () => {
    const { answered, found } = judge()
    answered(1, ["0/a"])
    answered(3, [])
    answered(2, ["0/a"])
    assert.deepStrictEqual(found, [])
    answered(4, ["0/a"])
    assert.lengthOf(found, 1)
  })

  it("asks nothing of a pod that did not have the partition", () => {
    const { answered, found } = judge()
    answered(1, ["0/a"])
    answered(2, [], "q")
    answered(3, ["0/a"])
    assert.deepStrictEqual(found, [])
  })

  it("finds a source that is missing beside others of its partition", () => {
    const { answered, found } = judge()
    answered(1, ["0/a", "0/b"])
    answered(2, ["0/a"], "q")
    assert.lengthOf(found, 1)
    assert.match(found[0]!, /^0\/b: not in q's body/)
  })

  it("finds a source that was away longer than a crash takes, counted from the last change", () => {
    const { presence, answered, found } = judge()
    answered(1, ["0/a"])
    presence.disturbed(500)
    answered(150, ["0/a"], "q")
    assert.deepStrictEqual(found, [])
    presence.end(1_500 + maxGap + 1)
    assert.lengthOf(found, 1)
  })
})
