/**
 * Fleets in which not all are of one version: Micrometer with and without percentile histograms, prom-client that says `_total` and
 * that does not, exporters without TYPE, and one that means harm. What the many say stays, as far as the format can say both; who
 * reads bodies reads them all.
 */
import { assert } from "@effect/vitest"
import { it } from "vitest"
import { digesting } from "../../../src/metrics/body/Digest.ts"
import { planAlone, render } from "../../../src/metrics/body/Renderer.ts"
import { type Dump, defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { negotiate, type OutputFormat } from "../../../src/metrics/text/Negotiation.ts"
import { atOnce } from "../../../src/metrics/text/Slices.ts"
import { askGo } from "../../support/bodyReaders.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"
import { parseInPython } from "../../support/python.ts"
import { describeWith } from "../../support/tools.ts"

const parse = (text: string, format: OutputFormat, source: string): Dump => {
  const dump = parseDump(Buffer.from(format === "openmetrics" ? `${text}# EOF\n` : text), {
    format,
    attach: { sourceLabel: "instance", source, labels: [] },
    limits: defaultParseLimits,
    timestamps: "scrape",
    time: 0
  })
  return isRefusal(dump) ? assert.fail(dump.detail) : dump
}

/** `x_seconds` as Micrometer writes it, in OpenMetrics with exemplars. */
const withBuckets = (source: string) =>
  parse(
    `# TYPE x_seconds histogram
x_seconds_bucket{uri="/",le="0.1"} 2 # {trace_id="t"} 0.05
x_seconds_bucket{uri="/",le="+Inf"} 3
x_seconds_count{uri="/"} 3
x_seconds_sum{uri="/"} 1.5
# TYPE x_seconds_max gauge
x_seconds_max{uri="/"} 1
# TYPE jobs counter
jobs_total 5 # {trace_id="t"} 1
`,
    "openmetrics",
    source
  )
const withoutBuckets = (source: string) =>
  parse(
    '# TYPE x_seconds summary\nx_seconds_count{uri="/"} 7\nx_seconds_sum{uri="/"} 2\n# TYPE x_seconds_max gauge\nx_seconds_max{uri="/"} 1\n',
    "text",
    source
  )
/** Its counters are called as the program called them, and it says no TYPE at all. */
const old = (source: string) =>
  parse(
    'jobs_total 6\nx_seconds_bucket{le="0.1"} 1\nx_seconds_bucket{le="+Inf"} 1\nx_seconds_sum 1\nx_seconds_count 1\n',
    "text",
    source
  )

const typesOf = (body: string): Record<string, string> =>
  Object.fromEntries([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]))

/** Read by everybody; answers the types and how many exemplars Prometheus finds. */
const shown = async (all: ReadonlyArray<Dump>, format: OutputFormat) => {
  const body = Buffer.concat([...render(all, format)]).toString()
  const { contentType } = negotiate(format === "text" ? "text/plain" : "application/openmetrics-text;version=1.0.0")
  const [go, [python]] = await Promise.all([
    askGo({ bodies: [{ body, contentType, expfmt: format === "text" }] }),
    parseInPython([{ format, body }])
  ])
  const [verdict] = go.verdicts
  assert.deepStrictEqual([verdict?.prometheus, verdict?.expfmt, python?.error], ["", "", undefined], body)
  assert.strictEqual(
    verdict?.samples.length,
    all.reduce((sum, { series }) => sum + series, 0)
  )
  const { conflicts } = planAlone([atOnce(digesting(all))], { format, escaping: "underscores" })
  return { types: typesOf(body), exemplars: verdict?.exemplars, conflicts }
}

