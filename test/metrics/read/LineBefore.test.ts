/**
 * A line comes to the same whatever line stands before it: what both have in common is compared and copied, which only saves work. And lines
 * of one series have one hash, in whatever order and form their labels come.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { FIELDS, GROUP, HASH, LENGTH, MISC, NAME, OWN, START } from "../../../src/metrics/read/LineRecord.ts"
import { Reader } from "../../../src/metrics/read/Reader.ts"
import { sampleFloats, seriesKey } from "../../../src/metrics/text/Series.ts"
import { readOptions } from "../readOptions.ts"

const options = readOptions("svc-1", 5000)
const reader = new Reader()
const hashes = new Map<string, number>()

/** The good lines of a text, with all that is known of each but where it is. */
const linesOf = (text: string) => {
  const reading = reader.read(Buffer.from(text), options, undefined)
  if ("reason" in reading) assert.fail(reading.detail)
  const { count, lines, names, records } = reading
  return Array.from({ length: count }, (_, n) => {
    const at = n * FIELDS
    const [start, length] = [records[at + START]!, records[at + LENGTH]!]
    const key = seriesKey(lines.bytes, start, sampleFloats)
    assert.strictEqual(hashes.get(key) ?? records[at + HASH], records[at + HASH], key)
    hashes.set(key, records[at + HASH]!)
    return {
      line: Buffer.from(lines.bytes.subarray(start, start + length)).toString(),
      name: names!.textOf(records[at + NAME]!),
      known: [OWN, HASH, GROUP, MISC].map((field) => records[at + field])
    }
  })
}

// Names that begin alike, one that is attached, one that is the metric's own; values that end in different places.
const label = fc.record({
  name: fc.constantFrom("a", "ab", "abc", "le", "quantile", "job", "instance", "m"),
  value: fc.constantFrom(
    "",
    "x",
    "xy",
    "1",
    "1.0",
    "svc-1",
    "x\\\\",
    'x\\"y',
    "a value of many bytes",
    "a value of more"
  ),
  after: fc.constantFrom(",", ",", ",", " , ", "")
})
const line = fc
  .record({
    name: fc.constantFrom("m", "m", "mm"),
    labels: fc.array(label, { maxLength: 4 }),
    end: fc.constantFrom("", ",")
  })
  .map(({ name, labels, end }) => {
    const inner = labels.map(({ name, value, after }, i) => `${name}="${value}"${i < labels.length - 1 ? after : end}`)
    return `${name}{${inner.join("")}} 1\n`
  })

describe("a line", () => {
  it("comes to the same whatever line stands before it", () => {
    let alike = 0
    fc.assert(
      fc.property(line, line, (before, text) => {
        const alone = linesOf(text)
        assert.deepStrictEqual(linesOf(before + text).slice(linesOf(before).length), alone)
        if (alone.length > 0 && before.slice(0, 5) === text.slice(0, 5)) alike++
      }),
      { numRuns: 5_000, seed: 7 }
    )
    assert.isAbove(alike, 250)
  })
})
