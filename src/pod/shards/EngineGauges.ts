/** EngineGauges: the gauges of a shard's state, read when they are asked for. Those of the cache are its processor's. */
import { getHeapStatistics } from "node:v8"
import { labelsOf, partitionGauges } from "../../engine/Counters.ts"
import type { EngineStatus, PartitionPhase } from "../../engine/Engine.ts"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"

const phases: ReadonlyArray<PartitionPhase> = ["preparing", "replaying", "serving", "restarting", "evicting"]

/** What a shard's own thread has, whichever that is. */
export const refreshThread = (metrics: SelfMetricsShape, shard: number, { partitions }: EngineStatus): void => {
  const { heap_size_limit, used_heap_size } = getHeapStatistics()
  metrics.workerHeap.set({ shard }, used_heap_size)
  metrics.workerHeapLimit.set({ shard }, heap_size_limit)
  const bytes = partitions.reduce((sum, { queue, remainder }) => sum + queue.bytes + remainder.bytes, 0)
  metrics.workerInFlight.set({ shard }, bytes)
}

/** Gauges of partitions that moved away must go, so all are set anew each time. Undefined: there is no engine. */
export const refreshGauges = (metrics: SelfMetricsShape, status: EngineStatus | undefined): void => {
  for (const gauge of partitionGauges(metrics)) gauge.reset()
  const byPhase = new Map(phases.map((phase) => [phase, 0]))
  for (const p of status?.partitions ?? []) {
    const labels = labelsOf(p)
    if (p.lag !== null) metrics.lag.set(labels, p.lag)
    if (p.lagMs !== null) metrics.lagSeconds.set(labels, p.lagMs / 1000)
    if (p.lagAgeMs !== null) metrics.lagAge.set(labels, p.lagAgeMs / 1000)
    if (p.fence !== null) metrics.behindFence.set(labels, Math.max(0, p.fence - p.position))
    if (p.reservation !== null) metrics.mayShow.set(labels, Math.max(0, p.reservation - p.position))
    metrics.pauseSeconds.set(labels, p.queue.pausedMs / 1000)
    metrics.quarantined.set(labels, p.quarantine === null ? 0 : 1)
    metrics.trouble.set(labels, (p.trouble?.sinceMs ?? 0) / 1000)
    metrics.queueRecords.set(labels, p.queue.records)
    metrics.queueBytes.set(labels, p.queue.bytes)
    metrics.remainderRecords.set(labels, p.remainder.records)
    metrics.remainderBytes.set(labels, p.remainder.bytes)
    byPhase.set(p.phase, (byPhase.get(p.phase) ?? 0) + 1)
  }
  for (const [phase, n] of byPhase) metrics.partitions.set({ phase }, n)
  metrics.leaseSeconds.set((status?.leaseMs ?? 0) / 1000)
  metrics.settingsDiffer.set(status?.settingsDiffer.length ?? 0)
  metrics.settingsInfo.reset()
  if (status !== undefined) metrics.settingsInfo.set({ hash: status.settingsHash }, 1)
}
