/** Answers go out between the broker's turns, never within one. */
import { assert, describe, it } from "@effect/vitest"
import { Outbox } from "../../../src/transport/embedded/Outbox.ts"

describe("Outbox", () => {
  it("what is posted in a turn goes out after it, in order, and what that causes after that", () => {
    const outbox = new Outbox()
    const trace: Array<string> = []
    const say = (text: string) => () => {
      trace.push(text)
    }
    outbox.turn(() => {
      outbox.post(() => {
        say("first answer")()
        outbox.turn(() => {
          outbox.post(say("answer to what the first one caused"))
          say("turn that the first one caused")()
        })
      })
      outbox.turn(() => outbox.post(say("second answer")))
      say("turn")()
    })
    outbox.post(say("between turns"))
    assert.deepStrictEqual(trace, [
      "turn",
      "first answer",
      "turn that the first one caused",
      "second answer",
      "answer to what the first one caused",
      "between turns"
    ])
  })

  it("a turn that fails still sends what it posted", () => {
    const outbox = new Outbox()
    const trace: Array<string> = []
    assert.throws(() =>
      outbox.turn(() => {
        outbox.post(() => trace.push("answer"))
        throw new Error("bug")
      })
    )
    assert.deepStrictEqual(trace, ["answer"])
  })
})
