/**
 * RefusalLog: the latest refusals of a partition, for an operator to look at (P7): one entry a source and reason with the
 * latest detail, a piece of the text, and how often it came. Bounded; the entry that was not renewed for longest goes first. Not the count: that is
 * the pod's own metric.
 */
import type { Refusal } from "../text/Dump.ts"
import type { RefusalStatus } from "./MetricsCache.ts"

const kept = 64

export class RefusalLog {
  private readonly entries = new Map<string, RefusalStatus>()

  private newest: RefusalStatus | undefined

  /** `times`: how many records, or lines where they were refused alone. */
  add(
    refusal: Refusal,
    where: Pick<RefusalStatus, "at" | "topic" | "partition" | "offset" | "source">,
    times = 1
  ): void {
    const { reason, detail, sample = "" } = refusal
    const key = `${reason} ${where.source}`
    const count = (this.entries.get(key)?.count ?? 0) + times
    this.entries.delete(key)
    this.newest = { ...where, reason, detail, sample, count }
    this.entries.set(key, this.newest)
    if (this.entries.size > kept) this.entries.delete(this.entries.keys().next().value!)
  }

  get last(): RefusalStatus | undefined {
    return this.newest
  }

  /** Newest first. */
  list(): ReadonlyArray<RefusalStatus> {
    return [...this.entries.values()].reverse()
  }
}
