/**
 * Planning: how the families of the shards that are shown become a body, worked out in slices of about a millisecond, so that ingest and
 * heartbeats have their turns however many families there are; the shards are asked about lines where the plan has to know.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Effect } from "effect"
import { type BodyPlan, type PlanAnswer, planning } from "../body/BodyPlan.ts"
import type { DigestEntry } from "../body/FamilyMeta.ts"
import type { Output } from "../text/Negotiation.ts"
import type { ShardScrape } from "./ShardScrape.ts"

/**
 * `digests`: of these scrapes, in their order. A shard that has not answered a question after `patience` ms is taken to have said no: the
 * families in dispute then lose their type, and the body is as valid.
 */
export const planBody = (
  digests: ReadonlyArray<ReadonlyArray<DigestEntry>>,
  scrapes: ReadonlyArray<Pick<ShardScrape, "fit">>,
  output: Output,
  patience: number
): Effect.Effect<BodyPlan> =>
  Effect.gen(function* () {
    const work = planning(digests, output)
    let answers: PlanAnswer
    for (;;) {
      const step = work.next(answers)
      if (step.done === true) return step.value
      const questions = step.value
      if (questions === undefined) {
        answers = undefined
        yield* Effect.promise(() => turn())
      } else
        answers = yield* Effect.forEach(
          scrapes,
          (scrape, i) =>
            scrape
              .fit(questions[i]!)
              .pipe(Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.succeed([]) })),
          { concurrency: "unbounded" }
        )
    }
  })
