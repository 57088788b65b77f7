/**
 * Happening: what a simulated history consists of for whoever judges it from outside, as plain data: what was sent, what scrapers saw, what pods
 * committed, and what was done to them. Times are ms of virtual time since the start; offsets are next offsets.
 */
import type { Fault } from "./Fault.ts"

/** One thing that happened in a history, in the order of time. @experimental */
export type Happening =
  /** A source's `n` is in the log, before `end`. `accepted`: not where pods may refuse it, or the source ended with it. */
  | {
      readonly type: "sent"
      readonly at: number
      readonly source: string
      readonly n: number
      readonly partition: number
      readonly end: number
      readonly accepted: boolean
    }
  /** A body was written. `at` and `cut`: of its cut; bodies may be told in another order than cuts. `whole`: not aborted on the way. */
  | {
      readonly type: "shown"
      readonly at: number
      readonly cut: number
      readonly pod: string
      /** By source. */
      readonly values: ReadonlyMap<string, number>
      readonly whole: boolean
    }
  /** A pod sends a commit; whether it is carried out is not said. */
  | {
      readonly type: "committed"
      readonly at: number
      readonly pod: string
      readonly partition: number
      readonly offset: number
    }
  /** `pod`: undefined where it was done to the world. */
  | { readonly type: "fault"; readonly at: number; readonly pod: string | undefined; readonly fault: Fault }

/** One sentence for each broken rule; empty where all are kept. Called once, when the history has ended. @experimental */
export type HistoryJudge = (history: ReadonlyArray<Happening>) => ReadonlyArray<string>
