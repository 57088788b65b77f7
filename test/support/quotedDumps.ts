/**
 * Dumps with names of any characters, made by hand as a reader of Prometheus 3's text would leave them, and without its code. Names come
 * from a small pool of which many become one when they are escaped; also beside the plain name that they become.
 */
import fc from "fast-check"
import type { Dump, Family, MetricType } from "../../src/metrics/text/Dump.ts"

export interface QuotedFamily {
  readonly name: string
  readonly type: MetricType
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>
  readonly value: string
  readonly timestamp: number
  readonly exemplar: boolean
}

const metrics = [
  "http.requests",
  "http_requests",
  "http-requests",
  "http.requests_count",
  "http requests",
  "é",
  "__",
  "a:b.c",
  'q"\\'
]
const labels = ["x.y", "x_y", "x-y", "le.x", "a:b", "z", "é", "_.x"]

const family: fc.Arbitrary<QuotedFamily> = fc.record({
  name: fc.constantFrom(...metrics),
  type: fc.constantFrom<MetricType>("counter", "gauge", "histogram", "summary", "unknown"),
  labels: fc.uniqueArray(fc.tuple(fc.constantFrom(...labels), fc.constantFrom("1", "2", 'q\\"')), {
    maxLength: 3,
    selector: ([name]) => name
  }),
  value: fc.constantFrom("1", "2", "-1", "0.5", "NaN"),
  timestamp: fc.constantFrom(0, 1_700_000_000_123),
  exemplar: fc.boolean()
})

export const quotedFamilies = fc.uniqueArray(family, { minLength: 1, maxLength: 5, selector: ({ name }) => name })

const quote = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`
const isPlain = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)

const lineOf = (
  name: string,
  pairs: ReadonlyArray<readonly [string, string]>,
  value: string,
  { timestamp }: QuotedFamily,
  exemplar = ""
): string => {
  const inner = pairs.map(([k, v]) => `${isPlain(k) ? k : quote(k)}="${v}"`)
  const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
  const series = plain ? `${name}{${inner.join(",")}}` : `{${[quote(name), ...inner].join(",")}}`
  return `${series} ${value}${timestamp === 0 ? "" : ` ${timestamp}`}${exemplar}\n`
}

/** The sample names, and what is in the lines. */
export const quotedDump = (models: ReadonlyArray<QuotedFamily>, source: string): Dump => {
  // All lines of a dump have a timestamp, or none.
  const timestamp = models[0]?.timestamp ?? 0
  const families = models
    .map((model) => ({ ...model, timestamp }))
    .filter(
      ({ name, type }) =>
        !(type === "summary" || type === "histogram") || !models.some((m) => m.name === `${name}_count`)
    )
    .map((model): Family => {
      const { name, type, value } = model
      const of = [...model.labels, ["instance", source] as const]
      const exemplar = model.exemplar ? ' # {t="a"} 1' : ""
      const whole = value === "1" || value === "2"
      const head = { name, textName: name, type, help: "", unit: "", timestamps: timestamp !== 0 }
      const rest = { quoted: !isPlain(name) || model.labels.some(([k]) => !isPlain(k)) }
      if (type === "counter") {
        const text = lineOf(`${name}_total`, of, whole ? value : "3", model, exemplar)
        return {
          ...head,
          textName: `${name}_total`,
          ...rest,
          ...familyOf([`${name}_total`], text, { exemplars: model.exemplar })
        }
      }
      if (type === "histogram" || type === "summary") {
        const histogram = type === "histogram"
        const inner = histogram ? ["1", "+Inf"] : ["0.5", "1"]
        const lines = inner.map((n) =>
          lineOf(
            histogram ? `${name}_bucket` : name,
            [...of, [histogram ? "le" : "quantile", n]],
            "3",
            model,
            histogram ? exemplar : ""
          )
        )
        lines.push(lineOf(`${name}_sum`, of, "4", model), lineOf(`${name}_count`, of, "3", model))
        return {
          ...head,
          ...rest,
          ...familyOf([histogram ? `${name}_bucket` : name, `${name}_sum`, `${name}_count`], lines.join(""), {
            exemplars: histogram && model.exemplar,
            floatLabels: true
          })
        }
      }
      return { ...head, ...rest, ...familyOf([name], lineOf(name, of, value, model), {}) }
    })
  return { source, families, series: families.reduce((sum, f) => sum + f.series, 0), bytes: 0 }
}

const familyOf = (
  sampleNames: ReadonlyArray<string>,
  text: string,
  flags: { exemplars?: boolean; floatLabels?: boolean }
) => ({
  sampleNames,
  bytes: Buffer.from(text),
  series: text.split("\n").length - 1,
  conforms: true,
  conformsText: true,
  exemplars: flags.exemplars ?? false,
  floatLabels: flags.floatLabels ?? false
})
