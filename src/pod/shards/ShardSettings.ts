/** ShardSettings: what a shard is started with, on whichever thread. Plain data, so that it can be handed to another one. */
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { EngineOptions } from "../../engine/Options.ts"
import type { LogConfig } from "../../Logging.ts"
import type { KafkaOptions } from "../../transport/kafka/connection/KafkaOptions.ts"

/** What a shard is started with. Plain data. @experimental */
export interface ShardSettings<S> {
  /** Of its member of the group. */
  readonly engine: EngineOptions
  /** The strategy to begin with; from how many records of lag on `adaptive` drops. */
  readonly backpressure: { readonly strategy: StrategyName; readonly adaptiveLag: number }
  /** The application's. */
  readonly application: S
}

/** Of any shard of a pod on worker threads. */
export interface ThreadSettings<S> extends ShardSettings<S> {
  readonly kafka: KafkaOptions
  readonly log: LogConfig
}

export interface WorkerSettings<S> extends ThreadSettings<S> {
  /** The URL of the application's module, then those of its extensions. */
  readonly modules: ReadonlyArray<string>
  readonly shard: number
}

/** What was before the thread: members that it has to make leave, and whether the pod has been let into the group. */
export type Before = Pick<EngineOptions, "predecessors" | "hasBeenIn">

/** Of one shard: its name in the group carries its number. */
export const workerSettings = <S>(
  { engine, backpressure, kafka, log }: ThreadSettings<unknown>,
  application: S,
  modules: ReadonlyArray<string>,
  shard: number,
  before: Before
): WorkerSettings<S> => {
  const clientId = `${engine.clientId}-${shard}`
  return {
    engine: { ...engine, clientId, ...before },
    backpressure,
    application,
    kafka: { ...kafka, clientId },
    log,
    modules,
    shard
  }
}
