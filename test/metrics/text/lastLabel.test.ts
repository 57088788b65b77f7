/** A bound is found at the end of a line's labels where it stands there, whatever the labels before it and its own value are like. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { labelValue, lastLabelValue } from "../../../src/metrics/text/Line.ts"
import { encode, escapeValue } from "../../../src/metrics/text/Syntax.ts"

const LE = encode("le")

/** Pieces that look like what stands around a bound. */
const value = fc
  .array(fc.constantFrom('"', "\\", "=", ",", "{", "}", "le", 'le="', ',le="5', "5", "+Inf", "é"), { maxLength: 5 })
  .map((pieces) => escapeValue(pieces.join("")))
const name = fc.constantFrom("a", "xle", "le", '"l.e"', '"le\\""')

describe("the last label of a line", () => {
  it("is the one that reading all of them finds, or is not found", () => {
    let found = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 4 }), (labels) => {
        // No label comes twice.
        const once = labels.filter(([name], i) => labels.findIndex(([other]) => other === name) === i)
        const own = `m{${once.map(([name, value]) => `${name}="${value}"`).join()}`
        const line = encode(`${own},instance="a"} 1\n`)
        const last = lastLabelValue(line, 0, encode(own).length, LE)
        const ends = once.at(-1)![0] === "le"
        if (last < 0) {
          if (ends) assert.include(once.at(-1)![1], '\\"')
          return
        }
        found++
        assert.isTrue(ends)
        assert.strictEqual(last, labelValue(line, 0, LE))
      }),
      { numRuns: 3_000 }
    )
    assert.isAbove(found, 300)
  })
})
