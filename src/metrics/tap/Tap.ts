/**
 * Tap: who wants to know of each accepted round as it comes: a remote write, an alert, a webhook. Optional, and nothing is spent on it where
 * nobody taps.
 *
 * Of a partition the rounds are told one by one in the log's order, and a round counts as processed only when it was told: what is slow
 * here holds up its own partition, and what fails restarts its actor from the last commit. So each round is told at least once. After a restart
 * or a handoff the live rounds come again, as a `replay` where they were committed. What is shown on scrapes waits for nothing here.
 */
import { Context, Effect, Layer, Option } from "effect"
import type { TopicPartition } from "../../transport/Transport.ts"
import type { Dump } from "../text/Dump.ts"
import type { Changes } from "./Samples.ts"

/** A round that was accepted, and found room. Its dumps are good until the effect that was given it ends. @experimental */
export interface AcceptedRound {
  /** Where it was read. */
  readonly tp: TopicPartition
  /** Of the record that completed it. */
  readonly offset: number
  /** The source's id. */
  readonly source: string
  /** `<epoch>.<round>` as its sender numbered it, else `@<offset>`. Of one source the later one is never lower. */
  readonly version: string
  /** Whether it replaces what the source has, or adds to it. */
  readonly mode: "snapshot" | "samples"
  /** Dump time, ms since the Unix epoch, by the sender's clock. */
  readonly time: number
  /**
   * It was told to its end before, by an earlier owner or incarnation, which committed it: it is read again to hold what is shown. What is no
   * replay may have been told as well, by one that died before it could commit that.
   */
  readonly replay: boolean
  /** Of a snapshot all that it shows; in samples mode what this round brought, where a limit left some of it out that too. Made when it is first asked for. */
  readonly dump: Dump
  /** The snapshot that it replaces; undefined where nothing of the source was shown, and in samples mode. */
  readonly before: Dump | undefined
  /** What is different from `before`; everything where that is not there. Costs a walk over the lines of both, each time. */
  readonly changes: () => Changes
}

/** A source that is shown no more: it ended, expired, gave way to others, or belongs to another partition now. Not told when its partition moves. @experimental */
export interface GoneSource {
  /** Where it was shown. */
  readonly tp: TopicPartition
  /** The source's id. */
  readonly source: string
  /** Of its last round. */
  readonly offset: number
  /** Of its last round, as `AcceptedRound.version`. */
  readonly version: string
  /** Of its last round: dump time, ms since the Unix epoch. */
  readonly time: number
}

/** What is told. An error, of any kind, is logged with the tap's name and restarts the partition's actor. @experimental */
export interface Told<R = never> {
  /** For the log. */
  readonly name: string
  /** One at a time in a partition, several partitions at once. The record counts as processed when it has succeeded. */
  readonly round: (round: AcceptedRound) => Effect.Effect<void, unknown, R>
  /** In order with `round`. Absent: nobody wants to know. */
  readonly gone?: (gone: GoneSource) => Effect.Effect<void, unknown, R>
}

/** Who is told of each accepted round, in the log's order and before its offset counts as processed: at least once, slowly where the tap is slow. Optional; nothing is spent where there is none. @experimental */
export class Tap extends Context.Service<Tap, Told>()("kafka2prom/Tap") {
  /** Beside the taps that are there already, after them. */
  static readonly layer = <R = never>(told: Told<R>): Layer.Layer<Tap, never, R> =>
    Layer.effect(
      Tap,
      Effect.gen(function* () {
        const context = yield* Effect.context<R>()
        const under = Option.getOrUndefined(yield* Effect.serviceOption(Tap))
        const here =
          <A>(tell: ((a: A) => Effect.Effect<void, unknown, R>) | undefined) =>
          (a: A) =>
            tell === undefined
              ? Effect.void
              : Effect.provide(
                  Effect.suspend(() => tell(a)),
                  context
                )
        const own = { name: told.name, round: here(told.round), gone: here(told.gone) }
        if (under === undefined) return own
        return {
          name: `${under.name}, ${own.name}`,
          round: (round) => Effect.andThen(under.round(round), own.round(round)),
          gone: (gone) => Effect.andThen(under.gone?.(gone) ?? Effect.void, own.gone(gone))
        }
      })
    )
}
