/** LogBack: mutants of rule 9: what becomes of a log that went back. */
import type { PlanInput, StartPlan } from "../../../src/engine/partition/StartPlan.ts"
import { type Mutant, planning, replacing } from "./Mutant.ts"
import { cutAndGrown, telling } from "./Stories.ts"

export const logBackMutants: ReadonlyArray<Mutant> = [
  {
    rule: "9 the log went back",
    breaks: "a log that went back is read on like any other",
    found: "older",
    profile: "calmLogBack",
    modules: () =>
      planning((plan, i) => (plan.restarted ? { ...plan, start: i.logStart, fence: i.logEnd, restarted: false } : plan))
  },
  {
    rule: "9 the witness",
    breaks: "a log that went back and grew again is not recognized",
    found: "older",
    profile: "calmLogBack",
    histories: telling(cutAndGrown),
    modules: () => [
      replacing("engine/partition/StartPlan", {
        planStart: (real: (i: PlanInput) => StartPlan) => (i: PlanInput) => real({ ...i, replaced: null })
      })
    ]
  }
]
