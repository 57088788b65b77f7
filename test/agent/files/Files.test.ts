/** What the agent makes of a looker's words, also where one looker follows another. */
import { assert, describe, it } from "@effect/vitest"
import { Files } from "../../../src/agent/files/Files.ts"
import type { FromLooker, RoundMessage } from "../../../src/agent/files/Wire.ts"

const place = { ino: "1", start: 0, end: 4, hash: "h", known: true }
const round: RoundMessage = {
  ...{ t: "round", id: 1, format: "text", time: 1, age: 0, place, taken: "look", again: false },
  check: { shown: 1, lines: 0, first: undefined, advice: "" }
}

const setUp = () => {
  let time = 0
  const files = new Files({ expiry: 90_000, now: () => time, note: () => {}, forget: () => {} })
  const say = (message: FromLooker) => files.accept(message, Buffer.from("a 1\n"))
  const started = (id: number) => {
    files.begins()
    say({ t: "found", id, path: "/a", source: "h/a", group: "/" })
  }
  return {
    ...{ files, say, started },
    lines: () => files.takeLines().map(({ text }) => text),
    pass: (ms: number) => {
      time += ms
    },
    state: () => files.status()[0]?.state
  }
}

describe("Files", () => {
  it("a file that is stale stays so under another looker, and is told once", () => {
    const { started, say, lines, pass, state } = setUp()
    started(1)
    say({ t: "old", id: 1, age: 80_000, place, taken: "look" })
    pass(5_000)
    assert.match(lines().join("|"), /^\/a \(source h\/a\) is stale/)
    started(7)
    say({ t: "state", id: 7, state: "taken", why: "" })
    pass(5_000)
    assert.deepStrictEqual(lines(), [])
    assert.strictEqual(state(), "stale")
    say({ ...round, id: 7 })
    pass(5_000)
    assert.match(lines().join("|"), /is read again, it was stale/)
  })

  it("a trouble that another looker does not find is over; one that it finds is not told again", () => {
    const { files, say, lines } = setUp()
    for (const key of ["a", "b"]) say({ t: "trouble", key, text: `${key} is wrong` })
    assert.deepStrictEqual(lines(), ["a is wrong", "b is wrong"])
    files.begins()
    say({ t: "trouble", key: "b", text: "b is wrong" })
    say({ t: "walked", complete: false })
    assert.deepStrictEqual(lines(), [])
    say({ t: "walked", complete: true })
    assert.deepStrictEqual(lines(), ["over: a is wrong"])
  })

  it("a file that another looker does not find has left, when all could be listed", () => {
    const { files, started, say } = setUp()
    started(1)
    say(round)
    files.begins()
    say({ t: "walked", complete: false })
    assert.deepStrictEqual(files.takeLeft(), [])
    say({ t: "walked", complete: true })
    assert.deepStrictEqual(files.takeLeft(), ["h/a"])
    assert.deepStrictEqual(files.status(), [])
  })

  it("the next looker is told which round of each file the agent has", () => {
    const { files, started, say } = setUp()
    started(1)
    assert.deepStrictEqual([...files.taken()], [["/a", ""]])
    say(round)
    assert.deepStrictEqual([...files.taken()], [["/a", "look"]])
    started(2)
    assert.deepStrictEqual([...files.taken()], [["/a", "look"]])
  })
})
