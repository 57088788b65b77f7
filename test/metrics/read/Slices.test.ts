/** A text that is read a slice at a time comes to what it comes to at once, by whatever page, and whatever is read between two slices. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import type { Page } from "../../../src/metrics/read/Page.ts"
import { portionOfLarge, readSnapshot, readSnapshotInSlices } from "../../../src/metrics/read/Snapshot.ts"
import type { Refusal } from "../../../src/metrics/text/Dump.ts"
import { dumps } from "../../support/arbitraries.ts"
import { readOptions } from "../readOptions.ts"

const options = readOptions("svc-1", 5000)
const ways: ReadonlyArray<ReadOptions> = [
  options,
  { ...options, timestamps: "event", time: 1_700_000_000_000 },
  { ...options, format: "openmetrics" }
]

const isRefusal = (result: object): result is Refusal => "reason" in result

/** All that a page is, but for what it only shares. */
const plain = (result: Page | Refusal) => {
  if (isRefusal(result)) return result
  const { dump, layout, starts } = result
  const families = [...dump.families].map((family) => ({
    ...family,
    bytes: Buffer.from(family.bytes).toString("latin1")
  }))
  const { arrangement, described, plain, records } = layout
  return { dump: { ...dump, families }, starts, arrangement, described, plain, records: untouched(records) }
}

/** Where a line was in a reading means nothing any more. */
const untouched = (records: Int32Array): ReadonlyArray<number> => Array.from(records).filter((_, k) => k % 8 > 1)

const inSlices = (text: Uint8Array, how: ReadOptions, before: Page | undefined, portion = portionOfLarge) => {
  const work = readSnapshotInSlices(text, how, before, portion)
  for (let slices = 0; ; slices++) {
    const step = work.next()
    if (step.done === true) return { result: step.value, slices }
    // Others read theirs meanwhile.
    readSnapshot(Buffer.from(`other{a="${slices}"} ${slices}\n# TYPE other counter\n`), options, undefined)
  }
}

/** Reads the texts one after the other in both ways, each by the page of the one before. */
const check = (texts: ReadonlyArray<string>, how: ReadOptions, portion = portionOfLarge): number => {
  let [whole, sliced]: [Page | undefined, Page | undefined] = [undefined, undefined]
  let all = 0
  for (const text of texts) {
    const bytes = Buffer.from(text)
    const expected = readSnapshot(bytes, how, whole)
    const { result, slices } = inSlices(bytes, how, sliced, portion)
    assert.deepStrictEqual(plain(result), plain(expected), text)
    all += slices
    whole = isRefusal(expected) ? whole : expected
    sliced = isRefusal(result) ? sliced : result
  }
  return all
}

/** Some lines less, twice or elsewhere, some bytes others. */
const changed = (text: string, seeds: ReadonlyArray<number>): string => {
  const lines = text.split("\n")
  for (const seed of seeds) {
    const [from, to] = [seed % lines.length, (seed >>> 8) % lines.length]
    if (seed % 4 === 0) lines.splice(from, 1)
    else if (seed % 4 === 1) lines.splice(to, 0, lines[from] ?? "")
    else if (seed % 4 === 2) lines[from] = (lines[from] ?? "").replace(/.$/, "7")
    else lines[from] = (lines[from] ?? "").slice(0, to)
  }
  return lines.join("\n")
}

const hostile = [
  "# TYPE a gauge\n".repeat(5000),
  `a 1\n${"# TYPE b x\n\n# HELP c d\n".repeat(3500)}b 2\n`,
  `a{b="${"x\n".repeat(20)}"} 1\n`,
  'a{b="1 1\n'.repeat(300),
  `a{b="${"x 1\n".repeat(20_000)}`,
  `{"${"x\n".repeat(20_000)}`,
  "a{b= 1\n".repeat(300),
  'a{b="c"} 1\n'.repeat(300),
  `a 1\n# EOF\n${"b 1\n".repeat(300)}`,
  "\n".repeat(300),
  ""
]

describe("a text that is read a slice at a time", () => {
  it("comes to what it comes to at once, whatever changed and however small the slices are", () => {
    fc.assert(
      fc.property(
        dumps,
        fc.array(fc.array(fc.nat(2 ** 31 - 1), { maxLength: 6 }), { maxLength: 3 }),
        fc.record({ bytes: fc.integer({ min: 1, max: 400 }), items: fc.integer({ min: 1, max: 9 }) }),
        fc.constantFrom(...ways),
        ({ text }, changes, portion, how) => {
          const first = how.format === "openmetrics" ? `${text.replace(/# EOF\n?$/, "")}# EOF\n` : text
          const texts = [first]
          for (const seeds of changes) texts.push(changed(texts.at(-1)!, seeds))
          check([...texts, first], how, portion)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("also where the text is meant to cost", () => {
    for (const text of hostile)
      for (const how of ways) {
        check([text, text, `${text}z 1\n`], how, { bytes: 20_000, items: 500 })
        check([`z{a="1"} 1\nz{a="2"} 2\n`, text], how, { bytes: 7000, items: 300 })
      }
  })

  it("has its turns, each of so many bytes", () => {
    const text = Array.from({ length: 300 }, (_, i) => `a{b="${i}"} 1\n`).join("")
    // Of reading alone: each other step takes as many slices.
    assert.isAtLeast(check([text], options, { bytes: 1e6, items: 10 }), 6 * 30)
    for (const texts of [[text], [text, text.replaceAll(" 1\n", " 2\n")], [text, `b 1\n${text}`]]) {
      const bytes = texts.reduce((sum, { length }) => sum + length, 0)
      assert.isAtLeast(check(texts, options, { bytes: 100, items: 10_000 }), bytes / 150)
      assert.isAtLeast(check(texts, options, { bytes: 1e6, items: 10 }), 30)
    }
  })

  it("has its turns also in comments, and behind the end of OpenMetrics", () => {
    const comments = `${"# nothing but comments\n".repeat(100_000)}a 1\n`
    assert.isAtLeast(check([comments], options, { bytes: 1000, items: 1e6 }), comments.length / 66_000)
    const ended = `a 1\n# EOF\n${"b 1\n".repeat(10_000)}`
    assert.isAtLeast(check([ended], { ...options, format: "openmetrics" }, { bytes: 1000, items: 1e6 }), 40)
  })

  it("is known as the same where its comments go on and on", () => {
    const text = (value: number) => `a 1\n${"# nothing but comments\n".repeat(10_000)}b ${value}\n`
    const page = readSnapshot(Buffer.from(text(1)), options, undefined)
    if (isRefusal(page)) assert.fail(page.detail)
    const next = readSnapshot(Buffer.from(text(2)), options, page)
    assert.isTrue(!isRefusal(next) && next.layout === page.layout)
  })
})
