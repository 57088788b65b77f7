/**
 * Bodies of whatever dumps before everybody who reads them: Prometheus 3 and expfmt in Go, Prometheus 2's promtool, Python's
 * prometheus_client. None refuses one, and Prometheus finds every series with its value: also where sources disagree about types, say
 * none, claim each other's names, and where names are escaped.
 */
import { spawnSync } from "node:child_process"
import { assert } from "@effect/vitest"
import fc from "fast-check"
import { it } from "vitest"
import { render } from "../../../src/metrics/body/Renderer.ts"
import { type Dump, defaultParseLimits, type Family } from "../../../src/metrics/text/Dump.ts"
import { type Escaping, escapeLabel, escapings, shownNames } from "../../../src/metrics/text/Escaping.ts"
import { negotiate, type OutputFormat } from "../../../src/metrics/text/Negotiation.ts"
import { dumps, type ModelDump, modelNumber, seriesKey, seriesOf } from "../../support/arbitraries.ts"
import { askGo, type GoVerdict } from "../../support/bodyReaders.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"
import { parseInPython } from "../../support/python.ts"
import { quotedDump, quotedFamilies } from "../../support/quotedDumps.ts"
import { describeWith } from "../../support/tools.ts"

const formats = ["text", "openmetrics"] as const

export interface Case {
  readonly all: ReadonlyArray<Dump>
  readonly format: OutputFormat
  readonly escaping: Escaping
}

const parse = (text: string, format: "text" | "openmetrics", source: string, event = false): Dump => {
  const dump = parseDump(Buffer.from(text), {
    format,
    attach: { sourceLabel: "instance", source, labels: [["job", "j"]] },
    limits: defaultParseLimits,
    timestamps: event ? "event" : "scrape",
    time: 1_700_000_000_123
  })
  return isRefusal(dump) ? assert.fail(`${dump.detail}\n${text}`) : dump
}

const bodyOf = ({ all, format, escaping }: Case): string => Buffer.concat([...render(all, format, escaping)]).toString()

const linesOf = (body: string): number => body.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length

/** Of everybody; answers what Prometheus finds. */
const readAll = async (
  cases: ReadonlyArray<Case>,
  promtools = 0
): Promise<ReadonlyArray<GoVerdict & { body: string }>> => {
  const bodies = cases.map((each) => {
    const media = each.format === "text" ? "text/plain" : "application/openmetrics-text;version=1.0.0"
    const { contentType } = negotiate(`${media};escaping=${each.escaping}`)
    return { body: bodyOf(each), contentType, expfmt: each.format === "text" }
  })
  const [{ verdicts }, python] = await Promise.all([
    askGo({ bodies }),
    parseInPython(bodies.map(({ body }, i) => ({ body, format: cases[i]!.format })))
  ])
  let checked = 0
  for (const [i, { body }] of bodies.entries()) {
    const { format, escaping } = cases[i]!
    const go = verdicts[i]!
    assert.deepStrictEqual(
      [go.prometheus, go.expfmt, python[i]!.error],
      ["", "", undefined],
      `${format} ${escaping}\n${body}`
    )
    // A sample more or less than lines is a line that was read as something else.
    if (format === "text") assert.strictEqual(go.expfmtSamples, linesOf(body), body)
    assert.strictEqual(go.samples.length, linesOf(body), body)
    if (format === "text" && escaping !== "allow-utf-8" && checked++ < promtools) {
      const { status, stderr } = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" })
      // 3 is its opinion on style.
      assert.isTrue(status === 0 || status === 3, `${stderr}\n${body}`)
    }
  }
  return verdicts.map((verdict, i) => ({ ...verdict, body: bodies[i]!.body }))
}

const found = ({ samples }: GoVerdict): Map<string, number> =>
  new Map(
    samples.map(({ labels: { __name__, ...labels }, value }) => [seriesKey(__name__!, labels), modelNumber(value)])
  )

