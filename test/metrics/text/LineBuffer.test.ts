/** Where lines are written: memory that may be kept, and memory that is used again. */
import { assert, describe, it } from "vitest"
import { LineBuffer } from "../../../src/metrics/text/LineBuffer.ts"

const fill = (buffer: LineBuffer, length: number, byte: number): void => {
  buffer.reserve(length)
  buffer.bytes.fill(byte, buffer.length, buffer.length + length)
  buffer.length += length
}

describe("the buffer of lines", () => {
  it("gives lines away that came as expected, and writes the next ones elsewhere", () => {
    const buffer = new LineBuffer()
    buffer.begin(100_000)
    fill(buffer, 99_000, 1)
    const taken = buffer.take()!
    assert.strictEqual(taken.length, 99_000)
    assert.strictEqual(buffer.bytes[0], 1, "they can be read until the next text")
    for (const expected of [0, 100_000]) {
      buffer.begin(expected)
      fill(buffer, 99_000, 2)
      assert.isTrue(taken.every((byte) => byte === 1))
    }
  })

  it("gives nothing away of memory that it uses again, or that is much larger", () => {
    const buffer = new LineBuffer()
    buffer.begin(0)
    fill(buffer, 100_000, 1)
    assert.isUndefined(buffer.take())
    buffer.begin(200_000)
    fill(buffer, 100_000, 1)
    assert.isUndefined(buffer.take())
    buffer.begin(1_000)
    fill(buffer, 1_000, 1)
    assert.isUndefined(buffer.take(), "less is copied")
  })

  it("holds what came where more comes than was expected", () => {
    const buffer = new LineBuffer()
    buffer.begin(100_000)
    fill(buffer, 99_000, 1)
    fill(buffer, 1_000_000, 2)
    assert.strictEqual(buffer.length, 1_099_000)
    assert.deepStrictEqual([...buffer.bytes.subarray(98_999, 99_001)], [1, 2])
    assert.isUndefined(buffer.take())
  })

  it("frees what nobody took", () => {
    const buffer = new LineBuffer()
    buffer.begin(100_000)
    const { bytes } = buffer
    buffer.begin(0)
    assert.strictEqual(bytes.length, 0)
  })
})
