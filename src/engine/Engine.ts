/**
 * Engine: one member of the consumer group with its partitions, seen from outside: what may be
 * exposed now, the proof of it, its state, and the switches. Its Layer (`EngineLayer.layer`) joins the group, its Scope leaves it.
 */
import { Context, type Effect, Schema } from "effect"
import type { TopicPartition, Unreadable } from "../transport/Transport.ts"
import type { StrategyName } from "./Backpressure.ts"
import type { DoubtStatus } from "./group/Doubt.ts"
import type { Quarantine } from "./partition/Quarantine.ts"
import type { TroubleStatus } from "./partition/Trouble.ts"

/**
 * One instant's answer to "what may be shown": taken synchronously, see rule 7. Where the request arrived a little earlier, on
 * another thread, the scrape counts from then: what was acquired in between is not in it.
 * @stable
 */
export interface Cut {
  /** Of the group; what `prove` asks about. */
  readonly generation: number
  /** Owned, past their fence, within their reservation and the lease at this instant. */
  readonly partitions: ReadonlyArray<{ readonly tp: TopicPartition; readonly key: string; readonly position: number }>
  /**
   * One heartbeat for the cut's generation, sent after the cut (rule 4). The body may be written only after it succeeded.
   * Succeeds at once for a cut without partitions.
   */
  readonly prove: Effect.Effect<void, NotProven>
}

/** This pod cannot prove that it still owns what it would show: it shows nothing (P9). @stable */
export class NotProven extends Schema.TaggedError<NotProven>()("NotProven", {
  /** For people: what could not be proven, and why. */
  message: Schema.String
}) {}

/** The member ended by itself: a partition's actor failed too often, an eviction took too long, or the credentials were refused at the start. @stable */
export class EngineFailed extends Schema.TaggedError<EngineFailed>()("EngineFailed", {
  /** For people: what ended it, and what to do. */
  message: Schema.String
}) {}

/** What a partition's actor is at: it finds out where to begin, replays hidden up to the fence, serves, waits to begin anew, or leaves. @stable */
export type PartitionPhase = "preparing" | "replaying" | "serving" | "restarting" | "evicting"

/** One partition that this shard owns, as it is now. Offsets are next offsets, exclusive ends; `dropped` and `restarts` count since it was acquired. @stable */
export interface PartitionStatus {
  /** Of the log. */
  readonly topic: string
  /** Its number in the topic. */
  readonly partition: number
  /** What its actor is at. */
  readonly phase: PartitionPhase
  /** Exposed in a scrape now. */
  readonly visible: boolean
  /** Everything before it was processed. */
  readonly position: number
  /** C: what the group's commit says; null before the first. */
  readonly committed: number | null
  /** R: nothing beyond it is shown; null before the first commit. Where nothing is shown it says nothing. */
  readonly reservation: number | null
  /** Where it begins to be shown: records before it are a replay; null while no processor is at work. */
  readonly fence: number | null
  /** The log's end; null while nobody tells it, as where it has no leader that is known. */
  readonly highWatermark: number | null
  /** Records between the position and the log's end; null while nobody tells it. */
  readonly lag: number | null
  /**
   * Ms since all that the log was known to have was processed: of what waits the time that it is known to be in the log; where nothing is known
   * to wait, since that was known. So it grows, too, while nobody tells the log's end. null before anybody has.
   */
  readonly lagMs: number | null
  /** Since the log's end was told last. */
  readonly lagAgeMs: number | null
  /** What waits within the queue's bounds; `pausedMs`: how long it is full already, and the partition not read. */
  readonly queue: {
    readonly records: number
    readonly bytes: number
    readonly paused: boolean
    readonly pausedMs: number
  }
  /** What waits beyond them: the rest of one answer of the log. */
  readonly remainder: { readonly records: number; readonly bytes: number }
  /** The strategy that it is under now. */
  readonly backpressure: StrategyName
  /** Records that back pressure dropped. */
  readonly dropped: number
  /** Wall clock, ms: it drops since then, because its actor is behind. */
  readonly droppingSince: number | null
  /** Of its actor, after failures. */
  readonly restarts: number
  /** Why it cannot be read now; null where it can. */
  readonly trouble: TroubleStatus | null
  /** It is not known what was shown of it: a source is shown by what comes from `until` on, null while that is not known yet. */
  readonly quarantine: Quarantine | null
  /** Batches that nobody can read, and the last of them. */
  readonly skipped: { readonly batches: number; readonly last: Unreadable | null }
  /** What its processor says that it holds, by names of its own; empty where none is at work. */
  readonly holds: Readonly<Record<string, number>>
  /** Whether its topic grew, and what that waits for. */
  readonly growth: GrowthStatus
}

