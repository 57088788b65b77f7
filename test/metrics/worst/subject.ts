/** subject: a partition's cache with a pod's usual limits, that takes records and commits now and then, as an actor would have it. */
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"

export class Subject {
  readonly cache: PartitionCache
  private readonly now = { wall: 0, mono: 0 }

  constructor(limits: Partial<typeof defaultCacheLimits> = {}) {
    const all = { ...defaultParseLimits, ...defaultCacheLimits, maxSources: 1e6, rememberedSources: 1e6, ...limits }
    const options = { expiry: 90_000, timestamps: "scrape", sourceLabel: "instance", limits: all } as const
    const pod = new Budget("pod", { series: all.podSeries, bytes: all.podBytes })
    this.cache = new PartitionCache({ topic: "t", partition: 0 }, noTime, options, pod)
  }

  take(records: ReadonlyArray<LogRecord>): this {
    for (const record of records) {
      this.now.mono += 0.1
      this.cache.take(record, 0, this.now)
      if (record.offset % 100 !== 0) continue
      this.cache.committable(record.offset)
      this.cache.lowest(record.offset)
    }
    return this
  }

  /** What it says that it takes. */
  get bytes(): number {
    return this.cache.size().bytes + this.cache.kept.bytes
  }
}
