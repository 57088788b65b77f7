/**
 * SkippedBatches: the batches of one partition that nobody can read and that were skipped: how many, the last of them, and whether the log
 * has heard enough. What is skipped is decided by the transport, from the bytes alone. Pure.
 */
import type { Unreadable } from "../../transport/Transport.ts"

/** Told one by one. */
const FIRST = 5
/** Then together, ms. */
const INTERVAL = 60_000

export class SkippedBatches {
  count = 0
  last: Unreadable | undefined
  #told = 0
  #toldAt = Number.NEGATIVE_INFINITY

  add(stretch: Unreadable): void {
    this.count += 1
    this.last = stretch
  }

  /** How many the log has not been told of, where it is to be told now; else 0. */
  due(now: number): number {
    const untold = this.count - this.#told
    if (untold === 0 || (this.count > FIRST && now - this.#toldAt < INTERVAL)) return 0
    this.#told = this.count
    this.#toldAt = now
    return untold
  }
}