/** Some lines lose their TYPE, as single lines of samples mode do, or those of old exporters. */
const untold = (model: ModelDump): ModelDump => ({
  ...model,
  text: model.text.replace(/^# TYPE .*\n/gm, "")
})

const fleet = fc.array(fc.tuple(dumps, fc.boolean()), { minLength: 1, maxLength: 5 })

describeWith(["go", "python3", "promtool"], "a body", () => {
  it("of sources that say different things, or nothing, is read by everybody, with every series", async () => {
    const models = fc.sample(fleet, { numRuns: 600, seed: 31 })
    const cases = models.flatMap((sources, k) => {
      const all = sources.map(([model, silent], i) => {
        const { text, format } = silent && model.format === "text" ? untold(model) : model
        return parse(text, format, `s-${i}`, k % 4 === 0)
      })
      return formats.map((format): Case => ({ all, format, escaping: "underscores" }))
    })
    const verdicts = await readAll(cases, 100)
    for (const [i, verdict] of verdicts.entries()) {
      const expected = models[i >> 1]!.flatMap(([model], s) => [...seriesOf(model, `s-${s}`, "j")])
      assert.deepStrictEqual([...found(verdict)].sort(), [...new Map(expected)].sort(), verdict.body)
    }
  })

  it("with names that are nothing but suffixes, or have them twice, is read by everybody", async () => {
    const texts = [
      "# TYPE _total counter\n_total 1\n",
      "# TYPE _total_total counter\n_total_total 1\n# TYPE _total gauge\n_total 1\n",
      "# TYPE foo_total_total counter\nfoo_total_total 1\n# TYPE foo_total counter\nfoo_total 1\n",
      "# TYPE _count gauge\n_count 1\n# TYPE _info gauge\n_info 1\n# TYPE _bucket counter\n_bucket 1\n",
      "# TYPE foo_created counter\nfoo_created 1\n# TYPE foo_total counter\nfoo_total 1\n# TYPE foo gauge\nfoo 1\n",
      '# TYPE foo summary\nfoo_count 1\nfoo_sum 1\n# TYPE foo_sum_total counter\nfoo_sum_total 1\n# TYPE foo_bucket gauge\nfoo_bucket{le="x"} 1\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} -1\nh_count NaN\nh_sum -1\n',
      'h_bucket 1\nh_bucket{le="1"} 1.5\nh_count 2\n',
      '# TYPE q summary\nq{quantile="2"} -1\nq_count 1\nq_sum -1\n'
    ]
    const alone = texts.map((text, i) => [parse(text, "text", `s-${i}`)])
    const good = parse('# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 1\n', "text", "good")
    const all = [...alone, alone.flat(), [...alone.flat(), good], ...alone.slice(-3).map((one) => [...one, good])]
    const cases = all.flatMap((some) => formats.map((format): Case => ({ all: some, format, escaping: "underscores" })))
    await readAll(cases, cases.length)
  })

  it("has lines with a hidden label for those alone who ask for names as they are", async () => {
    const lines = 'x{__a="1",b="2"} 1\nx{b="2"} 2\nx{"__c"="3"} 3\nx{_d="4"} 4\n'
    const histogram = 'h_bucket{le="+Inf"} 1\nh_count 1\nh_sum 1\n'
    const hidden = histogram.replaceAll(/(?<=h_\w+) |(?<=\{)/g, (at) => (at === "" ? '__a="1",' : '{__a="1"} '))
    const all = [parse(`# TYPE x gauge\n${lines}# TYPE h histogram\n${histogram}${hidden}`, "text", "s")]
    const cases = formats.flatMap((format) => escapings.map((escaping): Case => ({ all, format, escaping })))
    const escaped = cases.filter(({ escaping }) => escaping !== "allow-utf-8")
    for (const { samples, body } of await readAll(escaped, escaped.length)) assert.strictEqual(samples.length, 5, body)
    for (const each of cases.filter(({ escaping }) => escaping === "allow-utf-8"))
      assert.strictEqual(linesOf(bodyOf(each)), 10, bodyOf(each))
  })

  it("with names in quotes is read by everybody, in every way of escaping, with every series that is one", async () => {
    const models = fc.sample(fc.array(quotedFamilies, { minLength: 1, maxLength: 3 }), { numRuns: 300, seed: 32 })
    const cases = models.flatMap((sources) => {
      const all = sources.map((families, i) => quotedDump(families, `s-${i}`))
      return formats.flatMap((format) => escapings.map((escaping): Case => ({ all, format, escaping })))
    })
    const verdicts = await readAll(cases, 100)
    for (const [i, verdict] of verdicts.entries()) {
      const { all, escaping } = cases[i]!
      const expected = new Set(
        all.flatMap(({ families }) => [...families].flatMap((family) => shownSeries(family, escaping)))
      )
      const names = verdict.samples.map(({ labels: { __name__, ...labels } }) => seriesKey(__name__!, labels))
      assert.deepStrictEqual(names.sort(), [...expected].sort(), `${escaping}\n${verdict.body}`)
    }
  })
})

/** Read by a regular expression, as the labels are few and simple. */
const shownSeries = (family: Family, escaping: Escaping): ReadonlyArray<string> => {
  const shown = shownNames(family, escaping)
  return Buffer.from(family.bytes)
    .toString()
    .trimEnd()
    .split("\n")
    .flatMap((line) => {
      const series = line.replace(/ # .*$/, "").replace(/\} \S+( \d+)?$/, "}")
      const terms = [...series.matchAll(/("(?:[^"\\]|\\.)*"|[a-zA-Z0-9_:]+)(?:="((?:[^"\\]|\\.)*)")?/g)]
      const plain = (text: string) => (text.startsWith('"') ? text.slice(1, -1) : text).replace(/\\(.)/g, "$1")
      const [name, ...labels] = terms
      const at = family.sampleNames.indexOf(plain(name![1]!))
      const pairs = labels.map(([, k, v]) => [escapeLabel(plain(k!), escaping), plain(v!)] as const)
      // Two labels of one name, and hidden ones, are what not every parser takes.
      const names = new Set(pairs.map(([k]) => k))
      if (names.size < pairs.length || [...names].some((k) => k.startsWith("__"))) return []
      return [seriesKey(shown.samples[at]!, Object.fromEntries(pairs))]
    })
}
