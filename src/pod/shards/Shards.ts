/**
 * Shards: the shards of a pod, and where they run: on this thread (`inThisThread`: one, whose transport the caller brings; the demo runs
 * several such pods on one embedded log), or on worker threads (`Workers`).
 */
import { Context, Effect, Layer, Option, type Scope } from "effect"
import { Backpressure } from "../../engine/Backpressure.ts"
import { Engine, EngineFailed } from "../../engine/Engine.ts"
import * as EngineLayer from "../../engine/EngineLayer.ts"
import { Assignor } from "../../engine/group/Assignor.ts"
import { PartitionProcessor } from "../../engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../SelfMetrics.ts"
import { Transport } from "../../transport/Transport.ts"
import { type App, type AppParts, protocolOf } from "../App.ts"
import { ShardService } from "../ShardService.ts"
import { localShard } from "./LocalShard.ts"
import type { Shard } from "./Shard.ts"
import type { ShardSettings } from "./ShardSettings.ts"
import type { ShardSlot } from "./ShardSlot.ts"

/** The shards of a pod, run by whoever knows where. @experimental */
export interface Shards<R> {
  /** How many there are, whether they run or not. */
  readonly count: number
  /** Starts them; the Scope's close ends them, in order. Answers what fails when the pod cannot go on, and never succeeds. */
  readonly start: (
    slots: ReadonlyArray<ShardSlot>
  ) => Effect.Effect<Effect.Effect<never, EngineFailed>, EngineFailed, Scope.Scope | R>
}

/** What a shard is told of its application. @experimental */
export type Named = Pick<App, "name" | "groupName" | "strategies" | "ownTransport">

/** A shard on this thread, in the Scope. The application's Layers are built anew for it, before the engine, and closed after it. */
export const openShard = <S>(
  number: number,
  app: Named,
  parts: Pick<AppParts<S>, "layer">,
  { engine: options, backpressure, application }: ShardSettings<S>
): Effect.Effect<
  { readonly engine: Engine["Service"]; readonly shard: Shard },
  EngineFailed,
  Scope.Scope | Transport | SelfMetrics
> =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const failed = (error: unknown) =>
      new EngineFailed({
        message: `the application ${app.name} could not start: ${error instanceof Error ? error.message : String(error)}`
      })
    const usual = Layer.merge(
      Backpressure.layer(backpressure.strategy, backpressure.adaptiveLag, app.strategies),
      Assignor.layer
    )
    const services = yield* Layer.build(Layer.fresh(Layer.provideMerge(parts.layer(application), usual))).pipe(
      Effect.mapError(failed)
    )
    const { name, needs } = Context.get(services, PartitionProcessor)
    if (typeof name !== "string" || typeof needs !== "object")
      return yield* failed("its PartitionProcessor has no name or no needs (docs/extending.md)")
    if (app.ownTransport === true && Option.isNone(Context.getOption(services, Transport)))
      return yield* failed(
        "it has a Transport of its own (ownTransport), and its layer brings none (docs/extending.md)"
      )
    const wishing = Context.get(services, Assignor)
    const assignor = Assignor.of({
      name: wishing.name,
      protocol: protocolOf(app),
      place: (members, keys, loads) => wishing.place(members, keys, loads)
    })
    const engine = yield* Layer.build(EngineLayer.layer(options)).pipe(
      Effect.provide(Context.add(services, Assignor, assignor)),
      Effect.map(Context.get(Engine)),
      Effect.catchTag("TransportError", (error) =>
        Effect.fail(new EngineFailed({ message: `the engine could not start: ${error.message}` }))
      )
    )
    return { engine, shard: localShard({ number, engine, service: Context.get(services, ShardService), metrics }) }
  })

/** One shard, on this thread. @experimental */
export const inThisThread = <S>(
  app: Named,
  parts: Pick<AppParts<S>, "layer">,
  settings: ShardSettings<S>
): Shards<Transport | SelfMetrics> => ({
  count: 1,
  start: (slots) =>
    Effect.map(openShard(0, app, parts, settings), ({ engine, shard }) => {
      slots[0]!.shard = shard
      return engine.failed
    })
})
