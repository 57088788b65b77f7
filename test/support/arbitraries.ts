/**
 * Arbitrary dumps, as a model (families of samples) and as the text that a service would write of it, in either format.
 * Names come from a small pool, so that families clash within a body; the writer shares no code with the parser.
 */
import fc from "fast-check"
import type { MetricType } from "../../src/metrics/text/Dump.ts"

export interface ModelSample {
  readonly name: string
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>
  readonly value: string
}

export interface ModelFamily {
  /** As the metadata lines of the format name it. */
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly samples: ReadonlyArray<ModelSample>
}

export interface ModelDump {
  readonly format: "text" | "openmetrics"
  readonly families: ReadonlyArray<ModelFamily>
  /** The text, written with whatever blanks and comments the format allows. */
  readonly text: string
}

const baseNames = [
  "foo",
  "foo_total",
  "foo_count",
  "foo_bucket",
  "foo_created",
  "foo_info",
  "foo_gsum",
  "bar",
  "bar_sum",
  ":x"
]
const labelNames = ["a", "b", "code", "le2", "instance", "exported_instance", "job"]
const labelValues = ["x", "y", "", 'q"q', "b\\s", "n\nl", "ü€😀", "} 1", " # {", 'a="b",', "t\tt", "\\", "svc-1"]
const values = [
  "0",
  "1",
  "17",
  "2.5",
  "-3",
  "1e5",
  "1.",
  ".5",
  "+2",
  "1E-7",
  "NaN",
  "nan",
  "+Inf",
  "inf",
  "-Inf",
  "123456789012345678901"
]
const wholes = ["0", "1", "2", "17", "1e3", "250"]

const labels = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...labelNames), fc.constantFrom(...labelValues)), {
    maxLength: 4,
    selector: ([name]) => name
  })
  .map((pairs) => pairs as ModelSample["labels"])

/** What tells series apart once empty labels are gone and the source's own label is put right. */
const identity = (pairs: ModelSample["labels"]): string =>
  JSON.stringify(pairs.filter(([, value]) => value !== "").sort((x, y) => (x[0] < y[0] ? -1 : 1)))

/** `svc-1` as the value of `instance` is the source's own; other sources rename it. Both stay distinct from "no instance". */
const metrics = fc.uniqueArray(labels, {
  minLength: 1,
  maxLength: 4,
  selector: (pairs) =>
    identity(pairs.filter(([name]) => name !== "instance" && name !== "job" && name !== "exported_instance"))
})

const histogramOf = (
  name: string,
  of: ModelSample["labels"],
  counts: ReadonlyArray<number>,
  flaw: string
): Array<ModelSample> => {
  const bounds = ["0.5", "1", "2.50", "1e7"]
  let total = 0
  const buckets = counts.map((count, k) => {
    total += count
    return { name: `${name}_bucket`, labels: [["le", bounds[k]!] as const, ...of], value: String(total) }
  })
  const all = [...buckets, { name: `${name}_bucket`, labels: [...of, ["le", "+Inf"] as const], value: String(total) }]
  if (flaw === "no-inf") all.pop()
  if (flaw === "unsorted") all.reverse()
  return all
}

const family = (format: "text" | "openmetrics"): fc.Arbitrary<ModelFamily> =>
  fc
    .record({
      name: fc.constantFrom(...baseNames),
      type: fc.constantFrom<MetricType>(
        ...(["counter", "gauge", "histogram", "summary", "unknown"] as const),
        ...(format === "openmetrics" ? (["gaugehistogram", "info", "stateset"] as const) : [])
      ),
      help: fc.constantFrom("", "Help.", 'With "quotes" and \\ and\nlines', "Other help"),
      metrics,
      values: fc.array(fc.constantFrom(...values), { minLength: 4, maxLength: 4 }),
      wholes: fc.array(fc.constantFrom(...wholes), { minLength: 4, maxLength: 4 }),
      flaw: fc.constantFrom("", "", "no-inf", "unsorted", "no-sum", "count", "by-name", "negative"),
      created: fc.boolean()
    })
    .map((r) => {
      const samples: Array<ModelSample> = []
      r.metrics.forEach((of, k) => {
        const value = r.values[k]!
        const whole = r.wholes[k]!
        const created = r.created && format === "openmetrics"
        switch (r.type) {
          case "counter":
            samples.push({
              name: format === "text" ? r.name : `${r.name}_total`,
              labels: of,
              value: r.flaw === "negative" ? value : whole
            })
            if (created) samples.push({ name: `${r.name}_created`, labels: of, value: "1600000000.5" })
            break
          case "histogram":
          case "gaugehistogram": {
            const gauge = r.type === "gaugehistogram" ? "g" : ""
            const buckets = histogramOf(r.name, of, [1, 0, 2], r.flaw)
            samples.push(...buckets)
            if (r.flaw !== "no-sum")
              samples.push({ name: `${r.name}_${gauge}sum`, labels: of, value: r.flaw === "negative" ? value : "7.5" })
            samples.push({ name: `${r.name}_${gauge}count`, labels: of, value: r.flaw === "count" ? whole : "3" })
            if (created && gauge === "") samples.push({ name: `${r.name}_created`, labels: of, value: "1600000000.5" })
            break
          }
          case "summary":
            for (const quantile of ["0.5", "0.990", "1"])
              samples.push({
                name: r.name,
                labels: [...of, ["quantile", r.flaw === "negative" ? `-${quantile}` : quantile]],
                value
              })
            samples.push({ name: `${r.name}_sum`, labels: of, value: r.flaw === "negative" ? value : "3" })
            samples.push({ name: `${r.name}_count`, labels: of, value: r.flaw === "count" ? value : whole })
            if (created) samples.push({ name: `${r.name}_created`, labels: of, value: "1600000000.5" })
            break
          case "info":
            samples.push({ name: `${r.name}_info`, labels: of, value: r.flaw === "count" ? whole : "1" })
            break
          case "stateset":
            for (const state of ["on", "off"])
              samples.push({
                name: r.name,
                labels: r.name.startsWith(":") ? [...of, ["le2x", state]] : [[r.name, state], ...of],
                value: r.flaw === "count" ? whole : state === "on" ? "1" : "0"
              })
            break
          default:
            samples.push({ name: r.name, labels: of, value })
        }
      })
      if (r.flaw === "by-name") samples.sort((x, y) => (x.name < y.name ? -1 : x.name > y.name ? 1 : 0))
      return { name: r.name, type: r.type, help: r.help, samples }
    })

