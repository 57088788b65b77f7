/**
 * Load: how many bytes a second arrive in one partition, as its owner measures it for the balance between members. What
 * arrives, not what is read: the log end's pace times the size of the records that were read, so that neither a replay nor
 * an owner that lags makes a partition look heavier or lighter than it is. On the monotonic clock.
 *
 * Smoothed, and rounded to two digits: loads travel in every JoinGroup. Not for status or billing.
 */

/** A rate over less time than this is noise, ms. */
const leastWindow = 10_000
/** How long an old rate lives on, ms. */
const memory = 60_000

/** In bytes a second: below it a partition's load is not what it costs. Also what a change must exceed to be worth a look. */
export const leastLoad = 64 * 1024

export class Load {
  /** Bytes a second; undefined while the partition was not watched long enough. */
  rate: number | undefined
  private since = -1
  private end = 0
  private bytes = 0
  private records = 0
  private recordSize = 0

  /** The log ends here, now: what is before counts for nothing. */
  begin(logEnd: number, now: number): void {
    this.since = now
    this.end = logEnd
  }

  consumed(records: number, bytes: number): void {
    this.records += records
    this.bytes += bytes
  }

  measure(logEnd: number, now: number): number | undefined {
    const time = now - this.since
    if (this.since < 0 || logEnd < 0 || time < leastWindow) return this.rate
    if (this.records > 0) this.recordSize = this.bytes / this.records
    const arrived = Math.max(0, logEnd - this.end)
    // Nothing was read yet: nobody knows how large they are.
    if (arrived > 0 && this.recordSize === 0) return this.rate
    const seen = (arrived * this.recordSize * 1_000) / time
    const share = this.rate === undefined ? 1 : 1 - Math.exp(-time / memory)
    this.rate = (this.rate ?? 0) + share * (seen - (this.rate ?? 0))
    this.since = now
    this.end = logEnd
    this.bytes = this.records = 0
    return this.rate
  }
}

/** Two digits and a power of ten in one small number: 4,312,000 is 43 · 10⁵ is 435. */
export const loadCode = (bytesPerSecond: number): number => {
  let digits = Math.max(0, bytesPerSecond)
  let power = 0
  while (digits >= 99.5 && power < 9) {
    digits /= 10
    power += 1
  }
  return Math.min(99, Math.round(digits)) * 10 + power
}

export const codedLoad = (code: number): number => Math.floor(code / 10) * 10 ** (code % 10)
