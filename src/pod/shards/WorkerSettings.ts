/** WorkerSettings: what a worker thread is started with: plain data, so that it can be handed to another thread. */

import { Layer } from "effect"
import type { StrategyName } from "../../engine/Backpressure.ts"
import { Backpressure } from "../../engine/Backpressure.ts"
import type { EngineOptions } from "../../engine/Options.ts"
import type { LogConfig } from "../../Logging.ts"
import { MetricsCache } from "../../metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../metrics/cache/MetricsProcessor.ts"
import type { KafkaOptions } from "../../transport/kafka/connection/KafkaOptions.ts"

/** Of any shard of the pod. */
export interface ShardSettings {
  readonly engine: EngineOptions
  readonly metrics: MetricsProcessor.MetricsOptions
  readonly backpressure: { readonly strategy: StrategyName; readonly adaptiveLag: number }
  readonly kafka: KafkaOptions
  readonly log: LogConfig
}

export interface WorkerSettings extends ShardSettings {
  readonly shard: number
}

/** What was before the thread: members that it has to make leave, and whether the pod has been let into the group. */
export type Before = Pick<EngineOptions, "predecessors" | "hasBeenIn">

/** One of `count` shards: its name in the group carries its number, and the pod's limits are divided. */
export const workerSettings = (
  settings: ShardSettings,
  shard: number,
  count: number,
  before: Before,
  sources?: SharedArrayBuffer
): WorkerSettings => {
  const { engine, metrics, kafka } = settings
  const limits = { ...MetricsProcessor.defaultCacheLimits, ...metrics.limits }
  const clientId = `${engine.clientId}-${shard}`
  return {
    ...settings,
    shard,
    engine: { ...engine, clientId, ...before },
    kafka: { ...kafka, clientId },
    metrics: {
      ...metrics,
      ...(sources === undefined ? {} : { shared: { sources, shard } }),
      limits: {
        ...limits,
        podSeries: Math.max(1, Math.floor(limits.podSeries / count)),
        podBytes: Math.max(1, Math.floor(limits.podBytes / count)),
        // A round of the largest kind has to find room.
        podGatherBytes: Math.max(limits.maxBytes, Math.floor(limits.podGatherBytes / count))
      }
    }
  }
}

/** What a shard of metrics consists of besides its engine and its log. */
export const metricsParts = ({ metrics, backpressure }: Pick<ShardSettings, "metrics" | "backpressure">) =>
  MetricsProcessor.layer(metrics).pipe(
    Layer.provideMerge(MetricsCache.layer),
    Layer.merge(Backpressure.layer(backpressure.strategy, backpressure.adaptiveLag))
  )
