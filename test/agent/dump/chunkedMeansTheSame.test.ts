/**
 * A dump means to a pod what its chunks mean together: the same series with the same values, under families of the same type, and the
 * same lines refused. Random dumps whose families come apart, with metadata late, twice, contradicting and missing, are read whole and
 * in chunks by what a pod reads them with.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { encodeRound } from "../../../src/agent/dump/RoundRecord.ts"
import { RoundReader } from "../../../src/metrics/cache/RoundReader.ts"
import { isRefused, readEnvelope } from "../../../src/metrics/rounds/Record.ts"
import { defaultParseLimits, type InputFormat } from "../../../src/metrics/text/Dump.ts"

const utf8 = new TextEncoder()
const tp = { topic: "t", partition: 0 }
const plain = [
  "foo",
  "foo_total",
  "foo_count",
  "foo_bucket",
  "foo_sum",
  "foo_created",
  "foo_info",
  "bar",
  "bar_total",
  ":x"
]
const types = ["counter", "gauge", "histogram", "summary", "untyped", "info", "stateset", "gaugehistogram", "nonsense"]

const name = fc.constantFrom(...plain, "my.metric", "my.metric_total", "é_count")
const quoted = (text: string) => (plain.includes(text) ? text : `"${text}"`)
const statement = fc.oneof(
  fc.tuple(name, fc.constantFrom(...types)).map(([of, type]) => `# TYPE ${quoted(of)} ${type}`),
  fc.tuple(name, fc.constantFrom("one", "two", "")).map(([of, text]) => `# HELP ${quoted(of)} ${text}`),
  fc.tuple(name, fc.constantFrom("total", "x")).map(([of, unit]) => `# UNIT ${quoted(of)} ${unit}`)
)
const labels = fc
  .array(
    fc.tuple(
      fc.constantFrom("a", "b", "le", "quantile"),
      fc.constantFrom("1", "0.5", "+Inf", "x", "=", "} 1", "#", "a,b")
    ),
    {
      maxLength: 3
    }
  )
  .map((list) => list.map(([label, value]) => `${label}="${value}"`))
const sample = fc
  .record({
    of: name,
    labels,
    value: fc.constantFrom("1", "2.5", "NaN", "-3", "+Inf"),
    end: fc.constantFrom("", "", "", ' # {t="1"} 1')
  })
  .map(({ of, labels, value, end }) => {
    const inner = plain.includes(of) ? labels : [`"${of}"`, ...labels]
    return `${plain.includes(of) ? of : ""}${inner.length === 0 ? "" : `{${inner.join(",")}}`} ${value}${end}`
  })
const odd = fc.constantFrom(
  "",
  "# a comment",
  "#HELP foo",
  "# TYPE foo",
  'foo{a="x} 1',
  'bar{a="1",b="two\nlines"} 1',
  'foo{a="1\nbar 3\nfoo_total 4",} 5',
  'foo{b="x",a="1\n',
  "foo",
  "foo{} ",
  "  foo_total 7",
  "{} 1",
  '{a="b","my.metric"} 3',
  "\t# TYPE bar gauge",
  "foo-bar 1"
)
const line = fc.oneof(
  { weight: 3, arbitrary: statement },
  { weight: 8, arbitrary: sample },
  { weight: 1, arbitrary: odd }
)
/** Runs of lines of one name beside others, as exporters write them. */
const run = fc
  .tuple(name, fc.constantFrom("", ...types), fc.integer({ min: 1, max: 12 }), fc.nat(9))
  .map(([of, type, count, from]) => {
    const said = type === "" ? [] : [`# TYPE ${quoted(of)} ${type}`]
    const legacy = plain.includes(of)
    const lines = Array.from({ length: count }, (_, i) =>
      legacy ? `${of}{n="${from + i}",pad="${"x".repeat(30)}"} ${i}` : `{"${of}",n="${from + i}"} ${i}`
    )
    return [...said, ...lines].join("\n")
  })
const dump = fc.array(fc.oneof({ weight: 5, arbitrary: line }, { weight: 2, arbitrary: run }), {
  minLength: 100,
  maxLength: 400
})

/** The round as records of so many bytes, and what a pod makes of them. */
const read = (text: string, format: InputFormat, recordBytes: number) => {
  const round = {
    source: "h/app",
    job: "app",
    origin: "app.prom",
    text: utf8.encode(text),
    format,
    time: 1_700_000_000_000,
    age: 0
  }
  const encoded = encodeRound(round, "1.1", {}, recordBytes)
  if (encoded.kind === "refused") throw new Error(encoded.why)
  assert.isUndefined(encoded.leftOut)
  const parts = encoded.round.chunks.map(({ value, headers }, offset) => {
    const record = { offset, timestamp: round.time, key: encoded.round.key, value, headers }
    const envelope = readEnvelope(record, tp, "instance")
    if (isRefused(envelope)) throw new Error(envelope.detail)
    return { envelope, value, read: undefined }
  })
  const reader = new RoundReader(
    { timestamps: "scrape", sourceLabel: "instance", limits: defaultParseLimits },
    () => undefined,
    (defect) => {
      throw defect
    }
  )
  const content = reader.read({
    source: "h/app",
    number: parts[0]!.envelope.number,
    parts,
    first: 0,
    offset: 0,
    ...tp
  } as never)
  return { chunks: parts.length, content }
}

/** Of a dump, what does not depend on the order of its families and lines: each line with the family that it stands under. */
const meaning = ({ content }: ReturnType<typeof read>, format: InputFormat) => {
  if (isRefused(content)) return content.reason
  const lines = [...content.dump.families].flatMap(({ name, textName, type, bytes }) =>
    Buffer.from(bytes)
      .toString()
      .split("\n")
      .slice(0, -1)
      // Creation times of text 0.0.4 are woven into a family that is one piece, where their order allows it (metrics/read/Weaving).
      .map((line) =>
        format === "text" && /^\{?"?\w*_created/.test(line) ? line : `${textName} ${name} ${type}: ${line}`
      )
  )
  // What is wrong with a line whose quote is not closed is told by the lines after it, and lost exemplars are told once a text.
  let [samples, metadata] = [0, 0]
  for (const { reason, count } of content.dump.refused ?? [])
    if (reason === "metadata") metadata += count
    else if (reason !== "exemplar") samples += count
  return {
    series: content.dump.series,
    lines: lines.sort(),
    refused: { samples, metadata }
  }
}

describe("a dump in chunks", () => {
  for (const format of ["text", "openmetrics"] as const)
    it(`means what the whole ${format} dump means`, () => {
      let chunked = 0
      fc.assert(
        fc.property(dump, fc.integer({ min: 6_000, max: 9_000 }), (lines, recordBytes) => {
          const text = `${lines.join("\n")}\n${format === "openmetrics" ? "# EOF\n" : ""}`
          const whole = read(text, format, 1_000_000)
          const cut = read(text, format, recordBytes)
          assert.strictEqual(whole.chunks, 1)
          if (cut.chunks > 1) chunked++
          assert.deepStrictEqual(meaning(cut, format), meaning(whole, format))
        }),
        { numRuns: 500 }
      )
      assert.isAbove(chunked, 250)
    })
})
