/** The store of single lines against a plain map, also where hashes agree on purpose. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { plainLine } from "../../../src/metrics/samples/PlainLine.ts"
import { type NewLine, SampleLines } from "../../../src/metrics/samples/SampleLines.ts"
import { placeSeries, sampleFloats, seriesKey } from "../../../src/metrics/text/Series.ts"

const utf8 = new TextEncoder()
const labels = [["job", "j"]] as const

/** As the text `n{...} value` becomes it. */
const lineOf = (own: string, value: string, bits: number): NewLine => {
  const bytes = utf8.encode(`n{${own},job="j"} ${value}\n`)
  const series = { hash: 0, length: 0, valueAt: 0 }
  placeSeries(bytes, 0, series)
  series.hash &= bits
  if (!plainLine.read(utf8.encode(`n{${own}} ${value}`))) assert.fail("no plain line")
  const shape = { hash: plainLine.hash & bits, ownEnd: 2 + own.length, labels }
  return { bytes, view: new DataView(bytes.buffer), start: 0, length: bytes.length, series, shape }
}

const stampAt = (offset: number) => ({ offset, timestamp: offset * 2, mono: offset * 3, replayed: offset % 2 === 0 })

/** In the order of their last update. */
const contentOf = (lines: SampleLines<string>) => {
  const all: Array<unknown> = []
  for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
    const into = new Uint8Array(lines.lengthOf(slot))
    lines.copy(slot, new DataView(into.buffer), 0)
    all.push([lines.kindOf(slot), Buffer.from(into).toString(), lines.stampOf(slot)])
  }
  return all
}

describe("the lines of a source", () => {
  const label = fc.integer({ min: 0, max: 150 }).map((n) => (n % 10 === 0 ? `le="${n}"` : `x="${n}"`))
  const value = fc.integer({ min: 0, max: 40 }).map((n) => "123456789".repeat(5).slice(0, n + 1))
  const op = fc.tuple(fc.constantFrom("put", "put", "put", "renew", "remove", "respell", "compact"), label, value)

  it.each([
    ["as hashed", -1],
    ["with hashes that mostly agree", 1],
    ["with one hash for all", 0]
  ])("are those that were put last, %s", (_, bits) => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 100, maxLength: 400 }), (ops) => {
        let lines = new SampleLines<string>()
        const model = new Map<string, [kind: string, text: string, stamp: ReturnType<typeof stampAt>]>()
        let held = 0
        ops.forEach(([what, own, text], offset) => {
          const spelled = what === "respell" ? own.replace('le="', 'le="0') : own
          const line = lineOf(spelled, text, bits)
          const key = seriesKey(line.bytes, 0, sampleFloats)
          const before = model.get(key)
          const slot = lines.find(line)
          assert.strictEqual(slot >= 0, before !== undefined)
          const stamp = stampAt(offset)
          if (what === "compact") {
            // It makes the hashes anew.
            if (bits === -1) lines = lines.compacted()
          } else if (what === "remove") {
            if (slot >= 0) lines.remove(slot)
            model.delete(key)
          } else if (what === "renew") {
            plainLine.read(utf8.encode(`n{${own}} ${text}`))
            plainLine.hash &= bits
            const found = lines.findText(plainLine, labels)
            if (found < 0) return
            assert.strictEqual(found, slot)
            lines.renew(found, plainLine, undefined, stamp)
            model.delete(key)
            model.set(key, [before![0], Buffer.from(line.bytes).toString(), stamp])
          } else {
            lines.put(slot, line, String(offset), stamp)
            model.delete(key)
            model.set(key, [String(offset), Buffer.from(line.bytes).toString(), stamp])
          }
        })
        for (const [key, [, text]] of model) held += key.length + text.length
        assert.deepStrictEqual(contentOf(lines), [...model.values()])
        assert.strictEqual(lines.count, model.size)
        assert.strictEqual(lines.bytes, held)
        assert.strictEqual(lines.first, [...model.values()][0]?.[2].offset ?? Number.POSITIVE_INFINITY)
      }),
      { numRuns: 60, seed: 5 }
    )
  })

  it("of which few texts agree are all known again", () => {
    const lines = new SampleLines<string>()
    for (let n = 0; n < 2000; n++) lines.put(-1, lineOf(`x="${n}"`, "1", -1), "k", stampAt(n))
    for (let n = 0; n < 2000; n++) {
      plainLine.read(utf8.encode(`n{x="${n}"} 2`))
      assert.strictEqual(lines.findText(plainLine, labels), n)
    }
  })
})
