/**
 * Bodies of `/metrics` against the parsers that others use: promtool (Prometheus' Go library) and Python's
 * prometheus_client, whose OpenMetrics parser is the format's reference. No series may be lost or changed on the way.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import fc from "fast-check"
import { Counter, collectDefaultMetrics, Histogram, type OpenMetricsContentType, Registry } from "prom-client"
import { it } from "vitest"
import { render } from "../../src/metrics/body/Renderer.ts"
import { type Dump, defaultParseLimits, type InputFormat } from "../../src/metrics/text/Dump.ts"
import { dumps, type ModelDump, modelNumber, seriesKey, seriesOf } from "../support/arbitraries.ts"
import { isRefusal, parseDump } from "../support/parse.ts"
import { parseInPython, type Verdict } from "../support/python.ts"
import { describeWith } from "../support/tools.ts"

const parse = (text: string, format: InputFormat, source: string, timestamps: "scrape" | "event" = "scrape"): Dump => {
  const result = parseDump(Buffer.from(text), {
    format,
    attach: { sourceLabel: "instance", source, labels: [["job", "j"]] },
    limits: defaultParseLimits,
    timestamps,
    time: 1_700_000_000_123
  })
  if (isRefusal(result)) assert.fail(`refused: ${result.reason}: ${result.detail}\n${text}`)
  return result
}

const bodyOf = (all: ReadonlyArray<Dump>, format: "text" | "openmetrics"): string =>
  Buffer.concat([...render(all, format)]).toString()

/** Exit 3 is promtool's opinion on style; 1 says that the text does not parse. */
const promtool = (body: string): string | undefined => {
  const { status, stderr, error } = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" })
  if (error !== undefined) throw error
  return status === 0 || status === 3 ? undefined : stderr
}

const series = (verdict: Verdict): Map<string, number> => {
  const all = new Map<string, number>()
  for (const { name, labels, value } of verdict.samples)
    all.set(seriesKey(name, labels), value === "nan" ? Number.NaN : modelNumber(value))
  return all
}

/** prometheus_client hands text counters out with `_total` even where the text has none. */
const withoutMunging = (verdict: Verdict, known: ReadonlyMap<string, number>): Verdict => ({
  error: verdict.error,
  samples: verdict.samples.map((s) =>
    s.type === "counter" && s.name.endsWith("_total") && !known.has(seriesKey(s.name, s.labels))
      ? { ...s, name: s.name.slice(0, -"_total".length) }
      : s
  )
})

const sources = ["svc-1", 'odd "id"\\', "svc-3"]

describeWith(["promtool", "python3"], "a body of /metrics", () => {
  it("of whatever dumps is valid for every parser and carries every series, in both formats", async () => {
    const cases = fc.sample(fc.array(dumps, { minLength: 1, maxLength: 3 }), { numRuns: 300, seed: 11 })
    const events = (k: number) => (k % 4 === 0 ? "event" : "scrape")
    const bodies = cases.flatMap((models: ReadonlyArray<ModelDump>, k) => {
      const parsed = models.map((m, s) => parse(m.text, m.format, sources[s]!, events(k)))
      return (["text", "openmetrics"] as const).map((format) => ({ format, body: bodyOf(parsed, format) }))
    })
    const verdicts = await parseInPython(bodies)
    for (const [k, verdict] of verdicts.entries()) {
      const { body, format } = bodies[k]!
      const models = cases[k >> 1]!
      assert.isUndefined(verdict.error, `${format}\n${body}`)
      const expected = new Map(models.flatMap((m, s) => [...seriesOf(m, sources[s]!, "j")]))
      const got = series(format === "text" ? withoutMunging(verdict, expected) : verdict)
      assert.deepStrictEqual(new Map([...got].sort()), new Map([...expected].sort()), body)
    }
    for (const { format, body } of bodies.slice(0, 200)) if (format === "text") assert.isUndefined(promtool(body), body)
  })

  it("of damaged dumps that are still accepted is valid for every parser", async () => {
    const edit = fc.record({
      at: fc.nat(),
      size: fc.nat(6),
      put: fc.constantFrom("", '"', "\n", "\\", " ", "{", "}", "9", "# ", ",", "é", "_total", "_created", "TYPE")
    })
    const cases = fc.sample(fc.tuple(dumps, fc.array(edit, { minLength: 1, maxLength: 2 })), {
      numRuns: 1500,
      seed: 12
    })
    const bodies = cases.flatMap(([{ text, format }, edits]) => {
      let bytes = Buffer.from(text)
      for (const { at, size, put } of edits) {
        const from = at % (bytes.length + 1)
        bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(put), bytes.subarray(from + size)])
      }
      const attach = { sourceLabel: "instance", source: "s", labels: [] }
      const dump = parseDump(bytes, { format, attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 })
      return isRefusal(dump)
        ? []
        : (["text", "openmetrics"] as const).map((f) => ({ format: f, body: bodyOf([dump], f) }))
    })
    assert.isAbove(bodies.length, 300)
    for (const [k, { error }] of (await parseInPython(bodies)).entries()) assert.isUndefined(error, bodies[k]!.body)
    for (const { format, body } of bodies.slice(0, 100)) if (format === "text") assert.isUndefined(promtool(body), body)
  })

  it("of real services' dumps keeps their types and is valid for every parser", async () => {
    const folder = join(import.meta.dirname, "../support/dumps")
    const files = readdirSync(folder).filter((file) => file.endsWith(".txt"))
    assert.isAbove(files.length, 2)
    const formatOf = (file: string): InputFormat => (file.includes("openmetrics") ? "openmetrics" : "text")
    const parsed = files.map((file, k) => parse(readFileSync(join(folder, file), "utf8"), formatOf(file), `real-${k}`))
    for (const timestamps of ["scrape", "event"] as const) {
      for (const [text, type] of await registries())
        parsed.push(parse(text, type, `node-${type}-${timestamps}`, timestamps))
    }
    const together = [parsed.filter((_, k) => k < files.length + 2), parsed.filter((_, k) => k >= files.length + 2)]
    for (const all of [...parsed.map((dump) => [dump]), ...together]) {
      const bodies = (["text", "openmetrics"] as const).map((format) => ({ format, body: bodyOf(all, format) }))
      const verdicts = await parseInPython(bodies)
      const expected = all.reduce((sum, dump) => sum + dump.series, 0)
      for (const [k, verdict] of verdicts.entries()) {
        assert.isUndefined(verdict.error, bodies[k]!.body)
        assert.strictEqual(series(verdict).size, expected)
      }
      assert.isUndefined(promtool(bodies[0]!.body))
    }
  })
})

/** prom-client's default metrics and a few of its own kinds, in both of its formats. */
const registries = async (): Promise<ReadonlyArray<readonly [string, InputFormat]>> => {
  const text = new Registry()
  const openmetrics = new Registry<OpenMetricsContentType>()
  openmetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const result: Array<readonly [string, InputFormat]> = []
  for (const registry of [text, openmetrics] as ReadonlyArray<Registry>) {
    collectDefaultMetrics({ register: registry })
    const registers = [registry]
    new Counter({ name: "jobs_total", help: 'Jobs "done".', labelNames: ["queue"], registers }).inc(
      { queue: 'a"\n\\' },
      2
    )
    const histogram = new Histogram({
      name: "latency_seconds",
      help: "h",
      labelNames: ["path"],
      buckets: [0.1, 1, 10],
      registers
    })
    histogram.observe({ path: "/a" }, 3)
    histogram.observe({ path: "/b" }, 30)
    result.push([await registry.metrics(), registry === text ? "text" : "openmetrics"])
    registry.clear()
  }
  return result
}
