/**
 * StartPlan: where a new owner begins to read a partition and up to where it stays hidden (rules 2, 3 and 9 of the
 * handoff). Pure: from the commit, the log's bounds and the lookback to one plan.
 */
import type { Beginning, Needs } from "../PartitionProcessor.ts"
import type { CommitMetadata } from "./CommitMetadata.ts"
import type { MarkAgo } from "./Marks.ts"
import type { Quarantine } from "./Quarantine.ts"

export interface PlanInput {
  readonly needs: Needs
  /** C and its metadata as the coordinator gave them; null where the group never committed this partition. */
  readonly committed: { readonly offset: number; readonly metadata: CommitMetadata | null } | null
  readonly logStart: number
  readonly logEnd: number
  /** The first offset within the lookback, by the broker's timestamps; the log end where no record is that young, or the stamps are the senders'. */
  readonly lookbackOffset: number
  /** Whether timestamps are the senders': nothing can be told from them. */
  readonly sendersTime: boolean
  /** The highest next-offset that this very owner already exposed (an actor restarted); 0 for a fresh owner. */
  readonly exposed: number
  /** The highest next-offset that the log is known to have reached: what this very owner fetched, exposed or has as its fence, and what the commit's witness says. 0 where nothing is known. */
  readonly seen: number
  /** The offset of a record that was read before and is another one now; null where there is none. */
  readonly replaced: number | null
}

/** `committed`: C to go on committing until something newer may be. */
export interface StartPlan extends Beginning {
  /** L to go on from: it never falls. */
  readonly lowest: number
  readonly marks: ReadonlyArray<MarkAgo>
  readonly quarantine: Quarantine | null
  /** Under which settings earlier owners judged what can be read; "" where that is not known, null where there were none. */
  readonly judgedBy: string | null
  /** Where batches end that no owner ever read. */
  readonly unread: ReadonlyArray<number>
  /** Offsets that retention took before anybody committed them. */
  readonly lost: number
  /** One sentence for the log and status. */
  readonly why: string
}

/** As where no earlier owner said anything, unless the plan says otherwise. */
const planFrom = (
  { logStart, logEnd }: PlanInput,
  plan: Pick<StartPlan, "start" | "fence" | "why"> & Partial<StartPlan>
): StartPlan => ({
  committed: plan.start,
  lowest: plan.start,
  memo: "",
  marks: [],
  quarantine: null,
  judgedBy: null,
  unread: [],
  lost: 0,
  restarted: false,
  logStart,
  logEnd,
  ...plan
})

/** Rule 9. Nothing that is in a new log now may be shown; what is not shown may be had from its start. */
const newLog = (i: PlanInput, why: string): StartPlan => {
  const { needs, logStart, logEnd, committed: c } = i
  const start = needs.newLog === "start" ? logStart : logEnd
  const fence = needs.shows ? logEnd : start
  return planFrom(i, { start, fence, memo: c?.metadata?.memo ?? "", restarted: true, why })
}

/** Up to `end`, and all that this owner exposed. */
const fenceOf = ({ needs, exposed }: PlanInput, start: number, end: number): number =>
  needs.shows ? Math.max(end, exposed) : start

const clamp = (n: number, low: number, high: number): number => Math.min(Math.max(n, low), high)

/** What the last owner said beside C. */
const saidOf = (m: CommitMetadata | null): Partial<StartPlan> =>
  m === null
    ? { judgedBy: "" }
    : { memo: m.memo, marks: m.marks, quarantine: m.quarantine, judgedBy: m.judgedBy, unread: m.unread }

export const planStart = (i: PlanInput): StartPlan => {
  const { needs, logStart, logEnd, committed: c } = i
  const lookback = clamp(i.lookbackOffset, logStart, logEnd)
  const known = Math.max(c?.offset ?? 0, i.seen)
  if (known > logEnd)
    return newLog(
      i,
      `the log ends at ${logEnd}, before offset ${known} that was committed or read before: it was truncated or recreated`
    )
  if (i.replaced !== null)
    return newLog(
      i,
      `the record at offset ${i.replaced} is not the one that was read there before: the log was truncated or recreated, and grew again`
    )
  if (c === null) {
    // Nobody exposed anything without a commit, so there is nothing to be older than.
    const untimed = needs.newGroup === "lookback" && i.sendersTime
    const start = needs.newGroup === "start" ? logStart : needs.newGroup === "end" || untimed ? logEnd : lookback
    const why = untimed ? "no commit yet, and no time by which to look back" : "no commit yet"
    return planFrom(i, { start, fence: fenceOf(i, start, logEnd), why })
  }
  const said = saidOf(c.metadata)
  if (c.offset < logStart) {
    const why = `retention passed the committed offset ${c.offset}: continuing at the log start ${logStart}`
    const fence = fenceOf(i, logStart, logEnd)
    return planFrom(i, { ...said, start: logStart, fence, lost: logStart - c.offset, why })
  }
  if (c.metadata === null) {
    // What is durable need not be read again.
    const start = needs.shows ? Math.min(lookback, c.offset) : c.offset
    // Whoever showed what, and when, is in the metadata that is gone.
    const quarantine = needs.shows ? { until: null } : null
    const why = "the commit carries no metadata of ours: hidden up to the log end"
    return planFrom(i, { ...said, start, fence: fenceOf(i, start, logEnd), committed: c.offset, quarantine, why })
  }
  const { lowest, reservation } = c.metadata
  const start = clamp(Math.min(lowest, c.offset), logStart, logEnd)
  const fence = fenceOf(i, start, Math.min(logEnd, Math.max(reservation, c.offset)))
  const why = `from L ${lowest}, C ${c.offset}, R ${reservation}`
  return planFrom(i, { ...said, start, fence, committed: c.offset, why })
}
