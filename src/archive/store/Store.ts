/**
 * Store: where an archive is kept: a directory, a bucket. What is once there never changes, and a name is given once: the store's conditional create is
 * what decides between two pods that both believe in their ownership. It never tries again by itself: that is its callers', who must know the outcome.
 *
 * Names are relative, with `/` between their parts. Interrupting a call does not take it back.
 */
import { type Effect, Schema } from "effect"

export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  /** What was asked, of which name; what the store said; what to do, where that is known. For people; never a secret. */
  message: Schema.String,
  /** The store's own word for it, for the metrics. */
  code: Schema.String,
  /** Whether somebody has to change something: a right, a name, a setting. Else it may pass. */
  refused: Schema.Boolean
}) {}

export interface Stored {
  readonly name: string
  readonly bytes: number
}

export interface Tail {
  /** The last bytes, or all where there are fewer. */
  readonly bytes: Uint8Array
  /** Of the whole. */
  readonly size: number
}

export interface Store {
  /** As it was given, for people. */
  readonly place: string
  /**
   * Makes the whole of it visible under the name, durably, unless there is something: then nothing changes, and `exists` is the answer. A failure may
   * have created it, or may yet.
   */
  readonly create: (name: string, pieces: ReadonlyArray<Uint8Array>) => Effect.Effect<"created" | "exists", StoreError>
  /** Undefined where there is nothing of that name. */
  readonly read: (name: string) => Effect.Effect<Uint8Array | undefined, StoreError>
  /** So many bytes from an offset on, as far as they are there. Undefined where there is nothing of that name. */
  readonly readPart: (name: string, from: number, bytes: number) => Effect.Effect<Uint8Array | undefined, StoreError>
  readonly readTail: (name: string, bytes: number) => Effect.Effect<Tail | undefined, StoreError>
  /** All whose names begin so, in no order; the prefix ends with a `/` or in the last part of a name. */
  readonly list: (prefix: string, each: (stored: Stored) => void) => Effect.Effect<void, StoreError>
  /** What is not there is removed already. */
  readonly remove: (name: string) => Effect.Effect<void, StoreError>
}
