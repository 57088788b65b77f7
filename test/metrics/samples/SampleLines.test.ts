/** The store of a source's sample lines: it holds no more memory than its lines need, however often they change. */
import { assert, describe, it } from "@effect/vitest"
import { START } from "../../../src/metrics/read/LineRecord.ts"
import { reader } from "../../../src/metrics/read/Snapshot.ts"
import { SampleLines } from "../../../src/metrics/samples/SampleLines.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"

const attach = { sourceLabel: "instance", source: "s", labels: [] }
const options = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 } as const
const stamp = { offset: 0, timestamp: 0, mono: 0, replayed: false }

const put = (lines: SampleLines, text: string): void => {
  const reading = reader.read(Buffer.from(text), options, undefined)
  if ("reason" in reading) assert.fail(reading.detail)
  const view = new DataView(reading.lines.bytes.buffer)
  for (let n = 0; n < reading.count; n++) lines.put(lines.find(reading, n, view), reading, n, view, 0, stamp)
}

const textOf = (lines: SampleLines): ReadonlyArray<string> => {
  const all: Array<string> = []
  for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
    const [start, length] = [lines.records[slot * SampleLines.stride + START]!, lines.lengthOf(slot)]
    all.push(
      Buffer.from(lines.text.subarray(start, start + length))
        .toString()
        .trimEnd()
    )
  }
  return all
}

describe("sample lines", () => {
  it("are one a series, in the order of their last update", () => {
    const lines = new SampleLines()
    put(lines, 'a{x="1"} 1\nb 2\na{x="2"} 3\nb 4\n')
    assert.deepStrictEqual(textOf(lines), ['a{x="1",instance="s"} 1', 'a{x="2",instance="s"} 3', 'b{instance="s"} 4'])
    assert.strictEqual(lines.count, 3)
    assert.strictEqual(lines.names.used, 2)
  })

  it("take the memory of those that are there, whatever became of them", () => {
    const lines = new SampleLines()
    for (let round = 0; round < 200; round++) {
      const digits = "7".repeat(1 + (round % 40))
      put(lines, Array.from({ length: 100 }, (_, n) => `a{n="${n}"} ${digits}\n`).join(""))
    }
    assert.strictEqual(lines.count, 100)
    assert.isBelow(lines.text.length, 100 * 200)
    for (let slot = 0; slot < 90; slot++) lines.remove(slot)
    const left = textOf(lines)
    const few = lines.compacted()
    assert.strictEqual(few.count, 10)
    assert.isBelow(few.text.length, 10 * 300)
    assert.deepStrictEqual(textOf(few), left)
    put(few, 'a{n="95"} 5\n')
    assert.strictEqual(few.count, 10)
    assert.strictEqual(textOf(few).at(-1), 'a{n="95",instance="s"} 5')
  })

  it("give back the room of values that were long", () => {
    const lines = new SampleLines()
    const text = (value: string) => Array.from({ length: 100 }, (_, n) => `a{n="${n}"} ${value}\n`).join("")
    put(lines, text("1".padStart(1000, "0")))
    put(lines, text("2"))
    assert.isAbove(lines.text.length, 100 * 1000)
    lines.tidy()
    assert.isBelow(lines.text.length, 100 * 100)
    assert.deepStrictEqual(textOf(lines).slice(0, 2), ['a{n="0",instance="s"} 2', 'a{n="1",instance="s"} 2'])
    put(lines, text("33"))
    assert.strictEqual(textOf(lines).at(-1), 'a{n="99",instance="s"} 33')
  })

  it("of many series with one hash are told apart", () => {
    // Labels whose hashes are summed up: names and values change places.
    const lines = new SampleLines()
    const text = Array.from({ length: 300 }, (_, n) => `a{x="${n}"} ${n}\n`).join("")
    const reading = reader.read(Buffer.from(text), options, undefined)
    if ("reason" in reading) assert.fail(reading.detail)
    const view = new DataView(reading.lines.bytes.buffer)
    for (let n = 0; n < reading.count; n++) reading.records[n * 8 + 5] = 7
    for (let turn = 0; turn < 2; turn++)
      for (let n = 0; n < reading.count; n++) lines.put(lines.find(reading, n, view), reading, n, view, 0, stamp)
    assert.strictEqual(lines.count, 300)
    for (let slot = 0; slot < 300; slot++) lines.remove(slot)
    assert.strictEqual(lines.bytes, 0)
  })
})