describeWith(["go", "python3"], "a mixed fleet", () => {
  it("of Micrometer keeps what the format can say of both, and the status tells the rest", async () => {
    const all = [withBuckets("a"), withBuckets("b"), withBuckets("c"), withoutBuckets("d")]
    const text = await shown(all, "text")
    assert.deepStrictEqual(text.types, { x_seconds: "histogram", x_seconds_max: "gauge", jobs_total: "counter" })
    const open = await shown(all, "openmetrics")
    // A histogram without buckets is none to its parsers, so the name is what it can be for all; nothing else pays for it.
    assert.deepStrictEqual(open.types, {
      x_seconds: "summary",
      x_seconds_bucket: "unknown",
      x_seconds_max: "gauge",
      jobs: "counter"
    })
    assert.strictEqual(open.exemplars, 3)
    const sides = [
      { says: "histogram x_seconds", sources: 3, names: ["a", "b", "c"] },
      { says: "summary x_seconds", sources: 1, names: ["d"] }
    ]
    assert.deepStrictEqual(open.conflicts, [{ family: "x_seconds", shown: "summary", sides }])
    assert.deepStrictEqual(text.conflicts, [{ family: "x_seconds", shown: "histogram", sides }])
  })

  it("with sources that say no TYPE has all types and exemplars of those that do", async () => {
    const all = [old("a"), old("b"), old("c"), withBuckets("d")]
    const text = await shown(all, "text")
    assert.deepStrictEqual(text.types, { x_seconds: "histogram", x_seconds_max: "gauge", jobs_total: "counter" })
    const open = await shown(all, "openmetrics")
    assert.deepStrictEqual(open.types, { x_seconds: "histogram", x_seconds_max: "gauge", jobs: "counter" })
    assert.deepStrictEqual([open.exemplars, open.conflicts], [2, []])
  })

  it("of prom-client's old counter names and its new ones is told apart, where the format has two names", async () => {
    const before = (source: string) => parse("# TYPE jobs counter\njobs 1\n", "text", source)
    const all = [before("a"), withBuckets("b")]
    assert.deepInclude((await shown(all, "text")).types, { jobs: "counter", jobs_total: "counter" })
    // OpenMetrics has one family `jobs`, which has no sample `jobs`: samples go before types.
    assert.deepInclude((await shown(all, "openmetrics")).types, {
      jobs: "unknown",
      jobs_total: "unknown",
      x_seconds: "histogram"
    })
  })

  it("with one that claims the many's names costs them no more than one format cannot say", async () => {
    const evil = parse(
      "# TYPE x_seconds_count gauge\nx_seconds_count 1\n# TYPE jobs_total gauge\njobs_total 2\n",
      "text",
      "evil"
    )
    const all = [evil, withBuckets("a"), withBuckets("b")]
    assert.deepStrictEqual((await shown(all, "text")).types, {
      x_seconds: "histogram",
      x_seconds_max: "gauge",
      jobs_total: "counter"
    })
    const open = await shown(all, "openmetrics")
    assert.deepInclude(open.types, { jobs: "counter", x_seconds_max: "gauge" })
    // Its one sample of the histogram's count can stand nowhere else, and it does not name the others' samples.
    assert.deepInclude(open.types, {
      x_seconds_bucket: "unknown",
      x_seconds_count: "unknown",
      x_seconds_sum: "unknown"
    })
    assert.strictEqual(open.exemplars, 2)
    assert.deepInclude(open.conflicts.find(({ family }) => family === "x_seconds")?.sides ?? [], {
      says: "gauge x_seconds_count",
      sources: 1,
      names: ["evil"]
    })
  })

  it("looks the same in whatever order its sources come", async () => {
    const all = [withBuckets("a"), withoutBuckets("b"), old("c"), withBuckets("d"), withoutBuckets("e")]
    for (const format of ["text", "openmetrics"] as const) {
      const first = typesOf(Buffer.concat([...render(all, format)]).toString())
      for (const order of [all.toReversed(), [...all.slice(2), ...all.slice(0, 2)]])
        assert.deepStrictEqual(typesOf(Buffer.concat([...render(order, format)]).toString()), first)
    }
  })
})
