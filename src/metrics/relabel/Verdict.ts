/**
 * Verdict: what the rules make of one series: it stays as it is, it goes, or it is another one. It depends on the bytes of the series and the
 * rules alone, whichever source sends it.
 */
import { LabelSet } from "./LabelSet.ts"
import { applyRules, type RelabelRule } from "./RelabelRule.ts"
import { type SeriesLabels, writeSeries } from "./SeriesReader.ts"

export type Verdict =
  | { readonly kind: "same"; readonly name: string }
  | { readonly kind: "dropped"; readonly name: string; readonly why: "rule" | "nameless" }
  /** `text`: the line up to its value. */
  | { readonly kind: "changed"; readonly name: string; readonly newName: string; readonly text: Buffer }

export const verdictOn = (rules: ReadonlyArray<RelabelRule>, series: SeriesLabels): Verdict => {
  const name = series[0]![1]
  const set = new LabelSet(series)
  if (!applyRules(rules, set)) return { kind: "dropped", name, why: "rule" }
  const after = new Map(set.all())
  const newName = after.get("__name__")
  // Prometheus refuses the whole scrape for such a series.
  if (newName === undefined || after.has("")) return { kind: "dropped", name, why: "nameless" }
  if (after.size === series.length && series.every(([label, value]) => after.get(label) === value))
    return { kind: "same", name }
  // In the order of the line, then what is new.
  const kept = series.flatMap(([label]) => (after.has(label) ? [[label, after.get(label)!] as const] : []))
  const known = new Set(series.map(([label]) => label))
  const labels = [...kept, ...[...after].filter(([label]) => !known.has(label))]
  return { kind: "changed", name, newName, text: Buffer.from(`${writeSeries(newName, labels)} `) }
}
