/**
 * TransportContract: what every Layer of Transport must do, whether its log is in memory, in files or a cluster: records, membership of
 * groups, commits. What each method promises is in the docs of Transport; here each promise is a case.
 *
 * All cases run on the real clock and wait for conditions. Where a case looks at a time it is a lower bound, or an
 * upper one far from what it tells apart.
 */
import { Effect, Layer } from "effect"
import type { Transport } from "../../../transport/Transport.ts"
import { type Case, caseOf } from "../Case.ts"
import { commitRules } from "./Commits.ts"
import { fetchingRules } from "./Fetching.ts"
import { generationRules } from "./Generations.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"
import { joiningRules } from "./Joining.ts"
import { producingRules } from "./Producing.ts"
import { sessionRules } from "./Sessions.ts"
import { topicRules } from "./Topics.ts"
import { unreadableRules } from "./Unreadables.ts"

/** In no order that matters; about a minute for all of them, most of it waiting. @experimental */
export const transportContract = (harness: TransportHarness): ReadonlyArray<Case> => {
  const cases: Array<Case> = []
  const world: Layer.Layer<Harness | Transport, unknown> = Layer.merge(Layer.succeed(Harness, harness), harness.layer)
  const about =
    (part: string): Rule =>
    (name, body) =>
      cases.push(caseOf(`Transport, ${part}`, name, Effect.provide(Effect.suspend(body), Layer.fresh(world))))
  for (const rules of [producingRules, fetchingRules, unreadableRules, topicRules]) rules(about("records"), harness)
  for (const rules of [generationRules, joiningRules, sessionRules]) rules(about("membership"), harness)
  commitRules(about("commits"))
  return cases
}
