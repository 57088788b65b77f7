/** The memory of lines: readable beyond its end, and gone for whoever looks at it after it was freed. */
import { assert, describe, it } from "@effect/vitest"
import { allocateLines, freeLines, SLACK } from "../../../src/metrics/text/LineMemory.ts"

describe("the memory of lines", () => {
  it("is of the length asked for, readable beyond it, and at most a sixteenth more", () => {
    for (const length of [0, 1, 8, 247, 248, 249, 255, 256, 257, 4096, 123_457, 1_000_000]) {
      const lines = allocateLines(length)
      assert.strictEqual(lines.length, length)
      assert.isAtLeast(lines.buffer.byteLength, length + SLACK)
      assert.isAtMost(lines.buffer.byteLength, Math.max(length + SLACK + 16, (length + SLACK) * (1 + 1 / 16)))
    }
  })

  it("is of one size for lengths that hardly differ", () => {
    assert.strictEqual(allocateLines(165_000).buffer.byteLength, allocateLines(165_100).buffer.byteLength)
  })

  it("that was freed is empty for whoever still looks at it", () => {
    const lines = allocateLines(100_000)
    const part = lines.subarray(10, 20)
    freeLines(lines)
    assert.strictEqual(lines.length, 0)
    assert.strictEqual(part.length, 0)
  })
})
