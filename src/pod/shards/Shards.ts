/**
 * Shards: the shards of a pod, and where they run: on this thread (`inThisThread`: one, whose transport and processor the caller
 * brings; the demo runs several such pods on one embedded log), or on worker threads (`Workers`).
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { Backpressure } from "../../engine/Backpressure.ts"
import { Engine, EngineFailed } from "../../engine/Engine.ts"
import { Assignor } from "../../engine/group/Assignor.ts"
import type { EngineOptions } from "../../engine/Options.ts"
import type { PartitionProcessor } from "../../engine/PartitionProcessor.ts"
import * as Shard from "../../engine/Shard.ts"
import { SelfMetrics } from "../../SelfMetrics.ts"
import type { Transport } from "../../transport/Transport.ts"
import { ShardService } from "../ShardService.ts"
import { localShard } from "./LocalShard.ts"
import type { ShardView } from "./ShardView.ts"

/** A shard's place in its pod; its number never changes. */
export interface ShardPlace {
  readonly shard: number
  /** Absent while the shard is not running. */
  view: ShardView | undefined
  /** How often its thread had to be started again. */
  restarts: number
}

/** The shards of a pod, run by whoever knows where. */
export interface Shards<R> {
  readonly count: number
  /** Starts them; the Scope's close ends them, in order. Answers what fails when the pod cannot go on, and never succeeds. */
  readonly start: (
    places: ReadonlyArray<ShardPlace>
  ) => Effect.Effect<Effect.Effect<never, EngineFailed>, EngineFailed, Scope.Scope | R>
}

type Parts = PartitionProcessor | ShardService | Backpressure

/** A shard on this thread, in the Scope. `parts` is built anew for it. */
export const openShard = (
  shard: number,
  options: EngineOptions,
  parts: Layer.Layer<Parts, never, SelfMetrics>
): Effect.Effect<
  { readonly engine: Engine["Service"]; readonly view: ShardView },
  EngineFailed,
  Scope.Scope | Transport | SelfMetrics
> =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const layer = Shard.layer(options).pipe(Layer.provide(Assignor.layer), Layer.provideMerge(Layer.fresh(parts)))
    const services = yield* Layer.build(layer).pipe(
      Effect.catchTag("TransportError", (error) =>
        Effect.fail(new EngineFailed({ message: `the engine could not start: ${error.message}` }))
      )
    )
    const engine = Context.get(services, Engine)
    return { engine, view: localShard({ shard, engine, service: Context.get(services, ShardService), metrics }) }
  })

/** One shard, on this thread. */
export const inThisThread = (
  options: EngineOptions,
  parts: Layer.Layer<Parts, never, SelfMetrics>
): Shards<Transport | SelfMetrics> => ({
  count: 1,
  start: (places) =>
    Effect.map(openShard(0, options, parts), ({ engine, view }) => {
      places[0]!.view = view
      return engine.failed
    })
})
