/**
 * texts: what a text itself may hold to cost as much as it can for its bytes, one generator a kind: as a first snapshot, as the next ones
 * of the same source, as samples, in chunks. Each makes a case of about so many lines as it is asked for.
 */
import { random, shuffled } from "../../../src/testing/Random.ts"
import type { Sent } from "../records.ts"
import { alikePairs, chainedNames, crowdedSeries } from "./collisions.ts"
import type { Kind } from "./rounds.ts"

type Line = (i: number) => string
type Text = (count: number, round: number) => string

const lines = (count: number, line: Line): string => {
  let text = ""
  for (let i = 0; i < count; i++) text += line(i)
  return text
}

const LINES = 8_000
const ROUNDS = 4

/** One snapshot. */
const first = (name: string, text: (count: number) => string, more: Partial<Sent> = {}): Kind => ({
  name: `first: ${name}`,
  count: LINES,
  records: (count) => [{ v: "1.1", text: text(count), ...more }]
})

/** Snapshots one after the other, of which the last one is kept. */
const next = (name: string, text: Text, more: Partial<Sent> = {}): Kind => ({
  name: `next: ${name}`,
  count: LINES,
  held: 1,
  records: (count) =>
    Array.from({ length: ROUNDS }, (_, round) => ({ v: `1.${round}`, text: text(count, round), ...more }))
})

/** Records of one source in samples mode. */
const samples = (name: string, text: Text, rounds = 2, held = 1): Kind => ({
  name: `samples: ${name}`,
  count: LINES,
  held,
  records: (count) => Array.from({ length: rounds }, (_, round) => ({ text: text(count, round) }))
})

/** One round in chunks. */
const chunks = (name: string, text: Text, of = 20): Kind => ({
  name: `chunks: ${name}`,
  count: LINES,
  records: (count) =>
    Array.from({ length: of }, (_, c) => ({ v: "1.1", chunk: `${c + 1}/${of}`, text: text(Math.ceil(count / of), c) }))
})

const openMetrics: Partial<Sent> = { headers: { "content-type": "application/openmetrics-text; version=1.0.0" } }
const ended = (text: string): string => `${text}# EOF\n`
const usual: Line = (i) => `http_requests_total{method="get",path="/api/v1/orders/${i % 50}",pod="shop-${i}"} `
const tiny: Line = (i) => `a{b="${i}"} `

const anyOrder = (count: number, round: number): ReadonlyArray<number> =>
  shuffled(
    Array.from({ length: count }, (_, i) => i),
    random(round + 1)
  )

/** A line of as many labels as there may be, in one order or the other. */
const wide = (labels: number, value: (k: number) => string, backwards: boolean): string => {
  const all = Array.from({ length: labels }, (_, k) => `l${k}="${value(k)}"`)
  return (backwards ? all.reverse() : all).join(",")
}

const alike =
  (labels: number): Line =>
  (i) => {
    const pairs = alikePairs()
    const rest = labels === 0 ? "" : `${wide(labels, () => "", i % 2 === 0).replaceAll('""', '"1"')},`
    return `x{${rest}c="${Math.floor(i / pairs.length)}",${pairs[i % pairs.length]}} 1\n`
  }

const histogram = (i: number, bounds: ReadonlyArray<string>): string =>
  `${bounds.map((le, k) => `h_bucket{g="${i}",le="${le}"} ${k}\n`).join("")}h_sum{g="${i}"} 1\nh_count{g="${i}"} ${bounds.length - 1}\n`

const suffixes = ["", "_total", "_created", "_bucket", "_sum", "_count", "_info", "_gsum"]

