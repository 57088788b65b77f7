/**
 * SelfMetricsRoute: GET /self/metrics, the pod's own metrics: those of all its threads, summed. What the process itself has
 * (CPU, memory, event loop) is the main thread's. A counter never shows less than before, also when a thread died: what was last
 * seen of it is kept.
 */
import { Effect } from "effect"
import { type Route, reply } from "../http/Route.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { PodState } from "./PodState.ts"
import { refreshGauges } from "./shards/EngineGauges.ts"
import type { Totals } from "./shards/Totals.ts"

const path = "/self/metrics"
const about = "this process's own metrics"

/** Of a process without shards. */
export const selfMetricsRoute = (metrics: SelfMetricsShape): Route => ({
  method: "GET",
  path,
  about,
  handle: ({ response }) =>
    Effect.gen(function* () {
      const body = yield* Effect.promise(() => metrics.text())
      reply(response, 200, metrics.registry.contentType, body)
    })
})

export const podMetricsRoute = (pod: PodState, metrics: SelfMetricsShape, totals: Totals): Route => ({
  method: "GET",
  path,
  about,
  handle: ({ response }) =>
    Effect.gen(function* () {
      const { shards } = pod
      if (shards.length === 0) refreshGauges(metrics, undefined)
      // Of several threads' leases the shortest counts, and this one's is none unless a shard of it says so.
      else metrics.leaseSeconds.remove()
      const theirs = yield* Effect.forEach(
        shards,
        (shard) => Effect.map(shard.metrics, (own) => [shard, own] as const),
        {
          concurrency: "unbounded"
        }
      )
      const now = performance.now()
      metrics.shardAnswerAge.reset()
      for (const [shard, own] of theirs) {
        if (own !== undefined) totals.saw(shard, own, now)
        metrics.shardAnswerAge.set({ shard: shard.number }, totals.age(shard, now) / 1000)
      }
      const body = yield* Effect.promise(async () => metrics.text(await totals.all(shards)))
      reply(response, 200, metrics.registry.contentType, body)
    })
})