/** What the partition's owner knows of the topic's counts of partitions. @experimental */
export interface GrowthStatus {
  /** All that the topic is known to have had, ascending. */
  readonly counts: ReadonlyArray<number>
  /** How producers place keys; null where it is not known. */
  readonly placement: string | null
  /** Counts that not all owners have committed yet: what came here with them is not shown. */
  readonly waitingFor: ReadonlyArray<number>
}

/** One step of a partition between owners. Plain data. @experimental */
export interface HandoffStatus {
  /** Wall clock, ms. */
  readonly at: number
  /** Of the log. */
  readonly topic: string
  /** Its number in the topic. */
  readonly partition: number
  /** It came, was shown for the first time, was given up in order, or was taken away. */
  readonly kind: "acquired" | "visible" | "released" | "lost"
  /** The group's, in which it happened. */
  readonly generation: number
  /** acquired → visible, or revoke → evicted. */
  readonly tookMs: number | null
  /** For people: where it stood, or why. */
  readonly detail: string
}

/** One shard as it is now. A copy, safe to keep; taking it costs a walk over the partitions. @stable */
export interface EngineStatus {
  /** The id of the consumer group. */
  readonly group: string
  /** The coordinator's name for this member; "" before the first join. */
  readonly memberId: string
  /** Of the last join that was answered; -1 before. */
  readonly generation: number
  /** Whether it assigns the group's partitions. */
  readonly leader: boolean
  /** `joining`: it has no assignment, yet or any more. `member`: it has one, in contact or not: see `leaseMs`. */
  readonly state: "joining" | "member" | "leaving" | "failed"
  /** Ms that the lease is still good for; negative where it ran out. */
  readonly leaseMs: number
  /** Why the brokers do not let it in now, though they did; it keeps trying. null where they do. */
  readonly refused: string | null
  /** Why it cannot join, prove or commit, or has nothing to read. */
  readonly doubt: DoubtStatus
  /** Of the assignor, while this member led: how many of its wishes were refused, and the last of them in words. */
  readonly wishes: { readonly assignor: string; readonly refused: number; readonly last: string | null }
  /** Completed at least one join and its lease is valid: what /readyz says. */
  readonly ready: boolean
  /** Of the settings that all members must agree on. */
  readonly settingsHash: string
  /** Other members' hashes where they differ from ours (known to the leader only). */
  readonly settingsDiffer: ReadonlyArray<string>
  /** Those that are owned here, by topic and number. */
  readonly partitions: ReadonlyArray<PartitionStatus>
  /** The last 50, newest first. */
  readonly handoffs: ReadonlyArray<HandoffStatus>
}

/** One member of the group with its partitions, for as long as its Layer (`EngineLayer.layer`) lives: what may be shown now (`cut`), its state, its switches. Race what you do with `failed`. @stable */
export class Engine extends Context.Service<
  Engine,
  {
    /** `ago`: ms since the request arrived. */
    readonly cut: (ago?: number) => Cut
    /** As of now; a copy. */
    readonly status: () => EngineStatus
    /** One partition while it is owned here, or all, also those that come later, where none is named. False where the partition is not owned here, or there is no such strategy. */
    readonly setBackpressure: (strategy: StrategyName, tp?: TopicPartition) => boolean
    /** Waits until the next offset to be processed of the partition is at least `offset` and it is visible here. */
    readonly caughtUp: (tp: TopicPartition, offset: number) => Effect.Effect<void>
    /** Waits until the member ids that the coordinator may know this member by are others than `known`, and answers them: whoever outlives it must make them leave. */
    readonly idsChanged: (known: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>>
    /** Never succeeds; fails when the member ended by itself. Whoever runs an engine races its work with this. */
    readonly failed: Effect.Effect<never, EngineFailed>
  }
>()("k2p/engine/Engine") {}
