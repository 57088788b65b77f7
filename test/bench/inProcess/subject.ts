/**
 * Subject: what the benchmarks inside one process take from src, in one place: a partition's cache, which is asked as the processor asks it
 * (`PartitionCache.take`), so that they measure whatever reads the text behind it, and two versions of that can be compared.
 */
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { type Dump, defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"
import { jobLabel } from "../dumps/shapes.ts"

export type Timestamps = CacheOptions["timestamps"]
export type Unnumbered = Omit<LogRecord, "offset" | "timestamp">

const cacheOptions = (timestamps: Timestamps): CacheOptions => ({
  expiry: 90_000,
  timestamps,
  sourceLabel: "instance",
  limits: { ...defaultParseLimits, ...defaultCacheLimits }
})

/** One partition with its cache; offsets go on for ever. */
export class Subject {
  private readonly cache: PartitionCache
  private offset = 0
  private accepted = 0

  constructor(timestamps: Timestamps = "scrape") {
    const options = cacheOptions(timestamps)
    const { podSeries, podBytes } = options.limits
    const pod = new Budget("pod", { series: podSeries, bytes: podBytes })
    this.cache = new PartitionCache({ topic: "metrics", partition: 0 }, noTime, options, pod)
  }

  take(record: Unnumbered): void {
    const now = { wall: Date.now(), mono: performance.now() }
    this.cache.take({ ...record, offset: this.offset++, timestamp: now.wall }, 0, now)
    // As the processor does at the end of a slice.
    if (this.offset % 16 === 0) this.count()
  }

  /** Everything that was taken must have been accepted. */
  check(): void {
    this.count()
    if (this.accepted === this.offset) return
    const [refused] = this.cache.content(() => ({ wall: Date.now(), mono: performance.now() })).refusals()
    throw new Error(`${this.offset - this.accepted} records were not accepted: ${refused?.reason} ${refused?.detail}`)
  }

  dumps(): ReadonlyArray<Dump> {
    return this.cache.content(() => ({ wall: Date.now(), mono: performance.now() })).look().dumps
  }

  private count(): void {
    this.accepted += this.cache.takeTally().accepted
  }
}

const job = Buffer.from(`{"job":"${jobLabel}"}`)

export const numbered = (source: string, round: number, value: Uint8Array): Unnumbered => ({
  ...{ key: Buffer.from(source), value },
  headers: { "k2p-round": Buffer.from(`1.${round}`), "k2p-labels": job }
})

/** What is shown of a source's first round. */
export const dumpOf = (source: string, bytes: Uint8Array, timestamps: Timestamps = "scrape"): Dump => {
  const subject = new Subject(timestamps)
  subject.take(numbered(source, 1, bytes))
  subject.check()
  return subject.dumps()[0]!
}
