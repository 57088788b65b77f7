/** What an operator is shown of a refused text. */
import { assert, describe, it } from "@effect/vitest"
import { excerpt } from "../../../src/metrics/text/Excerpt.ts"

const of = (text: string, line: number): string => excerpt(Buffer.from(text), line)

describe("an excerpt", () => {
  it("is the line that is to blame, the first where none is, the last where there are fewer", () => {
    assert.deepStrictEqual(
      [of("a\nb\nc\n", 2), of("a\nb\nc\n", 0), of("a\nb", 2), of("a\nb", 9), of("\nb", 0)],
      ["b", "a", "b", "b", ""]
    )
  })

  it("is the first line that is not UTF-8 where the text as a whole is refused for it", () => {
    const text = Buffer.concat([Buffer.from('good 1\nbad{l="'), Buffer.of(0xff), Buffer.from('"} 1\nafter 1\n')])
    assert.strictEqual(excerpt(text, 0), 'bad{l="\ufffd"} 1')
  })

  it("is bounded, and nothing of nothing", () => {
    assert.strictEqual(of("x".repeat(1_000_000), 1), `${"x".repeat(200)}…`)
    assert.deepStrictEqual([of("", 0), of("", 3), excerpt(null, 0)], ["", "", ""])
  })
})
