/**
 * Books: what a partition's cache decided, counted for the pod's own metrics, and the latest of what it did not show for an operator
 * to look at. What is decided is others'.
 */
import type { TopicPartition } from "../../transport/Transport.ts"
import type { Now, Stamp } from "../rounds/Ages.ts"
import type { GivenUp } from "../rounds/Gathering.ts"
import { refusal } from "../rounds/Record.ts"
import type { Refusal, RefusedLines } from "../text/Dump.ts"
import type { Away } from "./Arrivals.ts"
import type { RefusalStatus } from "./MetricsCache.ts"
import { RefusalLog } from "./RefusalLog.ts"
import { count, type IgnoredBy, newTally, type Tally } from "./Tally.ts"

const givenUp = ["superseded", "unfinished", "crowded", "conflict"] as const

const gaveWay = refusal(
  "displaced",
  "a limit of the partition or the pod was reached and it gave way: it is shown again with its next complete round, where there is room"
)

export class Books {
  tally = newTally()
  private readonly tp: TopicPartition
  private readonly log = new RefusalLog()
  private reported: Readonly<Record<GivenUp, number>> = { superseded: 0, unfinished: 0, crowded: 0, conflict: 0 }

  constructor(tp: TopicPartition) {
    this.tp = tp
  }

  /** Ages are those of what nobody has shown before. */
  accepted({ replayed }: Stamp, time: number, now: Now): void {
    const { tally } = this
    tally.accepted++
    if (replayed) return
    const seconds = Math.max(0, now.wall - time) / 1000
    const { ages } = tally
    const last = ages[ages.length - 1]
    if (last?.seconds === seconds) last.times++
    else ages.push({ seconds, times: 1 })
  }

  /** `source`: whose the record is, or claims to be. */
  refused(why: Refusal, source: string, offset: number, now: Now): void {
    count(this.tally.refused, why.reason)
    this.log.add(why, { ...this.tp, at: now.wall, offset, source })
  }

  ignored(by: IgnoredBy): void {
    count(this.tally.ignored, by)
  }

  /** A record of a source that is shown elsewhere, or not yet. */
  away(by: Away | "elsewhere", why: Refusal, source: string, offset: number, now: Now): void {
    count(this.tally.ignored, by)
    this.log.add(why, { ...this.tp, at: now.wall, offset, source })
  }

  /** Content that was shown and made room for others. */
  displaced(source: string, offset: number, now: Now): void {
    this.tally.displaced++
    this.log.add(gaveWay, { ...this.tp, at: now.wall, offset, source })
  }

  /**
   * Lines that are not shown while others of their record are. Other than with a record that is refused, nothing goes below the
   * fence: the record alone decides, so all owners decide alike, and these lines are shown by none.
   */
  lines(refused: ReadonlyArray<RefusedLines>, source: string, offset: number, now: Now): void {
    for (const { reason, count: lines, line, detail, sample } of refused) {
      count(this.tally.refusedLines, reason, lines)
      this.log.add({ reason, detail, line, sample }, { ...this.tp, at: now.wall, offset, source }, lines)
    }
  }

  /** A record of which nothing may be shown: it adds nothing, and takes nothing away. */
  unshown(): void {
    count(this.tally.refused, "reserved-name")
  }

  /** Newest first. */
  list(): ReadonlyArray<RefusalStatus> {
    return this.log.list()
  }

  get last(): RefusalStatus | undefined {
    return this.log.last
  }

  /** What was counted since it was taken last. `lost`: chunks given up so far, by cause. */
  take(lost: Readonly<Record<GivenUp, number>>): Tally {
    const { tally } = this
    for (const cause of givenUp) count(tally.ignored, cause, lost[cause] - this.reported[cause])
    this.reported = { ...lost }
    this.tally = newTally()
    return tally
  }
}
