import { assert, describe, it } from "@effect/vitest"
import { Answers } from "../../../src/agent/files/Answers.ts"

const setUp = () => {
  let time = 0
  return {
    answers: new Answers(() => time),
    pass: (ms: number) => {
      time += ms
    }
  }
}

describe("Answers", () => {
  it("a group that hangs is told once, and once when it answers", () => {
    const { answers } = setUp()
    assert.strictEqual(answers.group("/m", false, 0, 1), undefined)
    assert.deepStrictEqual(answers.group("/m", true, 5_400, 1), {
      level: "warning",
      text: "/m has not answered for 5 s: 1 dump file of it, and what may be new in it, wait; all other files go on"
    })
    assert.isTrue(answers.isHung("/m"))
    assert.match(answers.group("/m", false, 0, 2)!.text, /^\/m answers again: 2 dump files/)
    assert.strictEqual(answers.group("/m", false, 0, 2), undefined)
    assert.isFalse(answers.isHung("/m"))
  })

  it("the agent is of no use when nothing returned for thirty seconds, by the looker's word or without it", () => {
    const { answers, pass } = setUp()
    pass(20_000)
    answers.beat(100)
    assert.strictEqual(answers.age(), 100)
    pass(29_899)
    assert.strictEqual(answers.uselessness(), undefined)
    pass(1)
    assert.match(answers.uselessness()!, /for 30 s: the looker does not answer\. Restarting the agent mends no mount$/)
    answers.group("/m", true, 30_000, 1)
    assert.match(answers.uselessness()!, /: \/m does not answer\./)
    answers.beat(0)
    assert.strictEqual(answers.uselessness(), undefined)
  })
})
