import { assert, it } from "vitest"
import { checks } from "../../../src/agent/files/Checks.ts"

it("of a file one dump a minute is read, of each file by itself", () => {
  let now = 0
  const check = checks(() => now)
  const [a, b] = [{}, {}]
  const bad = Buffer.from("a 1\nb oops\nc oops\n")
  const first = check(a, bad, "text")
  assert.deepInclude(first, { shown: 1, lines: 2 })
  assert.deepInclude(first.first, { reason: "value", line: 2 })
  now = 59_999
  assert.strictEqual(check(a, Buffer.from("a 1\n"), "text"), first)
  assert.deepInclude(check(b, Buffer.from("a 1\n"), "text"), { shown: 1, lines: 0, first: undefined })
  now = 60_000
  assert.deepInclude(check(a, Buffer.from("a 1\n"), "text"), { shown: 1, lines: 0, first: undefined })
})

it("a dump that is refused as a whole shows nothing, and says what to do", () => {
  const { shown, lines, first, advice } = checks(() => 0)({}, Buffer.from("a 1\n"), "openmetrics")
  assert.deepStrictEqual([shown, lines, first?.reason], [0, 0, "no-eof"])
  assert.match(advice, /# EOF/)
})