/** The dearest lines that each way of sending them has. */
const common: ReadonlyArray<readonly [name: string, text: Text]> = [
  ["usual lines", (count, round) => lines(count, (i) => `${usual(i)}${i + round}\n`)],
  ["tiny lines of one name", (count, round) => lines(count, (i) => `${tiny(i)}${round}\n`)],
  ["a tiny name each", (count, round) => lines(count, (i) => `a${i.toString(36)} ${round}\n`)],
  ["a tiny name in quotes each", (count, round) => lines(count, (i) => `{"${i.toString(36)}"} ${round}\n`)],
  [
    "lines in another order each time",
    (count, round) =>
      anyOrder(count, round)
        .map((i) => `${tiny(i)}${i}\n`)
        .join("")
  ],
  ["half the lines new", (count, round) => lines(count, (i) => `${tiny(i % 2 === 0 ? i : i + count * round)}1\n`)],
  ["two texts in turn", (count, round) => lines(count, (i) => `${tiny(i + count * (round % 2))}1\n`)],
  ["new names each time", (count, round) => lines(count, (i) => `a${round}_${i.toString(36)} 1\n`)],
  ["lines that are not as they are written", (count, round) => lines(count, (i) => ` a { b = "${i}" , }  ${round}\n`)],
  [
    "a long name and a comma each",
    (count, round) => lines(Math.ceil(count / 100), (i) => `a${"_".repeat(2000)}${i}{b="1",} ${round}\n`)
  ],
  ["a comment before each line", (count, round) => lines(count, (i) => `#${i.toString(36)}\n${tiny(i)}${round}\n`)],
  ["the same comment before each line", (count, round) => lines(count, (i) => `#\n${tiny(i)}${round}\n`)],
  [
    "two families line by line",
    (count, round) => lines(count, (i) => `${i % 2 === 0 ? "a" : "c"}{b="${i}"} ${round}\n`)
  ],
  [
    "hundreds of families line by line",
    (count, round) =>
      lines(300, (i) => `# TYPE f${i} counter\n`) + lines(count, (i) => `f${i % 300}{b="${i}"} ${round}\n`)
  ],
  ["escapes", (count, round) => lines(count, (i) => `a{b="${"\\q".repeat(20)}${i}"} ${round}\n`)],
  ["a series again and again", (count) => lines(count, (i) => `a{b="1",c="2"} ${i}\n`)],
  [
    "a series again and again, in other spellings",
    (count) => lines(count, (i) => `a${" ".repeat(i % 50)}{${i % 2 === 0 ? 'b="1",c="2"' : 'c="2",b="1"'}} ${i}\n`)
  ],
  [
    "a series of many labels again and again",
    (count) => lines(Math.ceil(count / 100), (i) => `x{${wide(250, (k) => String(k), i % 2 === 0)}} ${i}\n`)
  ],
  ["series of equal hashes", (count) => lines(count, alike(0))],
  ["series of equal hashes and many labels", (count) => lines(Math.ceil(count / 50), alike(200))],
  [
    "series that crowd a table",
    (count) =>
      crowdedSeries(count, ["instance", "s"])
        .map((line) => `${line} 1\n`)
        .join("")
  ],
  [
    "names that crowd an index, in another order each time",
    (count, round) => {
      const names = chainedNames(count)
      return anyOrder(count, round)
        .map((i) => `${names[i]} 1\n`)
        .join("")
    }
  ],
  ["many labels", (count) => lines(Math.ceil(count / 100), (i) => `x{${wide(250, (k) => String(k + i), false)}} 1\n`)],
  [
    "many empty labels",
    (count) => lines(Math.ceil(count / 100), (i) => `x{a="${i}",${wide(250, () => "", false)}} 1\n`)
  ],
  ["long numbers", (count) => lines(Math.ceil(count / 20), (i) => `a{b="${i}"} ${"1".repeat(1000)}e-999\n`)],
  [
    "numbers that are too long",
    (count) => `b 1\n${lines(Math.ceil(count / 200), (i) => `a{b="${i}"} ${"1".repeat(9000)}\n`)}`
  ],
  ["infinities", (count) => lines(count, (i) => `a{b="${i}"} -iNf\n`)],
  ["timestamps everywhere", (count, round) => lines(count, (i) => `a{b="${i}"} 1 ${1000 + round}\n`)],
  ["lines without a value", (count) => `b 1\n${lines(count, () => "a\n")}`],
  ["lines that are none", (count) => `b 1\n${lines(count, () => "-\n")}`],
  ["bad values of a name each", (count, round) => `b 1\n${lines(count, (i) => `a${round}_${i.toString(36)} x\n`)}`],
  ["lines that one byte makes invalid", (count) => `c{b="\u00ff"} 1\n${lines(count, (i) => `a{b="${i}"} 1\n`)}`],
  ["quotes that are never closed", (count) => `b 1\n${lines(count, () => '{\\"\n')}`],
  ["reserved names", (count) => lines(count, (i) => `up{b="${i}"} 1\n`)],
  [
    "histograms",
    (count, round) =>
      `# TYPE h histogram\n${lines(Math.ceil(count / 6), (i) => histogram(i + round * 0, ["1", "2", "3", "+Inf"]))}`
  ],
  ["bounds, each another one", (count) => `# TYPE h histogram\n${lines(count, (i) => `h_bucket{le="${i}.5"} 1\n`)}`],
  ["bounds in other forms", (count) => `# TYPE h histogram\n${lines(count, (i) => `h_bucket{g="${i}",le="1e0"} 1\n`)}`],
  [
    "groups of equal hashes",
    (count) => `# TYPE h histogram\n${lines(count, (i) => alike(0)(i).replace("x{", 'h_bucket{le="+Inf",'))}`
  ],
  ["types of a name each", (count) => `b 1\n${lines(count, (i) => `# TYPE a${i.toString(36)} gauge\n`)}`],
  [
    "one name's type again and again",
    (count) => `b 1\n${lines(count, (i) => `# TYPE a ${i % 2 === 0 ? "gauge" : "counter"}\n`)}`
  ],
  ["helps again and again", (count) => `b 1\n${lines(count, (i) => `# HELP a ${i.toString(36)}\n`)}`],
  ["statements that say nothing", (count) => `b 1\n${lines(count, () => "# TYPE -\n")}`],
  [
    "suffixes of suffixes",
    (count, round) =>
      lines(Math.ceil(count / 16), (i) =>
        suffixes.map((s) => `# TYPE a${i}${s} ${s === "" ? "histogram" : "gauge"}\na${i}${s} ${round}\n`).join("")
      )
  ],
  [
    "creation times",
    (count, round) =>
      lines(
        Math.ceil(count / 4),
        (i) => `# TYPE c${i}_total counter\nc${i}_total ${round}\n# TYPE c${i}_created gauge\nc${i}_created 1\n`
      )
  ],
  ["blank lines", (count) => `b 1\n${"\n".repeat(count)}`]
]

const attached: Partial<Sent> = {
  headers: { "k2p-labels": JSON.stringify(Object.fromEntries(Array.from({ length: 120 }, (_, k) => [`l${k}`, "v"]))) }
}

export const texts: ReadonlyArray<Kind> = [
  ...common.map(([name, text]) => first(name, (count) => text(count, 0))),
  ...common.map(([name, text]) => next(name, text)),
  ...common.map(([name, text]) => samples(name, text)),
  ...common.map(([name, text]) => chunks(name, text)),
  first(
    "exemplars",
    (count) => ended(`# TYPE a counter\n${lines(count, (i) => `a_total{b="${i}"} 1 # {t="${i}"} 1\n`)}`),
    openMetrics
  ),
  next(
    "exemplars",
    (count, round) => ended(`# TYPE a counter\n${lines(count, (i) => `a_total{b="${i}"} ${round} # {t="${i}"} 1\n`)}`),
    openMetrics
  ),
  first(
    "exemplars of many labels",
    (count) =>
      ended(
        `# TYPE a counter\n${lines(Math.ceil(count / 50), (i) => `a_total{b="${i}"} 1 # {${wide(120, () => "", false)}} 1\n`)}`
      ),
    openMetrics
  ),
  first("exemplars where none may be", (count) => ended(lines(count, (i) => `a{b="${i}"} 1 # {} 1\n`)), openMetrics),
  first("many attached labels", (count) => lines(Math.ceil(count / 50), (i) => `${tiny(i)}1\n`), attached),
  first(
    "attached labels that lines have",
    (count) => lines(Math.ceil(count / 50), (i) => `x{b="${i}",${wide(120, () => "1", true)}} 1\n`),
    attached
  ),
  next("one line of a new long name", (_, round) => `b 1\na${round}${"_".repeat(60_000)} 1\n`),
  {
    ...next("labels that change", (count) => lines(count, (i) => `${tiny(i)}1\n`)),
    name: "next: labels that change",
    records: (count) =>
      Array.from({ length: ROUNDS }, (_, round) => ({
        v: `1.${round}`,
        headers: { "k2p-labels": `{"l":"${round}"}` },
        text: lines(count, (i) => `${tiny(i)}1\n`)
      }))
  },
  samples(
    "values that were long",
    (count, round) => lines(Math.ceil(count / 10), (i) => `${tiny(i)}${round === 0 ? "1".padStart(1000, "0") : "1"}\n`),
    2
  ),
  samples(
    "a few lines of many, and names of bad ones",
    (count, round) =>
      round === 0
        ? lines(count, (i) => `${tiny(i)}1\n`)
        : `${tiny(0)}1\n${lines(1100, (i) => `a${i + 1100 * round} x\n`)}`,
    20,
    20
  )
]
