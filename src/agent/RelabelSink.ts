/** RelabelSink: the rules between the sources and the outbox: what they leave out never takes room there, nor the uplink. */
import { Effect } from "effect"
import { Relabeller } from "../metrics/relabel/Relabeller.ts"
import { type RelabelRule, ruleOfAll } from "../metrics/relabel/RelabelRule.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { RoundSink } from "./AgentSource.ts"

export const relabelling = (
  sink: RoundSink,
  rules: ReadonlyArray<RelabelRule>,
  metrics: SelfMetricsShape
): RoundSink => {
  if (rules.length === 0) return sink
  const relabeller = new Relabeller(ruleOfAll(rules))
  return {
    ...sink,
    offer: (round) =>
      Effect.suspend(() => {
        const { text, dropped, nameless } = relabeller.relabel(round.source, round.text, round.format)
        metrics.agentSeriesDropped.inc({ why: "rule" }, dropped)
        metrics.agentSeriesDropped.inc({ why: "nameless" }, nameless)
        return sink.offer({ ...round, text })
      }),
    gone: (source) => {
      relabeller.forget(source)
      sink.gone(source)
    }
  }
}
