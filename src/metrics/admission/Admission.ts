/**
 * Admission: which sources, series and labels a pod of metrics takes. Optional: without one all are taken. Prometheus' rules are one of its
 * Layers (`Admission.relabel`); an application's or extension's own goes before it and may build on it.
 *
 * It must decide by what it is given alone, no clock and no memory: all owners of a partition decide alike then, also in a replay. So members
 * of a group must run the same one; who brings one says its version in `agreed`, which is part of the hash that members compare.
 */
import { Context, Layer } from "effect"
import { GoRegexp } from "../relabel/GoRegexp.ts"
import { type RelabelSettings, relabelRule, ruleOfAll } from "../relabel/RelabelRule.ts"
import type { SeriesRule } from "../relabel/Verdict.ts"

/** What Prometheus' rules and a pattern of source ids say. Plain data. @stable */
export interface AdmissionSettings {
  /** In their order; the first that drops a series ends them. */
  readonly rules: ReadonlyArray<RelabelSettings>
  /** RE2, of whole source ids. */
  readonly refusedSources: string | undefined
  /** What no rule may change. */
  readonly sourceLabel: string
}

/** Which sources, series and labels a pod of metrics takes. Optional. It decides by what it is given alone, so that all owners of a partition, and a replay, decide alike. @stable */
export class Admission extends Context.Service<
  Admission,
  {
    /** For the status and the log. */
    readonly name: string
    /**
     * Why nothing of a source is taken, a sentence for its sender; undefined where its series are. Its rounds keep their order, and count
     * against `--max-remembered-sources`. Called for each record. Where it throws, the partition's actor begins anew.
     */
    readonly source?: (source: string) => string | undefined
    /**
     * What becomes of a series: its labels, or undefined where it is left out. It is given `__name__`, the labels of the line, those that its
     * record attaches (`job`) and the source label, which it cannot change. Called once for a series while that is remembered, so it must be
     * pure. Where it throws, the partition's actor begins anew.
     */
    readonly series?: SeriesRule
  }
>()("kafka2prom/Admission") {
  /** Prometheus' rules. Building it throws, in Prometheus' words, where one of them is wrong. */
  static readonly relabel = (settings: AdmissionSettings): Layer.Layer<Admission> =>
    Layer.sync(Admission, () => {
      const { rules, refusedSources, sourceLabel } = settings
      const read = rules.map((rule) => relabelRule(rule, sourceLabel))
      const wrong = read.find((rule) => typeof rule !== "function")
      if (wrong !== undefined) throw new Error(wrong.wrong)
      const refused = refusedSources === undefined ? undefined : new GoRegexp(refusedSources)
      const why = `the source id matches --refuse-sources ${refusedSources}`
      return {
        name: "relabel",
        ...(refused === undefined ? {} : { source: (id: string) => (refused.matches(id) ? why : undefined) }),
        ...(rules.length === 0 ? {} : { series: ruleOfAll(read.filter((rule) => typeof rule === "function")) })
      }
    })
}
