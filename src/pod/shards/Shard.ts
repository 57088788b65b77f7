/**
 * Shard: one shard as the HTTP side of its pod sees it, whichever thread it runs on: channels and questions to its application, its
 * state, its own metrics and the switch. `LocalShard` is the shard of this thread, `RemoteShard` one behind a message port. Routes
 * work on a list of shards and know no difference between one and several.
 */
import type { Effect } from "effect"
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { EngineStatus, PartitionStatus } from "../../engine/Engine.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import type { Channel } from "./Channel.ts"

/** One shard, whichever thread it runs on. Of a thread that has stopped nothing is answered, in time. @experimental */
export interface Shard {
  /** Its number in the pod, from 0 on. */
  readonly number: number
  /**
   * Takes a cut for the request: now, or when the shard's thread comes to it, in the order of the calls; of what was owned at
   * `arrivedAt` (process.hrtime.bigint(): one clock for all threads) and still is at the cut.
   */
  readonly open: (request: unknown, arrivedAt: bigint) => Channel
  /** Asks the shard's application; undefined where no answer came in time. */
  readonly ask: (question: unknown) => Effect.Effect<unknown>
  /** With at most so many entries of the application's. */
  readonly report: (entries: number) => Effect.Effect<ShardReport>
  /** One partition, or all where none is named. False where the shard does not own it. */
  readonly setBackpressure: (strategy: StrategyName, tp?: TopicPartition) => Effect.Effect<boolean>
  /** Its own metrics as of now, where they are not in the process's registry already; undefined where it did not answer in time. */
  readonly metrics: Effect.Effect<OwnMetrics | undefined>
}

/** A shard as `/api/v1/status` shows it. Plain data. @experimental */
export interface ShardReport extends Omit<EngineStatus, "partitions" | "state"> {
  /** Its number in the pod. */
  readonly shard: number
  /** `starting`: not running, for the first time or again. `silent`: its thread does not answer in time. */
  readonly state: EngineStatus["state"] | "starting" | "silent"
  /** How often its thread had to be started again. */
  readonly workerRestarts: number
  /** Each together with what its processor holds and what the application says of it. */
  readonly partitions: ReadonlyArray<Omit<PartitionStatus, "holds">>
}

/** Of a shard that cannot tell. */
export const absent = (shard: number, state: "starting" | "silent", restarts = 0): ShardReport => ({
  shard,
  state,
  workerRestarts: restarts,
  group: "",
  memberId: "",
  generation: -1,
  leader: false,
  leaseMs: -1,
  refused: null,
  doubt: { missingTopics: [], join: null, heartbeat: null, commit: null, darkMs: null },
  wishes: { assignor: "", refused: 0, last: null },
  ready: false,
  settingsHash: "",
  settingsDiffer: [],
  partitions: [],
  handoffs: []
})
