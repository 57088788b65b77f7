/** EngineGauges: the gauges of a shard's state, read when they are asked for. Those of the cache are its processor's. */
import type { EngineStatus, PartitionPhase } from "../../engine/Engine.ts"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"

const phases: ReadonlyArray<PartitionPhase> = ["preparing", "replaying", "serving", "restarting", "evicting"]

/** Gauges of partitions that moved away must go, so all are set anew each time. Undefined: there is no engine. */
export const refreshGauges = (metrics: SelfMetricsShape, status: EngineStatus | undefined): void => {
  const { lag, queueRecords, queueBytes, remainderRecords, remainderBytes, trouble, quarantined } = metrics
  for (const gauge of [lag, queueRecords, queueBytes, remainderRecords, remainderBytes, trouble, quarantined])
    gauge.reset()
  const byPhase = new Map(phases.map((phase) => [phase, 0]))
  for (const p of status?.partitions ?? []) {
    const labels = { topic: p.topic, partition: String(p.partition) }
    if (p.lag !== null) metrics.lag.set(labels, p.lag)
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
}
