/** The memory of lines: what is given back is used again, and no more of it is kept than the bound. */
import { assert, describe, it } from "@effect/vitest"
import { allocateLines, giveBackLines, SLACK } from "../../../src/metrics/text/LineMemory.ts"

describe("the memory of lines", () => {
  it("is of the length asked for, and readable beyond it", () => {
    for (const length of [0, 1, 8, 255, 256, 257, 4096, 123_457, 1_000_000]) {
      const lines = allocateLines(length)
      assert.strictEqual(lines.length, length)
      assert.isAtLeast(lines.buffer.byteLength, length + SLACK)
      assert.isAtMost(lines.buffer.byteLength, (length + SLACK) * 1.0625 + 16)
    }
  })

  it("that was given back serves the next of about the same length, once", () => {
    const first = allocateLines(100_000)
    giveBackLines(first)
    const second = allocateLines(100_017)
    assert.strictEqual(second.buffer, first.buffer)
    assert.strictEqual(second.length, 100_017)
    assert.notStrictEqual(allocateLines(100_017).buffer, first.buffer)
  })

  it("is not kept without a bound", () => {
    const all = Array.from({ length: 20 }, () => allocateLines(1_000_000))
    for (const lines of all) giveBackLines(lines)
    const again = new Set(Array.from({ length: 20 }, () => allocateLines(1_000_000).buffer))
    assert.isAtMost(all.filter((lines) => again.has(lines.buffer as ArrayBuffer)).length, 8)
  })
})
