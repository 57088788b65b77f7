/**
 * LocalShard: the shard that runs on this thread: that of a pod with one worker, of the demo's pods, and, inside a
 * worker thread, the one behind the port. A cut is taken and given to the application in one synchronous step.
 */
import { Effect } from "effect"
import type { Engine } from "../../engine/Engine.ts"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import type { ShardService } from "../ShardService.ts"
import { refreshGauges, refreshThread } from "./EngineGauges.ts"
import type { Shard } from "./Shard.ts"

export interface LocalParts {
  readonly number: number
  readonly engine: Engine["Service"]
  readonly service: ShardService["Service"]
  readonly metrics: SelfMetricsShape
}

export const localShard = ({ number, engine, service, metrics }: LocalParts): Shard => ({
  number,
  open: (request, arrivedAt) => {
    const ago = Number(process.hrtime.bigint() - arrivedAt) / 1e6
    return service.open(request, engine.cut(ago))
  },
  ask: service.ask,
  report: (entries) =>
    Effect.sync(() => {
      const status = engine.status()
      const details = service.details(status.partitions, entries)
      return {
        ...status,
        shard: number,
        workerRestarts: 0,
        partitions: status.partitions.map(({ holds, ...partition }, i) => ({ ...partition, ...details[i], ...holds }))
      }
    }),
  setBackpressure: (strategy, tp) => Effect.sync(() => engine.setBackpressure(strategy, tp)),
  metrics: Effect.sync(() => {
    const status = engine.status()
    refreshGauges(metrics, status)
    refreshThread(metrics, number, status)
    return []
  })
})
