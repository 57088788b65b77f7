/** A partition's cache in which nothing ever gets old, and what it shows. */
import { Budget } from "../../src/metrics/cache/Budget.ts"
import { defaultCacheLimits } from "../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../src/metrics/cache/PartitionCache.ts"
import { defaultParseLimits } from "../../src/metrics/text/Dump.ts"
import { noTime } from "../../src/testing/NoTime.ts"
import type { LogRecord } from "../../src/transport/Transport.ts"
import { linesOf } from "../metrics/records.ts"

const now = { wall: 0, mono: 0 }
const limits = { ...defaultParseLimits, ...defaultCacheLimits }

export const openCache = () => {
  const cache = new PartitionCache(
    { topic: "metrics", partition: 0 },
    noTime,
    { expiry: 90_000, timestamps: "scrape", sourceLabel: "instance", limits },
    new Budget("pod", { series: 1e9, bytes: 1e12 })
  )
  const content = cache.content(() => now)
  return {
    take: (record: LogRecord, fence: number): void => {
      cache.take(record, fence, now)
      cache.reached(record.offset + 1, fence, now)
    },
    lines: (): ReadonlyArray<string> => linesOf(content.look().dumps),
    refused: (): ReadonlyArray<readonly [string, number]> => [...cache.takeTally().refused]
  }
}