/** Families that share neither a name nor a sample name: what one service's dump may hold. */
const compatible = (families: ReadonlyArray<ModelFamily>, format: "text" | "openmetrics"): Array<ModelFamily> => {
  const taken = new Set<string>()
  return families.filter((f) => {
    const total = format === "openmetrics" && (f.type === "counter" || f.type === "info")
    const said = total ? (f.type === "counter" ? `${f.name}_total` : `${f.name}_info`) : f.name
    // The suffixes that would make a sample of another family look like one of this.
    const suffixes = ["_bucket", "_sum", "_count", "_created", "_gsum", "_gcount", "_total"]
    const names = new Set([said, f.name, ...f.samples.map((s) => s.name), ...suffixes.map((s) => f.name + s)])
    for (const name of names) if (taken.has(name)) return false
    for (const name of names) taken.add(name)
    return true
  })
}

const escapeLabel = (text: string) => text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"')

const write = (families: ReadonlyArray<ModelFamily>, format: "text" | "openmetrics", style: number): string => {
  const lax = format === "text"
  const gap = lax && style % 2 === 1 ? " \t" : ""
  const lines: Array<string> = []
  for (const f of families) {
    const help = lax ? f.help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n") : escapeLabel(f.help)
    const type = lax && f.type === "unknown" ? "untyped" : f.type
    if (f.help !== "") lines.push(`# HELP ${f.name} ${help}`)
    lines.push(`# TYPE ${f.name} ${type}`)
    for (const s of f.samples) {
      const pairs = (style & 4) === 4 ? [...s.labels].reverse() : s.labels
      const inner = pairs.map(([k, v]) => `${gap}${k}${gap}=${gap}"${escapeLabel(v)}"`).join(`${gap},`)
      const comma = lax && (style & 8) === 8 && pairs.length > 0 ? "," : ""
      lines.push(
        `${s.name}${pairs.length > 0 || (style & 2) === 2 ? `{${inner}${comma}${gap}}` : ""} ${gap}${s.value}${gap}`
      )
    }
    if (lax) lines.push("", "# a comment")
  }
  if (!lax) lines.push("# EOF")
  return `${lines.join("\n")}${style % 3 === 0 ? "" : "\n"}`
}

export const dumps: fc.Arbitrary<ModelDump> = fc.constantFrom("text" as const, "openmetrics" as const).chain((format) =>
  fc.tuple(fc.array(family(format), { maxLength: 6 }), fc.nat(15)).map(([all, style]) => {
    const families = compatible(all, format)
    return { format, families, text: write(families, format, style) }
  })
)

/** A sample as both output formats must carry it: attached labels on, empty ones off, bounds as numbers. */
export const seriesOf = (dump: ModelDump, source: string, job: string): Map<string, number> => {
  const all = new Map<string, number>()
  for (const f of dump.families) {
    for (const s of f.samples) {
      const own = new Map(s.labels.filter(([, value]) => value !== ""))
      const instance = own.get("instance")
      if (instance !== undefined && instance !== source)
        own.set(own.has("exported_instance") ? "exported_exported_instance" : "exported_instance", instance)
      own.set("instance", source)
      if (!own.has("job")) own.set("job", job)
      all.set(seriesKey(s.name, Object.fromEntries(own)), modelNumber(s.value))
    }
  }
  return all
}

export const seriesKey = (name: string, pairs: Readonly<Record<string, string>>): string =>
  name +
  JSON.stringify(
    Object.entries(pairs)
      .map(([k, v]) => [k, k === "le" || k === "quantile" ? String(modelNumber(v)) : v])
      .sort((x, y) => (x[0]! < y[0]! ? -1 : 1))
  )

export const modelNumber = (text: string): number =>
  /^[+-]?inf$/i.test(text) ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text)
