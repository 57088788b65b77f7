/**
 * CacheLog: what a partition's cache says in the log: sources that fell silent, records and lines that were refused. One line for many, now
 * and then (Seldom); all of them are counted in the pod's metrics, and the status has the latest of each source.
 */
import { Effect } from "effect"
import { Seldom, standsFor } from "../../Seldom.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import type { RefusalStatus } from "./MetricsCache.ts"
import type { Tally } from "./Tally.ts"

/** So many sources are named, the others counted. */
const named = 5

const total = (counts: ReadonlyMap<string, number>): number => {
  let sum = 0
  for (const n of counts.values()) sum += n
  return sum
}

export class CacheLog {
  private readonly tp: TopicPartition
  private readonly silent = new Seldom()
  private readonly refusals = new Seldom()
  private readonly untold = { records: 0, lines: 0 }

  constructor(tp: TopicPartition) {
    this.tp = tp
  }

  /** Sources that left the endpoint because nothing came of them. `now`: of any steady clock, ms. */
  expired(sources: ReadonlyArray<string>, now: number): Effect.Effect<void> {
    if (sources.length === 0) return Effect.void
    const events = this.silent.note(now)
    if (events === 0) return Effect.void
    const list = sources.slice(0, named).map((source) => JSON.stringify(source))
    const more = sources.length > named ? ` and ${sources.length - named} more` : ""
    return Effect.logWarning(
      `no round came of ${list.join(", ")}${more} in time: ${sources.length === 1 ? "it has" : "they have"} left the endpoint${standsFor(events)}`
    ).pipe(Effect.annotateLogs({ ...this.tp, sources: sources.length }))
  }

  /** What was refused since the last call; `last`: the latest of it. */
  refused({ refused, refusedLines }: Tally, last: RefusalStatus | undefined, now: number): Effect.Effect<void> {
    const { untold } = this
    const records = total(refused)
    const lines = total(refusedLines)
    untold.records += records
    untold.lines += lines
    if (records + lines === 0 || last === undefined) return Effect.void
    if (this.refusals.note(now) === 0) return Effect.void
    const text = `${untold.records} records and ${untold.lines} lines were refused since this was last said; the latest: ${last.reason} at offset ${last.offset}: ${last.detail}`
    untold.records = untold.lines = 0
    const { source, reason, offset } = last
    return Effect.logWarning(text).pipe(Effect.annotateLogs({ ...this.tp, source, reason, offset }))
  }
}
