/**
 * One shard on the embedded log with the simplest processor there is: it keeps the last value of every key. What a scrape
 * sees goes through the real cut, the real proof and the real eviction.
 */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { Backpressure, type StrategyName } from "../../src/engine/Backpressure.ts"
import { Engine } from "../../src/engine/Engine.ts"
import * as EngineLayer from "../../src/engine/EngineLayer.ts"
import { Assignor } from "../../src/engine/group/Assignor.ts"
import { defaultEngineOptions, type EngineOptions } from "../../src/engine/Options.ts"
import { PartitionProcessor, ProcessorError, shown } from "../../src/engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { type Fetched, type LogRecord, partitionKey, Transport } from "../../src/transport/Transport.ts"

export interface ShardPod {
  readonly name: string
  readonly engine: Engine["Service"]
  readonly metrics: SelfMetrics["Service"]
  /** What a scrape shows now: the value of each key; empty where ownership could not be proven. */
  readonly scrape: Effect.Effect<ReadonlyMap<string, number>>
  /** What happened to its processors, in order; shared between pods where one array is given to all. */
  readonly trace: Array<string>
  readonly stop: Effect.Effect<void>
}

export interface ShardPodOptions {
  readonly engine?: Partial<EngineOptions>
  readonly backpressure?: StrategyName
  /** Called for each record before it is applied; may fail, die or wait. */
  readonly onRecord?: (record: LogRecord, key: string) => Effect.Effect<void, ProcessorError>
  /** Runs while a partition is being opened. */
  readonly onOpen?: Effect.Effect<void>
  /** Runs while a partition is being closed. */
  readonly onClose?: Effect.Effect<void>
  readonly trace?: Array<string>
  /** Instead of the one that keeps the last value of every key. */
  readonly processor?: PartitionProcessor["Service"]
  readonly assignor?: Layer.Layer<Assignor>
  readonly strategies?: Layer.Layer<Backpressure>
  /** Changes what comes of a fetch. */
  readonly onFetched?: (fetched: Fetched) => Fetched
}

const fetching = (transport: Transport["Service"], change: (fetched: Fetched) => Fetched): Transport["Service"] => ({
  ...transport,
  groupClient: (options) =>
    Effect.map(transport.groupClient(options), (client) => ({
      ...client,
      fetch: (node, requests, limits) => Effect.map(client.fetch(node, requests, limits), (all) => all.map(change))
    }))
})

const recording = (
  name: string,
  live: Map<string, Map<string, number>>,
  trace: Array<string>,
  options: ShardPodOptions
): PartitionProcessor["Service"] => ({
  name: "values",
  needs: shown,
  open: ({ tp }) =>
    Effect.gen(function* () {
      const key = partitionKey(tp)
      const values = new Map<string, number>()
      const offsets = new Map<string, number>()
      yield* options.onOpen ?? Effect.void
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          if (live.has(key)) throw new Error(`two processors of ${key} at once`)
          live.set(key, values)
          trace.push(`${name} opens ${key}`)
        }),
        () =>
          Effect.andThen(
            options.onClose ?? Effect.void,
            Effect.sync(() => {
              live.delete(key)
              trace.push(`${name} closed ${key}`)
            })
          )
      )
      return {
        process: (batch) =>
          Effect.gen(function* () {
            for (const record of batch.records) {
              if (options.onRecord !== undefined) yield* options.onRecord(record, key)
              const name = Buffer.from(record.key ?? []).toString()
              values.set(name, Number(Buffer.from(record.value ?? []).toString()))
              offsets.set(name, record.offset)
            }
          }),
        gap: () => ({
          add: () => {},
          pass: (next) =>
            Effect.sync(() => {
              trace.push(`${name} dropped ${key} to ${next}`)
            })
        }),
        grown: () => {
          trace.push(`${name} ${key} grown`)
        },
        keys: () => [...values.keys()].map((id) => Buffer.from(id)),
        committable: (position) => position,
        lowest: (position) => Math.min(position, ...offsets.values()),
        status: () => ({ values: values.size })
      }
    })
})

/** Starts a pod in a Scope of its own: `stop` leaves the group cleanly. */
export const startShardPod = (
  name: string,
  options: ShardPodOptions = {}
): Effect.Effect<ShardPod, never, EmbeddedLog> =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    const live = new Map<string, Map<string, number>>()
    const trace = options.trace ?? []
    const layer = EngineLayer.layer({ ...defaultEngineOptions, clientId: name, ...options.engine }).pipe(
      Layer.provideMerge(SelfMetrics.layerBare),
      Layer.provide([
        Layer.succeed(Transport, fetching(log.transport, options.onFetched ?? ((fetched) => fetched))),
        Layer.succeed(PartitionProcessor, options.processor ?? recording(name, live, trace, options)),
        options.strategies ?? Backpressure.layer(options.backpressure ?? "pause"),
        options.assignor ?? Assignor.layer
      ])
    )
    const scope = yield* Scope.make()
    const context = yield* Effect.orDie(Layer.buildWithScope(Layer.fresh(layer), scope))
    const engine = Context.get(context, Engine)
    const scrape = Effect.gen(function* () {
      const cut = engine.cut()
      const shown = new Map<string, number>()
      for (const { key } of cut.partitions) for (const [k, v] of live.get(key) ?? []) shown.set(k, v)
      return (yield* Effect.exit(cut.prove))._tag === "Success" ? shown : new Map<string, number>()
    })
    return {
      name,
      engine,
      metrics: Context.get(context, SelfMetrics),
      scrape,
      trace,
      stop: Scope.close(scope, Exit.void)
    }
  })

export { ProcessorError }
