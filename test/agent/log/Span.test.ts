import { assert, describe, it } from "@effect/vitest"
import { formatSpan, newStream, parseSpan } from "../../../src/agent/log/Span.ts"

describe("Span", () => {
  it("is read as it was written, and streams are not the same", () => {
    const span = { stream: newStream(), from: 0, to: 9_007_199_254_740_991 }
    assert.deepStrictEqual(parseSpan(formatSpan(span)), span)
    assert.notStrictEqual(newStream(), newStream())
  })

  it("what does not parse is none", () => {
    const stream = newStream()
    for (const text of [
      "",
      stream,
      `${stream}.0`,
      `${stream}.5-5`,
      `${stream}.5-4`,
      `${stream}.0-9007199254740993`,
      `x.0-1`,
      `${stream}.0-1 `,
      `${stream.toUpperCase()}g.0-1`
    ])
      assert.isUndefined(parseSpan(text), text)
  })
})
