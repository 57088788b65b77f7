/** The memory of lines: readable beyond its end, and gone for whoever looks at it after it was freed. */
import { assert, describe, it } from "@effect/vitest"
import { allocateLines, freeLines, SLACK } from "../../../src/metrics/text/LineMemory.ts"

describe("the memory of lines", () => {
  it("is of the length asked for, and readable beyond it", () => {
    for (const length of [0, 1, 8, 255, 256, 257, 4096, 123_457, 1_000_000]) {
      const lines = allocateLines(length)
      assert.strictEqual(lines.length, length)
      assert.strictEqual(lines.buffer.byteLength, length + SLACK)
    }
  })

  it("that was freed is empty for whoever still looks at it", () => {
    const lines = allocateLines(100_000)
    const part = lines.subarray(10, 20)
    freeLines(lines)
    assert.strictEqual(lines.length, 0)
    assert.strictEqual(part.length, 0)
  })
})
