/**
 * Verdict: what a rule makes of one series: it stays as it is, it goes, or it is another one. It depends on the bytes of the series, on what
 * its record attaches and on the rule alone.
 */
import { type SeriesLabels, writeSeries } from "./SeriesReader.ts"

/**
 * What becomes of a series, `__name__` among its labels: undefined leaves it out, and so does a series without a name. An empty label is a
 * missing one. Pure: it may look at nothing but the labels.
 * @stable
 */
export type SeriesRule = (labels: SeriesLabels) => Iterable<readonly [name: string, value: string]> | undefined

/** What the rule sees beside a line's own labels. */
export interface Attached {
  /** For series that lack them: from then on they stand in the line. */
  readonly labels: SeriesLabels
  /** The one that the rule sees and cannot change, and what a line's own label of that name is called; undefined where there is none. */
  readonly source: readonly [name: string, value: string] | undefined
}

export const nothingAttached: Attached = { labels: [], source: undefined }

export type Verdict =
  | { readonly kind: "same"; readonly name: string }
  | { readonly kind: "dropped"; readonly name: string; readonly why: "rule" | "nameless" }
  /** `text`: the line up to its value. */
  | { readonly kind: "changed"; readonly name: string; readonly newName: string; readonly text: Buffer }

export const verdictOn = (rule: SeriesRule, series: SeriesLabels, attached = nothingAttached): Verdict => {
  const name = series[0]![1]
  const seen = withAttached(series, attached)
  const left = rule(seen)
  if (left === undefined) return { kind: "dropped", name, why: "rule" }
  const after = new Map<string, string>()
  for (const [label, value] of left) if (value !== "" && label !== attached.source?.[0]) after.set(label, value)
  const newName = after.get("__name__")
  // Prometheus refuses the whole scrape for such a series.
  if (newName === undefined || after.has("")) return { kind: "dropped", name, why: "nameless" }
  if (after.size === series.length && series.every(([label, value]) => after.get(label) === value))
    return { kind: "same", name }
  // In the order of the line, then what is new.
  const kept = seen.flatMap(([label]) => (after.has(label) ? [[label, after.get(label)!] as const] : []))
  const known = new Set(seen.map(([label]) => label))
  const labels = [...kept, ...[...after].filter(([label]) => !known.has(label))]
  return { kind: "changed", name, newName, text: Buffer.from(`${writeSeries(newName, labels)} `) }
}

/** As the pods would show it: with what is attached, and with another source's label under another name. */
const withAttached = (series: SeriesLabels, { labels, source }: Attached): SeriesLabels => {
  if (source === undefined) return series
  const names = new Set([...series, ...labels, source].map(([label]) => label))
  const own = series.flatMap(([label, value]): SeriesLabels => {
    if (label !== source[0]) return [[label, value]]
    if (value === source[1]) return []
    let renamed = `exported_${label}`
    while (names.has(renamed)) renamed = `exported_${renamed}`
    return [[renamed, value]]
  })
  const present = new Set(own.map(([label]) => label))
  const missing = labels.filter(([label, value]) => value !== "" && !present.has(label) && label !== source[0])
  return [...own, ...missing, source]
}
