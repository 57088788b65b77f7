/**
 * What the agent says of a dump is what a pod does with it: held against the cache of a pod, for dumps as people sent them and for any
 * texts; and sites are told their own mistakes in words that they can follow.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { checkDump } from "../../../src/agent/dump/DumpCheck.ts"
import type { InputFormat } from "../../../src/metrics/text/Dump.ts"
import { openMetricsType, shownOf, textType } from "../../support/onePod.ts"

const folders = [
  join(import.meta.dirname, "../../metrics/field/central"),
  join(import.meta.dirname, "../../support/dumps")
]
const texts = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => !name.endsWith(".tsv"))
    .map((name) => ({ name, text: readFileSync(join(folder, name)), format: formatOf(name) }))
)

function formatOf(name: string): InputFormat {
  return /\.om$|openmetrics/.test(name) ? "openmetrics" : "text"
}

/** Numbered, as an agent's rounds are. */
const pod = (text: Uint8Array, format: InputFormat) =>
  shownOf(text, format === "text" ? textType : openMetricsType, "scrape", { "k2p-round": "1.1" })

const sampleLines = (text: Buffer): number =>
  text
    .toString("latin1")
    .split("\n")
    .filter((l) => /^[^#]/.test(l)).length

/** The check says what the pod does: how many series it shows, whether it refuses all, and which lines it counts, for what. */
const agrees = (text: Uint8Array, format: InputFormat): void => {
  const check = checkDump(text, format)
  const { openmetrics, refusals } = pod(text, format)
  assert.strictEqual(check.samples, sampleLines(openmetrics))
  const said = check.refusal === undefined ? check.refused : [{ ...check.refusal, count: 1 }]
  const counted = (lines: ReadonlyArray<{ readonly reason: string; readonly count: number }>) =>
    lines.map(({ reason, count }) => `${reason} ${count}`).sort()
  assert.deepStrictEqual(counted(said), counted(refusals))
  for (const { detail } of said) assert.isAtMost(detail.length, 200)
}

const good = '# HELP a A.\n# TYPE a counter\na 1\nb{x="1"} 2\n'
const check = (text: string | Uint8Array, format: InputFormat = "text", linesBefore = 0) =>
  checkDump(Buffer.from(text as string), format, linesBefore)

describe("a check of a dump", () => {
  it.each(texts)("$name: it says what a pod does", ({ text, format }) => agrees(text, format))

  it("of any text it says what a pod does", () => {
    const piece = fc.oneof(
      fc.constantFrom("a 1\n", "a 2\n", 'h_bucket{le="1"} 1\n', 'h_bucket{le="1.0"} 2\n', "# TYPE h histogram\n"),
      fc.constantFrom("up 1\n", "c 1 5\n", "c 2 9\n", "# EOF\n", "x\n", "\n", "# TYPE a info\n", "\r\n", "é 1\n", "\0"),
      fc.string({ maxLength: 8 })
    )
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 12 }),
        fc.constantFrom<InputFormat>("text", "openmetrics"),
        (pieces, format) => {
          const text = Buffer.from(pieces.join(""))
          fc.pre(text.length > 0)
          agrees(text, format)
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("nothing is said of a good dump", () =>
    assert.deepStrictEqual(check(good), {
      ...{ samples: 2, refusal: undefined, refused: [], advice: undefined, repeatedLine: 0 }
    }))

  it("a refused line is told by its number in the file, with its text", () => {
    const { samples, refused } = check(`a 1\nb{x="\n"} 2\nc oops\nd nope\n`, "text", 100)
    assert.strictEqual(samples, 2)
    assert.deepStrictEqual(refused, [
      { reason: "value", count: 2, line: 104, detail: 'c: the value "oops" is no number', text: "c oops" }
    ])
    const { refusal } = check("# x\na oops\n", "text", 5)
    assert.deepStrictEqual([refusal?.reason, refusal?.line, refusal?.text], ["value", 7, "a oops"])
  })

  it("the first line of a series that is there already is told, whichever of the two is shown", () => {
    assert.strictEqual(check('a{x="1",y="2"} 1\nb 1\na{y="2",x="1"} 2\nb 2\n', "text", 10).repeatedLine, 13)
    assert.strictEqual(check("a 1 100\nb 1 100\na 2 200\nb 2 200\n").repeatedLine, 3)
    assert.strictEqual(check('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1.0"} 1\n').repeatedLine, 3)
    assert.strictEqual(check('# TYPE h gauge\nh{le="1"} 1\nh{le="1.0"} 1\n').repeatedLine, 0)
    assert.strictEqual(check("up 1\na 1\nup 2\nb 1\nb 2\n").repeatedLine, 5)
    assert.strictEqual(check("a 1\na 2\n").refused[0]?.text, "a 2")
  })

  it.each<[name: string, text: string | Buffer, format: InputFormat, advice: RegExp]>([
    ["CR LF", good.replaceAll("\n", "\r\n"), "text", /CR LF.*LF alone/],
    ["CR LF of OpenMetrics", `${good}# EOF\n`.replaceAll("\n", "\r\n"), "openmetrics", /CR LF/],
    ["a byte order mark", `\ufeff${good}`, "text", /byte order mark/],
    ["UTF-16 with a mark", Buffer.from(`\ufeff${good}`, "utf16le"), "text", /UTF-16/],
    ["UTF-16 without one", Buffer.from(good, "utf16le"), "text", /UTF-16/],
    ["UTF-16, big end first", Buffer.from(good, "utf16le").swap16(), "text", /UTF-16/],
    ["a web page", "<!DOCTYPE html>\n<html><body>\n404 Not Found\n</body></html>\n", "text", /web page/],
    ["JSON", '{"a": 1}\n', "text", /JSON/],
    ["gzip", Buffer.from("1f8b0800000000000000", "hex"), "text", /gzip/],
    ["a hole before the dump", Buffer.concat([Buffer.alloc(200_000), Buffer.from(good)]), "text", /NUL.*logrotate/],
    ["OpenMetrics without its end", '# TYPE a counter\na_total 1 # {trace_id="x"} 1\n', "text", /OpenMetrics.*# EOF/],
    ["OpenMetrics' types", "# TYPE a info\na_info 1\n", "text", /OpenMetrics.*# EOF/],
    ["OpenMetrics that is cut off", "# TYPE a counter\na_total 1\n", "openmetrics", /# EOF.*rename/],
    ["nothing", "", "text", /empty/],
    ["blank lines", "\n\n", "text", /no sample/],
    ["comments", "# HELP a A.\n", "text", /no sample/],
    ["no samples of OpenMetrics", "# EOF\n", "openmetrics", /no sample/],
    ["two dumps", good + good, "text", /twice/],
    ["Latin-1", Buffer.from('a{x="\xe9"} 1\nb 1\n', "latin1"), "text", /UTF-8/],
    ["seconds", "a 1 1795780000.123\n", "text", /milliseconds/],
    ["Prometheus' own names", "up 1\na 1\n", "text", /rename/]
  ])("%s: the site is told what to do", (_, text, format, advice) =>
    assert.match(check(text, format).advice ?? "", advice)
  )

  it("what a pod takes is not complained about: carriage returns in help texts, no line feed at OpenMetrics' end", () => {
    assert.isUndefined(check("# HELP a A.\r\na 1\n").advice)
    assert.isUndefined(check("a 1\n# EOF", "openmetrics").advice)
  })

  it("a dump over the limits of one source is refused", () => {
    const lines = Array.from({ length: 200_001 }, (_, n) => `a{n="${n}"} 1\n`).join("")
    const { samples, refusal, advice } = check(lines)
    assert.deepStrictEqual([samples, refusal?.reason], [0, "too-many-series"])
    assert.match(advice ?? "", /smaller/)
  })

  it("what it says is short, however long the lines and however many are wrong", () => {
    const said = JSON.stringify(check(`ok 1\n${`a{x="${"é".repeat(300)}"} oops\n`.repeat(20_000)}`))
    assert.isBelow(said.length, 1500)
  })
})
