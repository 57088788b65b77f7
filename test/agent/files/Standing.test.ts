import { assert, describe, it } from "@effect/vitest"
import { Standing } from "../../../src/agent/files/Standing.ts"
import type { FromLooker } from "../../../src/agent/files/Wire.ts"

const setUp = () => {
  const sent: Array<string> = []
  const say = (message: FromLooker) =>
    void sent.push(
      [message.t, "group" in message ? message.group : "", "state" in message ? message.state : ""].join(" ")
    )
  return { sent, standing: new Standing(1, "/a", "h/a", say) }
}

describe("Standing", () => {
  it("each thing is said once, and nothing of a file that is not there", () => {
    const { sent, standing } = setUp()
    standing.left()
    standing.found("g")
    standing.become("unreadable", "EACCES")
    standing.become("unreadable", "EACCES")
    standing.become("unreadable", "EIO")
    standing.left()
    standing.become("taken")
    assert.deepStrictEqual(sent, ["found g ", "state  unreadable", "state  unreadable", "left  "])
  })

  it("between two dumps nothing is said, and what another message says is not said again", () => {
    const { sent, standing } = setUp()
    standing.found("g")
    standing.became("taken")
    standing.become("settling")
    standing.become("taken")
    standing.become("incomplete", "x")
    standing.become("settling")
    assert.deepStrictEqual(sent.slice(1), ["state  incomplete", "state  settling"])
  })
})
