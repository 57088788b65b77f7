import { assert, describe, it } from "@effect/vitest"
import { formatSpan, isStream, newStream, parseSpan } from "../src/Span.ts"

describe("Span", () => {
  it("is read as it was written, and streams are not the same", () => {
    const span = { stream: newStream(), from: 0, to: 9_007_199_254_740_991 }
    assert.deepStrictEqual(parseSpan(formatSpan(span)), span)
    assert.notStrictEqual(newStream(), newStream())
  })

  it("of anybody's stream is read as well", () => {
    assert.deepStrictEqual(parseSpan("my_file-7.5-17"), { stream: "my_file-7", from: 5, to: 17 })
    assert.isFalse(isStream("my_file-7"))
  })

  it("what does not parse is none", () => {
    const stream = newStream()
    for (const text of [
      ...["", "a", stream, `${stream}.0`, `${stream}.5-5`, `${stream}.5-4`, `${stream}.0-9007199254740993`],
      ...[`${stream}.0-1 `, "a b.1-2", "a.1-2x", "a.-1-2", `${"a".repeat(65)}.1-2`]
    ])
      assert.isUndefined(parseSpan(text), text)
  })
})
