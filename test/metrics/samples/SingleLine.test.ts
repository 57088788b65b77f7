/** A text that is one known line with another value: what is taken for one, and that it comes to what reading it makes of it. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { reader } from "../../../src/metrics/read/Snapshot.ts"
import { Ages } from "../../../src/metrics/rounds/Ages.ts"
import { SampleSeries } from "../../../src/metrics/samples/SampleSeries.ts"
import { SingleLine } from "../../../src/metrics/samples/SingleLine.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { readOptions } from "../readOptions.ts"

const utf8 = new TextEncoder()
const options = readOptions("s")
const stamp = { offset: 0, timestamp: 0, mono: 0, replayed: false }
const line = new SingleLine()

/** Its lines came twice: where some are new a single one is not looked for everywhere. */
const seriesOf = (text: string, how = options): SampleSeries => {
  const series = new SampleSeries()
  add(series, text, how)
  add(series, text, how)
  return series
}
const add = (series: SampleSeries, text: string, how = options): void => {
  const reading = reader.read(utf8.encode(text), how, series.memory())
  if ("reason" in reading) assert.fail(reading.detail)
  series.add(reading, { ...stamp })
}
const isKnown = (series: SampleSeries, text: string, how = options): boolean =>
  line.read(utf8.encode(text), how, series.memory()!)

/** All that can be seen of it. */
const shown = (series: SampleSeries) => {
  const { bytes, first } = series
  const dump = series.look(new Ages(noTime.readAgo), { wall: 0, mono: 0 }, 1000)!.dump
  return {
    bytes,
    first,
    families: [...dump.families].map((f) => ({ ...f, gather: undefined, bytes: Buffer.from(f.bytes).toString() }))
  }
}

const known = [
  "a 1",
  'b{x="1",y="2"} 1',
  'b{x="1", y="3" } 1',
  'b{x="1",y="4",} 1',
  "c{} 1",
  '{"d.e",x="1"} 1',
  'b{x="} 1"} 1',
  "h 7 1234567890123"
]

describe("a single line", () => {
  it.each([
    ["a 2", true],
    ["a 2\n", true],
    ["a -1.5e-7\n", true],
    ["a 123456789012345678901234567890", true],
    ['b{x="1",y="2"} 100', true],
    ['b{x="1", y="3" } 2', true],
    ['b{x="1",y="4",} 2', true],
    ["c{} 2", true],
    ['{"d.e",x="1"} 2', true],
    ['b{x="} 1"} 2', true],
    ["h 8", true],
    ["", false],
    ["\n", false],
    ["a", false],
    ["a ", false],
    ["a x", false],
    ["a  2", false],
    ["a 2 1234567890123", false],
    ["a 2\r\n", false],
    ["a 2\n\n", false],
    ["a 2\na 3", false],
    ["# a\na 2", false],
    [" a 2", false],
    ["a{ 2", false],
    ["a+Inf", false],
    ["ab 2", false],
    ['b{x="1",y="2"}2', false],
    ['b{x="1",y="2",z="3"} 2', false],
    ['b{y="2",x="1"} 2', false]
  ])("%j is known: %s", (text, expected) => {
    for (const timestamps of ["scrape", "event"] as const) {
      const how = { ...options, timestamps, time: 5 }
      const series = seriesOf(known.join("\n"), how)
      assert.strictEqual(isKnown(series, text, { ...how, time: 1700000000000 }), expected)
    }
  })

  it("comes to what reading it makes of it", () => {
    for (const timestamps of ["scrape", "event"] as const) {
      const how = { ...options, timestamps, time: 5 }
      const [one, other] = [seriesOf(known.join("\n"), how), seriesOf(known.join("\n"), how)]
      for (const value of ["2", "12345678901234567890123456789", "-0.5", "3"])
        for (const text of known.map((each) => each.replace(/ [0-9 ]+$/, ` ${value}`))) {
          const at = { ...how, time: 10 ** value.length }
          assert.isTrue(isKnown(one, text, at), text)
          const bytes = one.bytes + one.growthBy(line)
          one.renew(line, { ...stamp })
          assert.strictEqual(one.bytes, bytes)
          add(other, text, at)
          assert.deepStrictEqual(shown(one), shown(other))
        }
    }
  })

  it("comes to what reading it makes of it, whatever it is", () => {
    const piece = fc.constantFrom(...'a1 {}",=\\\n\t.#e+-', "NaN", "Inf", 'x="1"', "é", "\0", "\r", "7777777777777777")
    const ending = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(""))
    const beginning = fc.constantFrom(...known.map((each) => each.replace(/[0-9 ]+$/, "")), "a", "b{")
    const text = fc.tuple(beginning, fc.constantFrom(" ", " 1", "", ""), ending).map((parts) => parts.join(""))
    let times = 0
    fc.assert(
      fc.property(text, text, (first, next) => {
        const series = [0, 1].map(() => {
          const each = seriesOf(known.join("\n"))
          for (let n = 0; n < 2; n++) {
            const reading = reader.read(utf8.encode(first), options, each.memory())
            if (!("reason" in reading)) each.add(reading, { ...stamp })
          }
          return each
        })
        const [one, other] = series as [SampleSeries, SampleSeries]
        if (!isKnown(one, next)) return
        times++
        one.renew(line, { ...stamp })
        add(other, next)
        assert.deepStrictEqual(shown(one), shown(other))
      }),
      { numRuns: 5000, seed: 7 }
    )
    assert.isAbove(times, 300)
  })

  it("is not known under other options, or where it is too long", () => {
    const series = seriesOf("a 1")
    const { attach, limits } = options
    assert.isFalse(isKnown(series, "a 2", { ...options, attach: { ...attach, labels: [["job", "k"]] } }))
    assert.isFalse(isKnown(series, "a 2", { ...options, format: "openmetrics" }))
    assert.isFalse(isKnown(series, "a 2", { ...options, limits: { ...limits, maxBytes: 2 } }))
    assert.isFalse(isKnown(series, `a ${"0".repeat(5000)}`))
    const other = { ...options, attach: { ...attach, labels: [["job", "k"]] as const } }
    add(series, "b 1", other)
    add(series, "b 1", other)
    assert.isFalse(isKnown(series, "a 2", other))
    assert.isTrue(isKnown(series, "b 2", other))
  })

  it("is known wherever it is", () => {
    const all = Array.from({ length: 500 }, (_, n) => `a{n="${n}"} `)
    const series = seriesOf(all.map((each) => `${each}1\n`).join(""))
    for (const each of [...all.toReversed(), ...all]) {
      assert.isTrue(isKnown(series, `${each}2`))
      series.renew(line, { ...stamp })
    }
    assert.strictEqual(series.series, 500)
  })
})
