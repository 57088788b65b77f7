/** Samples: what a dump's lines say, and what is different between two dumps, against a plain model of both. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type Changes, changesOf, samples } from "../../../src/metrics/tap/Samples.ts"
import type { Dump } from "../../../src/metrics/text/Dump.ts"

/** Of these lines, in so many families. */
const dumpOf = (lines: ReadonlyArray<string>, families = 1): Pick<Dump, "families"> => {
  const size = Math.ceil(lines.length / families)
  const parts = Array.from({ length: families }, (_, i) => lines.slice(i * size, (i + 1) * size))
  return { families: parts.map((part) => ({ bytes: Buffer.from(part.join("")) })) as never }
}

const plain = (changes: Changes) => ({
  changed: changes.changed.map(({ series, value }) => `${series} ${value}`).sort(),
  went: changes.went.map(({ series }) => series).sort()
})

describe("the samples of a dump", () => {
  it("have their name, labels, value and time, in the order of the dump", () => {
    const found = [
      ...samples(
        dumpOf(
          [
            "a 1\n",
            'a_bucket{le="+Inf",instance="s"} 5e3 1700000000123\n',
            '{"http.requests","other.label"="} \\" \\n",instance="s"} +Inf\n',
            'c{x="1"} NaN -5 # {trace="t"} 1\n'
          ],
          2
        )
      )
    ]
    assert.deepStrictEqual(
      found.map(({ name, labels, value, timestamp }) => [name, Object.fromEntries(labels), value, timestamp]),
      [
        ["a", {}, 1, undefined],
        ["a_bucket", { le: "+Inf", instance: "s" }, 5000, 1700000000123],
        ["http.requests", { "other.label": '} " \n', instance: "s" }, Number.POSITIVE_INFINITY, undefined],
        ["c", { x: "1" }, Number.NaN, -5]
      ]
    )
    assert.strictEqual(found[1]!.series, 'a_bucket{le="+Inf",instance="s"}')
  })

  it("stay good when the dump's memory is others'", () => {
    const dump = dumpOf(['a{x="1"} 1\n'])
    const [sample] = samples(dump)
    for (const { bytes } of dump.families) bytes.fill(0x30)
    assert.deepStrictEqual([sample!.name, sample!.labels.get("x"), sample!.value], ["a", "1", 1])
  })
})

describe("what is different", () => {
  const series = fc.stringMatching(/^[a-e]\{l="[xy]"\}$/)
  const content = fc.uniqueArray(fc.tuple(series, fc.nat(2)), { selector: ([name]) => name, maxLength: 8 })
  const linesOf = (pairs: ReadonlyArray<readonly [string, number]>) =>
    pairs.map(([name, value]) => `${name} ${value}\n`)

  it("is every new or changed value and every series that is not there any more, in whatever order they stand", () => {
    fc.assert(
      fc.property(content, content, fc.integer({ min: 1, max: 3 }), (before, after, families) => {
        const [was, is] = [new Map(before), new Map(after)]
        const expected = {
          changed: after
            .filter(([name, value]) => was.get(name) !== value)
            .map(([name, value]) => `${name} ${value}`)
            .sort(),
          went: before
            .filter(([name]) => !is.has(name))
            .map(([name]) => name)
            .sort()
        }
        const found = plain(changesOf(dumpOf(linesOf(after), families), dumpOf(linesOf(before))))
        assert.deepStrictEqual(found, expected)
      })
    )
  })

  it("is nothing where only the times of samples moved", () => {
    assert.deepStrictEqual(plain(changesOf(dumpOf(["a 1 2000\n"]), dumpOf(["a 1 1000\n"]))), { changed: [], went: [] })
  })

  it("tells of what went how it was", () => {
    const { went } = changesOf(dumpOf([]), dumpOf(['a{x="1"} 7\n']))
    assert.deepStrictEqual(
      went.map(({ name, value }) => [name, value]),
      [["a", 7]]
    )
  })
})
