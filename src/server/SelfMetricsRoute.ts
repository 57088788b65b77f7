/** SelfMetricsRoute: GET /self/metrics, the process's own metrics. Gauges of the engine's state are read at the scrape; those
 * of the cache are its processor's. */
import { Effect } from "effect"
import type { PartitionPhase } from "../engine/Engine.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { PodState } from "./PodState.ts"
import { type Route, reply } from "./Route.ts"

const phases: ReadonlyArray<PartitionPhase> = ["preparing", "replaying", "serving", "restarting", "evicting"]

/** Gauges of partitions that moved away must go, so all are set anew each time. */
export const refresh = (pod: PodState, metrics: SelfMetricsShape): void => {
  const status = pod.served?.engine.status()
  const partitions = status?.partitions ?? []
  for (const gauge of [metrics.lag, metrics.queueRecords, metrics.queueBytes]) gauge.reset()
  const byPhase = new Map(phases.map((phase) => [phase, 0]))
  for (const p of partitions) {
    const labels = { topic: p.topic, partition: String(p.partition) }
    if (p.lag !== null) metrics.lag.set(labels, p.lag)
    metrics.queueRecords.set(labels, p.queue.records)
    metrics.queueBytes.set(labels, p.queue.bytes)
    byPhase.set(p.phase, (byPhase.get(p.phase) ?? 0) + 1)
  }
  for (const [phase, n] of byPhase) metrics.partitions.set({ phase }, n)
  metrics.leaseSeconds.set((status?.leaseMs ?? 0) / 1000)
  metrics.settingsDiffer.set(status?.settingsDiffer.length ?? 0)
}

/** `before`: what to bring up to date first. */
export const selfMetricsRoute = (metrics: SelfMetricsShape, before: () => void): Route => ({
  method: "GET",
  path: "/self/metrics",
  about: "this process's own metrics",
  handle: ({ response }) =>
    Effect.gen(function* () {
      before()
      const body = yield* Effect.promise(() => metrics.registry.metrics())
      reply(response, 200, metrics.registry.contentType, body)
    })
})
