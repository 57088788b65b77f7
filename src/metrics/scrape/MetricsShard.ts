/** MetricsShard: what a shard of metrics answers on its own thread: scrapes, and for status the sources and refusals of each partition. */
import { Clock, Effect, Layer } from "effect"
import { ShardService } from "../../pod/ShardService.ts"
import { SelfMetrics } from "../../SelfMetrics.ts"
import { partitionKey } from "../../transport/Transport.ts"
import { MetricsCache, type RefusalStatus, type SourceStatus } from "../cache/MetricsCache.ts"
import { scrapeChannel } from "./ScrapeChannel.ts"
import type { SourceQuestion, SourceTrace } from "./SourceRoute.ts"

/** What status says of a partition besides what the engine does. */
export interface PartitionDetails {
  /** Of a partition that is not there yet; else the processor says. */
  readonly sources: 0
  readonly series: 0
  readonly bytes: 0
  readonly sourceList: ReadonlyArray<SourceStatus>
  readonly refusals: ReadonlyArray<RefusalStatus>
}

const sourcesPerPartition = 100

/** Of each partition that has anything of the source. */
const tracesOf = (cache: MetricsCache["Service"], id: string): ReadonlyArray<SourceTrace> => {
  const traces: Array<SourceTrace> = []
  for (const [key, content] of cache.all()) {
    const shown = content.source(id) ?? null
    const refusals = content.refusals().filter(({ source }) => source === id)
    if (shown !== null || refusals.length > 0) traces.push({ key, shown, refusals })
  }
  return traces
}

export const layer: Layer.Layer<ShardService, never, MetricsCache | SelfMetrics> = Layer.effect(
  ShardService,
  Effect.gen(function* () {
    const cache = yield* MetricsCache
    const metrics = yield* SelfMetrics
    const clock = yield* Clock.Clock
    const run = Effect.runPromiseWith(yield* Effect.context<never>())
    const leftOut = (lines: number): void => metrics.bodyLinesLeftOut.inc(lines)
    return ShardService.of({
      open: (_, cut) => {
        const look = cache.collect(cut.partitions.map((p) => p.key))
        const now = clock.currentTimeMillisUnsafe()
        for (const time of look.times) metrics.shownAge.observe(Math.max(0, now - time) / 1000)
        return scrapeChannel({ cut, look, run, leftOut })
      },
      ask: (question) => Effect.sync(() => tracesOf(cache, (question as SourceQuestion).id)),
      details: (partitions, entries) => {
        let left = entries
        return partitions.map((tp): PartitionDetails => {
          const content = cache.get(partitionKey(tp))
          const sourceList = content?.sources(Math.min(left, sourcesPerPartition)) ?? []
          left -= sourceList.length
          return { sources: 0, series: 0, bytes: 0, sourceList, refusals: content?.refusals() ?? [] }
        })
      }
    })
  })
)
