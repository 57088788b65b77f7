/**
 * Claims: what a family of some type is called in each format, which sample names it may have there, and which names nobody else may
 * have beside it. Pure tables.
 *
 * Text: expfmt takes `foo_count` for the count of a summary `foo`. OpenMetrics: the reference parser refuses a body in which a
 * family is called as another one's sample could be.
 */
import type { MetricType } from "../text/Dump.ts"
import { isPlainMetric, shownNames } from "../text/Escaping.ts"
import type { Output, OutputFormat } from "../text/Negotiation.ts"
import type { FamilyMeta } from "./FamilyMeta.ts"

/** Behind the family's name, of the samples that it may have. */
const SUFFIXES: Readonly<Record<OutputFormat, Partial<Record<MetricType, ReadonlyArray<string>>>>> = {
  text: { histogram: ["_bucket", "_sum", "_count"], summary: ["", "_sum", "_count"] },
  openmetrics: {
    counter: ["_total", "_created"],
    summary: ["", "_count", "_sum", "_created"],
    histogram: ["_count", "_sum", "_bucket", "_created"],
    gaugehistogram: ["_gcount", "_gsum", "_bucket"],
    info: ["_info"]
  }
}
const BARE: ReadonlyArray<string> = [""]

const suffixes = (type: MetricType, format: OutputFormat): ReadonlyArray<string> => SUFFIXES[format][type] ?? BARE

/** Undefined where a family of that name and type has no such sample. */
export const suffixOf = (
  sample: string,
  family: { readonly name: string; readonly type: MetricType },
  format: OutputFormat
): string | undefined => {
  if (!sample.startsWith(family.name)) return undefined
  const suffix = sample.slice(family.name.length)
  return suffixes(family.type, format).includes(suffix) ? suffix : undefined
}

/** Names that are the family's alone, whether or not it has samples of them. */
export const claimsOf = (name: string, type: MetricType, format: OutputFormat): ReadonlyArray<string> => {
  const all = suffixes(type, format).map((suffix) => name + suffix)
  return all.includes(name) ? all : [name, ...all]
}

/** Whether the format asks anything of the lines of such a family. Others' lines then need a look before they may be among them. */
export const hasRules = (type: MetricType, format: OutputFormat): boolean =>
  format === "text" ? type === "histogram" || type === "summary" : type !== "gauge" && type !== "unknown"

/** Whether the format wants the lines of one metric together. */
export const hasOrder = (type: MetricType, format: OutputFormat): boolean =>
  format === "openmetrics" && hasRules(type, format) && type !== "info"

/** A family that a dump's family becomes in a format. */
export interface Asked {
  readonly name: string
  /** `unknown`: it asks for nothing. */
  readonly type: MetricType
  /** What the dump said, where its lines do not keep the rules for it; else as `type`. */
  readonly said: MetricType
  readonly samples: ReadonlyArray<{ readonly raw: string; readonly shown: string }>
}

/** In text a family may become several: what that format has no place for inside stands beside it as gauges. */
export const askedOf = (family: FamilyMeta, { format, escaping }: Output): ReadonlyArray<Asked> => {
  const shown = shownNames(family, escaping)
  if (family.sampleNames.length === 1 && family.sampleNames[0] === family.textName) {
    const name = format === "text" ? shown.textName : shown.name
    const said = format === "text" ? textType(family.type, name) : openMetricsType(family)
    const conforms = format === "text" ? family.conformsText : family.conforms
    const samples = [{ raw: family.textName, shown: shown.textName }]
    return [{ name, type: conforms ? said : "unknown", said, samples }]
  }
  const samples = family.sampleNames.map((raw, i) => ({ raw, shown: shown.samples[i]! }))
  if (format === "openmetrics") {
    const said = openMetricsType(family)
    return [{ name: shown.name, type: family.conforms ? said : "unknown", said, samples }]
  }
  const said = textType(family.type, shown.textName)
  const asked: Asked = {
    name: shown.textName,
    type: family.conformsText ? said : "unknown",
    said,
    samples: samples.filter(({ raw }) => !standsAlone(family, raw))
  }
  const alone = samples
    .filter(({ raw }) => standsAlone(family, raw))
    .map((sample): Asked => ({ name: sample.shown, type: "gauge", said: "gauge", samples: [sample] }))
  return asked.samples.length === 0 ? alone : [asked, ...alone]
}

/** OpenMetrics has no counter whose samples lack `_total`. */
const openMetricsType = ({ type, name, textName }: FamilyMeta): MetricType =>
  type === "counter" && name === textName ? "unknown" : type

/** Text has five types. A gauge histogram is called a histogram, as other clients do: its buckets are what counts. */
const textType = (type: MetricType, name: string): MetricType => {
  // The Python parser takes the suffix off and has no name left.
  if (type === "counter" && name === "_total") return "unknown"
  if (type === "info" || type === "stateset") return "gauge"
  return type === "gaugehistogram" ? "histogram" : type
}

const standsAlone = ({ type, name, textName }: FamilyMeta, sample: string): boolean => {
  if (sample === textName) return false
  if (type === "gaugehistogram") return sample === `${name}_gcount` || sample === `${name}_gsum`
  return (type === "counter" || type === "histogram" || type === "summary") && sample === `${name}_created`
}

/** A unit that the format's parsers take with that name. */
export const unitFits = (unit: string, name: string, type: MetricType): boolean =>
  unit !== "" && name.endsWith(`_${unit}`) && isPlainMetric(unit) && type !== "info" && type !== "stateset"
