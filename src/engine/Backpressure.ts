/**
 * Backpressure: what happens when a partition's bounded queue is full. A strategy is a choice between
 * waiting and losing, and says which:
 *
 * - `pause`: the partition is not fetched until its queue is half empty. Nothing is lost while the topic keeps it.
 * - `drop-front`: the same, until its actor is behind (Overload): then the oldest queued records make room. Lost: what the pod was
 *   too slow for, oldest first; counted. The queue then always holds the newest, so the partition works its way to now instead
 *   of jumping to the end. It ends when the actor has caught up.
 * - `adaptive`: pause, and drop-front once the lag passes a bound, until it has caught up.
 *
 * An answer of the log may be larger than the queue has room for: its rest, the remainder, waits behind it, and the partition is not
 * fetched meanwhile. So beside the queue's bounds a partition holds at most one answer, and nothing is dropped for its size.
 *
 * A team brings strategies of its own under names of their own (`Backpressure.layer`). What is dropped is told to the partition's processor and
 * counted, whoever dropped it; a strategy that throws costs the partition that it was asked about a restart of its actor.
 */
import { Context, Layer } from "effect"
import type { LogRecord, TopicPartition } from "../transport/Transport.ts"

/** As options, status and the switch name a strategy. @stable */
export type StrategyName = string
export const builtInNames = ["pause", "drop-front", "adaptive"] as const

/** One partition's numbers at a decision. @stable */
export interface Pressure {
  /** That wait. */
  readonly records: number
  /** Of those that wait. */
  readonly bytes: number
  /** The bound of the queue. */
  readonly maxRecords: number
  /** The bound of the queue. */
  readonly maxBytes: number
  /** Records between the processed position and the log's end; -1 where unknown. */
  readonly lag: number
  /** More arrives than its actor processes (Overload). */
  readonly behind: boolean
  /** What the last decision was: hysteresis needs it. */
  readonly dropping: boolean
}

/** A record that waits, without its value. Its bytes are lent: whoever keeps them beyond the decision makes a copy. @stable */
export interface RecordHead extends Pick<LogRecord, "offset" | "timestamp" | "key" | "headers"> {
  /** What it counts against the queue's bound. */
  readonly bytes: number
}

/** One partition as a strategy sees it. @stable */
export interface Queued extends Pressure {
  /** The partition. */
  readonly tp: TopicPartition
  /**
   * Ms for which the oldest record that is not processed is known to be in the log, counted by its owners and by no sender's clock. In steps
   * of about a quarter of the expiry; 0: it may just have come.
   */
  readonly lagMs: number
  /** The records that wait, oldest first. To be gone over within the decision. */
  readonly waiting: () => Iterable<RecordHead>
}

/** Records go until so much is left, but never the newest one: those of the lowest rank first, of equal rank the oldest. @stable */
export interface Drop {
  /** How much may be left: the queue's bounds, or less. */
  readonly down: { readonly records: number; readonly bytes: number }
  /** Asked once for each record that waits. Absent: the oldest go. */
  readonly rank?: (head: RecordHead) => number
}

/** `fetch`: go on reading. `pause`: stop reading this partition. `drop`: go on reading, drop the oldest down to the queue's bounds. @stable */
export type Decision = "fetch" | "pause" | "drop" | Drop

/** A way of back pressure. It is asked in each change of a queue, so it should cost little. @stable */
export interface Strategy {
  /** As it is called in options, requests, the status and the metrics. */
  readonly name: StrategyName
  /** One sentence, for help. */
  readonly about: string
  /** It may drop: so it is looked at, at some cost, whether the actor keeps up. */
  readonly drops: boolean
  /** Called whenever the queue or the position moved: at once, and it must not keep what it is given. `paused`: what the partition does now. */
  readonly decide: (queue: Queued, paused: boolean) => Decision
}

const full = (p: Pressure): boolean => p.records >= p.maxRecords || p.bytes >= p.maxBytes
const relaxed = (p: Pressure): boolean => p.records * 2 <= p.maxRecords && p.bytes * 2 <= p.maxBytes

/** Pause when full, go on at half: `paused` is what the partition does now. @stable */
export const decidePause = (p: Pressure, paused: boolean): "fetch" | "pause" =>
  full(p) || (paused && !relaxed(p)) ? "pause" : "fetch"

/** The built-in `drop-front`: the oldest go while the actor is behind, else it pauses when full. Pure. @stable */
export const decideDropFront = (p: Pressure, paused: boolean): Decision => (p.behind ? "drop" : decidePause(p, paused))

/** Dropping starts when the actor is behind and its lag passes `lagBound` records, and ends when it has caught up. @stable */
export const decideAdaptive = (p: Pressure, paused: boolean, lagBound: number): Decision =>
  p.lag > lagBound || p.dropping ? decideDropFront(p, paused) : decidePause(p, paused)

/** `lagBound`: records of lag at which `adaptive` starts to drop. */
const builtIn = (lagBound: number): ReadonlyArray<Strategy> => [
  {
    name: "pause",
    about: "wait until the queue is half empty; nothing is lost while the topic keeps it",
    drops: false,
    decide: decidePause
  },
  {
    name: "drop-front",
    about: "lose the oldest where more arrives than is processed",
    drops: true,
    decide: decideDropFront
  },
  {
    name: "adaptive",
    about: "wait, and lose the oldest once the lag passes a bound",
    drops: true,
    decide: (p, paused) => decideAdaptive(p, paused, lagBound)
  }
]

/** The names that partitions may be switched to, where these are brought beside the built-in strategies. */
export const namesWith = (more: ReadonlyArray<Strategy>): ReadonlyArray<StrategyName> => [
  ...new Set([...builtInNames, ...more.map(({ name }) => name)])
]

/** What happens where a queue is full: the strategies that there are, by name, and the one to begin with. `layer` has the built-in ones and yours; it throws for a name that none has. @stable */
export class Backpressure extends Context.Service<
  Backpressure,
  {
    /** The strategy that partitions start with; a key of `strategies`. */
    readonly initial: StrategyName
    /** By name: what partitions can be switched to. */
    readonly strategies: ReadonlyMap<StrategyName, Strategy>
  }
>()("k2p/engine/Backpressure") {
  /** The built-in strategies and `more`, of which one with a built-in's name takes its place. `lagBound`: of `adaptive`, in records. */
  static readonly layer = (
    initial: StrategyName,
    lagBound = 100_000,
    more: ReadonlyArray<Strategy> = []
  ): Layer.Layer<Backpressure> =>
    Layer.sync(Backpressure, () => {
      const known = new Map([...builtIn(lagBound), ...more].map((strategy) => [strategy.name, strategy]))
      if (!known.has(initial))
        throw new Error(`there is no strategy ${initial}; there are ${[...known.keys()].join(", ")}`)
      return { initial, strategies: known }
    })
  /** Begins with `pause`. */
  static readonly layerPause = Backpressure.layer("pause")
  /** Begins with `drop-front`. */
  static readonly layerDropFront = Backpressure.layer("drop-front")
  /** Begins with `adaptive`, from 100,000 records of lag on. */
  static readonly layerAdaptive = Backpressure.layer("adaptive")
}
