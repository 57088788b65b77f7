/**
 * PartitionProcessor: what a partition's actor does with records, and what eviction means. The engine owns
 * reading, queueing, order, ownership and commits; a processor owns the content made of the records.
 *
 * One `open` per incarnation of an actor. Closing its Scope is the eviction: when the close has returned, nothing
 * of the partition may be seen outside any more. The engine awaits it before it lets the group give the partition away.
 * Metrics: metrics/cache/MetricsProcessor. Others (a log archive) bring a Layer of their own.
 *
 * A mistake in it costs its partition: whatever throws, dies or fails ends the incarnation, which is closed, counted and logged with the
 * processor's name, and another one begins from the last commit. Plain functions here are called between two steps of the
 * engine: they must answer at once, and change nothing but what they say.
 */
import { Context, type Effect, Schema, type Scope } from "effect"
import type { LogIdentity, LogRecord, TopicPartition, TransportError, Unreadable } from "../transport/Transport.ts"
import type { NotProven } from "./Engine.ts"
import type { Homes } from "./growth/Homes.ts"
import type { Testimony, Witness } from "./partition/Witness.ts"

/** A failure of the processor itself, not of a record: the actor is restarted from its last committed offset. @stable */
export class ProcessorError extends Schema.TaggedError<ProcessorError>()("ProcessorError", {
  /** For people: what failed. */
  message: Schema.String,
  /** What it was, for the log. */
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** What a processor needs of the engine; the same for all its partitions, for as long as the group lives. @stable */
export interface Needs {
  /**
   * Whether anything of it is shown. If so, a new owner replays hidden up to the fence, nothing is processed beyond the reservation, and C
   * moves over what could be seen. Else there is no fence and no reservation: C follows `committable` from the first record on.
   */
  readonly shows: boolean
  /** Where a group begins that never committed the partition: at the log's start, its end, or `lookback` before its end. */
  readonly newGroup: "start" | "end" | "lookback"
  /** Where a log begins that is another one than was read before. From `start` on, records may be older than what was shown. */
  readonly newLog: "start" | "end"
  /** Whether backpressure may drop records of it. If not, a strategy that would drops nothing: the partition pauses. */
  readonly mayDrop: boolean
}

/** Content that a scrape may see: nothing older is ever shown. @stable */
export const shown: Needs = { shows: true, newGroup: "lookback", newLog: "end", mayDrop: true }

/** Content that is kept elsewhere: every record from the first one on, nothing dropped. @stable */
export const durable: Needs = { shows: false, newGroup: "start", newLog: "start", mayDrop: false }

/** What an actor is given at once: records in offset order, of one partition. Their bytes are lent until `process` has ended. @stable */
export interface Batch {
  /** In offset order; it may have none, where only the position moves. */
  readonly records: ReadonlyArray<LogRecord>
  /** The position after the batch; past its last record, and past gaps. */
  readonly next: number
  /** Records before this offset are a replay: another owner may have exposed them already. Nothing is exposed until it is reached. */
  readonly fence: number
}

/** Records in a row that backpressure drops unseen. Begun with one of them, and passed in order with `process`. @stable */
export interface Gap {
  /** One of them, in any order. What is kept of it is a copy: its bytes are freed. */
  readonly add: (record: LogRecord) => void
  /** The actor comes to the gap, which ends before `next`. Content that records below the fence replaced must go (rule 2). */
  readonly pass: (next: number, fence: number) => Effect.Effect<void, ProcessorError>
}

/** Where an incarnation begins, in offsets; see the handoff's rules 2, 3 and 9. @stable */
export interface Beginning {
  /** The first offset that is read. */
  readonly start: number
  /** `start` where nothing is shown. */
  readonly fence: number
  /** C. */
  readonly committed: number
  /**
   * What its processor put into the group's commit of this partition, whoever owned it then; "" where there is nothing that can be read. It
   * belongs to `committed`; where retention passed that, to the C before, and where the log is another one, to the log before.
   */
  readonly memo: string
  /** The first offset that the log still had when the plan was made. */
  readonly logStart: number
  /** Its end at that time. */
  readonly logEnd: number
  /** The log is another one than was read before. */
  readonly restarted: boolean
}

/** What an incarnation is told. @stable */
export interface Opening {
  /** The partition. */
  readonly tp: TopicPartition
  /** Where this incarnation begins. */
  readonly plan: Beginning
  /**
   * The group's generation in which this owner got the partition: of two owners the later one has the higher, as long as the group lives. It
   * says nothing about two incarnations of one owner.
   */
  readonly generation: number
  /** Whether it is owned at this instant, as far as this pod knows: its lease holds. True while it drains. */
  readonly owned: () => boolean
  /** A heartbeat proves that it is still owned, or not. To be asked right before a side effect that two owners must not have. */
  readonly prove: Effect.Effect<void, NotProven>
  /** Which log this is, and whether it still has a record. */
  readonly log: OpenedLog
  /**
   * This incarnation is to end, and another one to begin, without that anything failed: what was made of the records is not what the processor
   * goes on from (another owner was there before it). It is told in the log. Not while it is being opened; nothing where the partition is evicted anyway.
   */
  readonly startOver: (why: string) => void
  /** How old records are, by the log and its owners. */
  readonly time: LogTime
  /** Which keys may be shown of this partition, in case that its topic grew. */
  readonly homes: Homes
}

/** The log itself, for a processor that keeps what it makes of it elsewhere and must know whether that is of this log. @experimental */
export interface OpenedLog {
  /** Asked of the brokers now. */
  readonly identity: Effect.Effect<LogIdentity, TransportError>
  /** Where it ends, asked of its leader now: also of a partition that is not fetched, because it is full. */
  readonly end: Effect.Effect<number, TransportError>
  /** Whether the record is still there that somebody read (`witnessOf`): the log is read there once. `gone` proves nothing. */
  readonly holds: (witness: Witness) => Effect.Effect<Exclude<Testimony, "unanswered">, TransportError>
}

/**
 * What the engine knows of a partition's time, beyond its records (see Marks): counted by all owners together, never by
 * a sender's clock. One for each incarnation of the actor.
 * @stable
 */
export interface LogTime {
  /**
   * Everything before the answer was in the log for `apart` ms when all that had been appended by then was processed: what comes less
   * late than that came. 0: nothing. Ascending.
   */
  readonly settled: (apart: number) => number
  /** Everything before the answer was first read by an owner at least so many ms ago. Ascending. */
  readonly readBefore: (ago: number) => number
  /** For how many ms earlier owners, when this one began, had read past the record; undefined where they did not count that far back. */
  readonly readAgo: (offset: number) => number | undefined
  /** For how many ms the record is known to be in the log; 0 for one that may just have come. */
  readonly appendedAgo: (offset: number) => number
  /** No owner after this one begins before it: what was seen before may be forgotten, nothing else may. Ascending. */
  readonly keptFrom: () => number
  /** Nothing from before it may be shown, it is only remembered: earlier owners may have shown something newer. Mostly 0. */
  readonly shownFrom: () => number
}

/** What an application does with the records of one partition, for one incarnation of its actor. All but `process`, `drain` and `pass` are synchronous, must answer at once and must not throw; what does throw ends the incarnation. @stable */
export interface Processing {
  /**
   * Where reading begins, instead of the plan's start: what it keeps elsewhere says better how far it came. Within the log's bounds; C does not
   * fall by it. Nothing that is shown begins behind its plan's start.
   */
  readonly from?: number
  /**
   * True: of a record's key, value and headers nothing is looked at any more when `process` has ended, what is kept is a copy. The
   * engine then frees their memory for the next fetch; else they may be kept, and are the collector's.
   */
  readonly borrows?: boolean
  /**
   * In offset order, each offset once per incarnation; after a restart or a handoff the same records come again and
   * must be decided alike (by the log alone, never by the clock or the history of this pod).
   * Bad records are the processor's to refuse and count; failing is for its own defects only. An eviction interrupts it, but for a
   * processor that drains: its batch is finished first.
   */
  readonly process: (batch: Batch) => Effect.Effect<void, ProcessorError>
  /**
   * A batch that nobody can read, before any record behind it is processed, or one that was fetched with it; it comes again as records do. Absent: it
   * is skipped, and counted by the engine, as it is in any case.
   */
  readonly unreadable?: (stretch: Unreadable) => Effect.Effect<void, ProcessorError>
  /** Records are about to be dropped. Absent: nobody wants to know. */
  readonly gap?: () => Gap
  /**
   * Makes durable what is not yet. Only in an orderly handoff: hidden, its last batch finished, and still owned; C is computed afterwards. A
   * quarter of the session timeout is all there is, for all partitions at once; then it is interrupted, as by the loss of the partition, after which
   * nothing is committed. What becomes of its last side effect is unknown then, and the next owner may do it again.
   */
  readonly drain?: Effect.Effect<void, ProcessorError>
  /**
   * The highest offset that may be committed when everything before `position` was processed, and shown where it shows anything: what is not
   * durable yet, or a part of something unfinished, holds it back. At most `position`.
   */
  readonly committable: (position: number) => number
  /**
   * A few bytes of its own that stand in the commit with C, and are told whoever opens the partition next (`Beginning.memo`). Asked right after
   * `committable`, of what that answered, where C does not fall. At most 256 bytes, as JSON in UTF-8: a longer one ends the
   * incarnation, and nothing is committed. An owner of an older version commits without it. Absent: none.
   */
  readonly memo?: (committed: number) => string
  /** L: the lowest offset whose content a new owner must read again to hold all that this one holds. At most `position`. */
  readonly lowest: (position: number) => number
  /**
   * Homes knows more than it did, the topic grew: whatever is not at home here any more must be out of what can be seen when this
   * returns. A processor whose keys no partitioner places does without.
   */
  readonly grown?: () => void
  /** The keys of what is held, as far as a producer's partitioner placed them: by which `--partitioner auto` finds out which one. */
  readonly keys?: () => Iterable<Uint8Array>
  /** For people: what it holds, by names of its own. Constant-time reads. */
  readonly status: () => Readonly<Record<string, number>>
}

/** What is done with records. One for a shard; `open` is called for each incarnation of a partition, in a Scope whose close is its eviction: when that has returned, nothing of the partition may be seen outside. A failure or a throw costs that incarnation, which begins anew from the last commit. @stable */
export class PartitionProcessor extends Context.Service<
  PartitionProcessor,
  {
    /** For the log and the metrics. */
    readonly name: string
    /** What the engine does for it; read once, before any partition is opened. */
    readonly needs: Needs
    /** One incarnation of a partition. Failing ends it; another one is tried after a growing pause. */
    readonly open: (opening: Opening) => Effect.Effect<Processing, ProcessorError, Scope.Scope>
  }
>()("k2p/engine/PartitionProcessor") {}
