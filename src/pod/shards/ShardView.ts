/**
 * ShardView: one shard as the HTTP side of its pod sees it, whichever thread it runs on: its part of a scrape, its state, its
 * own metrics and the switch. `LocalShard` is the shard of this thread, `ShardPort` one behind a message port. Routes
 * work on a list of views and know no difference between one and several.
 *
 * A scrape goes cut, proof, digest, questions where there are some, lines. The order matters: what is cut when is rule 7, that nothing is shown before the
 * proof is rule 4.
 */
import type { Effect } from "effect"
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { EngineStatus, NotProven, PartitionStatus } from "../../engine/Engine.ts"
import type { ShardPlan, ShardQuestions } from "../../metrics/body/BodyPlan.ts"
import type { DigestEntry } from "../../metrics/body/FamilyMeta.ts"
import type { LineChunk } from "../../metrics/body/LineChunks.ts"
import type { RefusalStatus, SourceStatus } from "../../metrics/cache/MetricsCache.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { TopicPartition } from "../../transport/Transport.ts"

export interface ShardView {
  readonly shard: number
  /**
   * Takes the cut: now, or when the shard's thread comes to it, in the order of the calls; of what was owned at `arrivedAt`
   * (process.hrtime.bigint(): one clock for all threads) and still is at the cut. `end` must be called, once.
   */
  readonly scrape: (arrivedAt: bigint) => ShardScrape
  /** With at most so many sources in each partition, and in all of them together. */
  readonly report: (sources: number) => Effect.Effect<ShardReport>
  /** One partition, or all where none is named. False where the shard does not own it. */
  readonly setBackpressure: (strategy: StrategyName, tp?: TopicPartition) => Effect.Effect<boolean>
  /** Its own metrics as of now, where they are not in the process's registry already. */
  readonly metrics: Effect.Effect<OwnMetrics>
}

export interface ShardScrape {
  /** What there is in the cut, when its ownership is proved. */
  readonly digest: Effect.Effect<ReadonlyArray<DigestEntry>, NotProven>
  /** What the plan asks about the lines of families in dispute; false for each where the shard does not answer. After the digest. */
  readonly fit: (questions: ShardQuestions) => Effect.Effect<ReadonlyArray<boolean>>
  /** The lines that the plan wants of the digest. Once, after the digest. */
  readonly lines: (plan: ShardPlan) => Lines
  /** Nothing more is wanted. `delivered`: a body with the lines was sent whole to a Prometheus. */
  readonly end: (delivered: boolean) => void
}

export interface Lines {
  /** One at a time, in order; undefined after the last. Made when asked for, or little earlier. */
  readonly next: () => Promise<LineChunk | undefined>
  /** The memory of a chunk that nobody reads any more, the kernel included: it is written over. Need not be told. */
  readonly free: (memory: ArrayBuffer) => void
  /** The shard is gone and its remaining lines with it. */
  readonly broken: () => boolean
}

export interface ShardReport extends Omit<EngineStatus, "partitions" | "state"> {
  readonly shard: number
  /** `starting`: not running, for the first time or again. `silent`: its thread does not answer in time. */
  readonly state: EngineStatus["state"] | "starting" | "silent"
  /** How often its thread had to be started again. */
  readonly workerRestarts: number
  readonly partitions: ReadonlyArray<
    Omit<PartitionStatus, "holds"> & {
      readonly sources: number
      readonly series: number
      readonly bytes: number
      readonly sourceList: ReadonlyArray<SourceStatus>
      readonly refusals: ReadonlyArray<RefusalStatus>
    }
  >
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
  wishes: { assignor: "", refused: 0, last: null },
  ready: false,
  settingsHash: "",
  settingsDiffer: [],
  partitions: [],
  handoffs: []
})
