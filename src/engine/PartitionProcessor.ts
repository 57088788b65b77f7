/**
 * PartitionProcessor: what a partition's actor does with records, and what eviction means. The engine owns
 * reading, queueing, order, ownership and commits; a processor owns the content made of the records.
 *
 * One `open` per incarnation of an actor. Closing its Scope is the eviction: when the close has returned, nothing
 * of the partition may be seen outside any more. The engine awaits it before it lets the group give the partition away.
 * Metrics: metrics/cache/MetricsProcessor. Others (a log archive) bring a Layer of their own.
 */
import { Context, type Effect, Schema, type Scope } from "effect"
import type { LogRecord, TopicPartition } from "../transport/Transport.ts"
import type { Homes } from "./growth/Homes.ts"

/** A failure of the processor itself, not of a record: the actor is restarted from its last committed offset. */
export class ProcessorError extends Schema.TaggedError<ProcessorError>()("ProcessorError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

export interface Batch {
  readonly records: ReadonlyArray<LogRecord>
  /** The position after the batch; past its last record, and past gaps. */
  readonly next: number
  /** Records before this offset are a replay: another owner may have exposed them already. Nothing is exposed until it is reached. */
  readonly fence: number
}

/**
 * What the engine knows of a partition's time, beyond its records (see Marks): counted by all owners together, never by
 * a sender's clock. One for each incarnation of the actor.
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

export interface Processing {
  /**
   * True: of a record's key, value and headers nothing is looked at any more when `process` has ended, what is kept is a copy. The
   * engine then frees their memory for the next fetch; else they may be kept, and are the collector's.
   */
  readonly borrows?: boolean
  /**
   * In offset order, each offset once per incarnation; after a restart or a handoff the same records come again and
   * must be decided alike (design.md rule 8: by the log alone, never by the clock or the history of this pod).
   * Bad records are the processor's to refuse and count; failing is for its own defects only.
   */
  readonly process: (batch: Batch) => Effect.Effect<void, ProcessorError>
  /** Records that backpressure dropped unseen, in order with `process`. Below the fence their source's content must go (rule 2). */
  readonly dropped: (batch: Batch) => Effect.Effect<void, ProcessorError>
  /** The highest offset that may be committed when everything before `position` was processed: the first chunk of an unfinished round holds it back. At most `position`. */
  readonly committable: (position: number) => number
  /** L: the lowest offset whose content a new owner must read again to hold all that this one holds. At most `position`. */
  readonly lowest: (position: number) => number
  /**
   * Homes knows more than it did, the topic grew: whatever is not at home here any more must be out of what can be seen when this
   * returns. A processor whose keys no partitioner places does without.
   */
  readonly grown?: () => void
  /** The keys of what is held, as far as a producer's partitioner placed them: by which `--partitioner auto` finds out which one. */
  readonly keys?: () => Iterable<Uint8Array>
  /** For status: constant-time reads. */
  readonly size: () => { readonly sources: number; readonly series: number; readonly bytes: number }
}

export class PartitionProcessor extends Context.Service<
  PartitionProcessor,
  {
    /** `homes`: which keys may be shown of this partition, in case that its topic grew. */
    readonly open: (
      tp: TopicPartition,
      time: LogTime,
      homes: Homes
    ) => Effect.Effect<Processing, ProcessorError, Scope.Scope>
  }
>()("k2p/engine/PartitionProcessor") {}
