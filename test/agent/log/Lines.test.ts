import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { cutLine, cutLines, halve } from "../../../src/agent/log/Lines.ts"

const limits = { line: 8, value: 20 }
const cut = (text: string | Buffer, of = limits) => cutLines(Buffer.from(text), of)
const values = (text: string) => cut(text).pieces.map(({ value }) => value.toString("latin1"))

describe("Lines", () => {
  it("whole lines are taken as they stand, without the last line's end", () => {
    assert.deepStrictEqual(values("a\r\n\0\n\nb\n"), ["a\r\n\0\n\nb"])
    assert.deepStrictEqual(cut("a\nb\n").taken, 4)
  })

  it("an empty line is a value without bytes", () => {
    const { pieces } = cut("\n")
    assert.deepStrictEqual(
      pieces.map(({ from, to, value }) => [from, to, value.length]),
      [[0, 1, 0]]
    )
  })

  it("what has no line end yet waits", () => {
    assert.deepInclude(cut("a\nbc"), { taken: 2, isLong: false })
    assert.deepInclude(cut("bc"), { taken: 0, isLong: false, pieces: [] })
    assert.deepInclude(cut("12345678"), { taken: 0, isLong: false })
  })

  it("a line over the limit is cut, marked, and alone; its piece covers all of it", () => {
    assert.deepStrictEqual(values("a\n123456789\nb\n"), ["a", "12345678 [kafka2prom left out 1 bytes]", "b"])
    assert.deepStrictEqual(
      cut("a\n123456789\nb\n").pieces.map(({ from, to, isCut }) => [from, to, isCut]),
      [
        [0, 2, false],
        [2, 12, true],
        [12, 14, false]
      ]
    )
    assert.deepStrictEqual(values("12345678\n"), ["12345678"])
  })

  it("of a line over the limit whose end did not come yet nothing is taken, and it is said", () => {
    assert.deepInclude(cut("a\n123456789"), { taken: 2, isLong: true })
  })

  it("a line is not cut within a character", () => {
    const { value } = cutLine(Buffer.from("1234567äbc"), 8, 0, 12)
    assert.strictEqual(value.toString(), "1234567 [kafka2prom left out 4 bytes]")
  })

  it("random bytes: pieces follow each other, hold whole lines, and no more than the limits allow", () => {
    const bytes = fc
      .array(fc.constantFrom(10, 10, 13, 0, 97, 98, 0xc3, 0xa4), { maxLength: 200 })
      .map((a) => Buffer.from(a))
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 30 }), (text, line, more) => {
        const { pieces, taken, isLong } = cutLines(text, { line, value: line + more })
        let at = 0
        for (const { from, to, value, isCut } of pieces) {
          assert.strictEqual(from, at)
          assert.strictEqual(text[to - 1], 10)
          const whole = text.subarray(from, to - 1)
          if (isCut) {
            assert.isTrue(whole.length > line && !whole.includes(10))
            assert.isTrue(value.subarray(0, 1).equals(whole.subarray(0, 1)) || value[0] === 0x20)
          } else {
            assert.isTrue(value.equals(whole))
            assert.isAtMost(value.length, line + more)
            for (const one of whole.toString("latin1").split("\n")) assert.isAtMost(one.length, line)
          }
          at = to
        }
        assert.strictEqual(taken, at)
        const rest = text.subarray(at)
        assert.strictEqual(rest.includes(10), false)
        assert.strictEqual(isLong, rest.length > line)
      }),
      { numRuns: 2_000 }
    )
  })
})

describe("halve", () => {
  const piece = (text: string, isCut = false) => {
    const value = Buffer.from(text)
    return { from: 100, to: 100 + value.length + 1, value, isCut }
  }

  it("splits at a line near the middle; together the halves cover the same bytes", () => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`).join("\n")
    const halves = halve(piece(lines))!
    assert.strictEqual(halves.map(({ value }) => value.toString()).join("\n"), lines)
    assert.deepStrictEqual([halves[0]!.from, halves[0]!.to, halves[1]!.to], [100, halves[1]!.from, piece(lines).to])
    assert.isBelow(Math.max(...halves.map(({ value }) => value.length)), lines.length * 0.6)
  })

  it("cuts a single line further, and tells how much is missing of the file's", () => {
    const [cutOnce, ...rest] = halve(piece("x".repeat(1_000)))!
    assert.deepStrictEqual(rest, [])
    assert.deepInclude(cutOnce, { from: 100, to: 1_101, isCut: true })
    assert.strictEqual(cutOnce!.value.toString(), `${"x".repeat(500)} [kafka2prom left out 500 bytes]`)
    const [again] = halve({ ...cutOnce!, value: cutOnce!.value })!
    assert.match(again!.value.toString(), /^x{266} \[kafka2prom left out 734 bytes\]$/)
  })

  it("gives up where size is not what is wrong", () => {
    assert.isUndefined(halve(piece("short")))
  })
})
