/**
 * Backpressure: what happens when a partition's bounded queue is full (design.md P5). A strategy is a choice between
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
 * The decision is pure arithmetic over one partition's numbers, taken per batch. Teams bring other strategies as a Layer.
 */
import { Context, Layer } from "effect"

export type Strategy = "pause" | "drop-front" | "adaptive"
export const strategies: ReadonlyArray<Strategy> = ["pause", "drop-front", "adaptive"]

/** One partition's numbers at a decision. */
export interface Pressure {
  readonly records: number
  readonly bytes: number
  readonly maxRecords: number
  readonly maxBytes: number
  /** Records between the processed position and the log's end; -1 where unknown. */
  readonly lag: number
  /** More arrives than its actor processes (Overload). */
  readonly behind: boolean
  /** What the last decision was: hysteresis needs it. */
  readonly dropping: boolean
}

/** `fetch`: go on reading. `pause`: stop reading this partition. `drop`: go on reading, drop the queue's front down to its bounds. */
export type Decision = "fetch" | "pause" | "drop"

const full = (p: Pressure): boolean => p.records >= p.maxRecords || p.bytes >= p.maxBytes
const relaxed = (p: Pressure): boolean => p.records * 2 <= p.maxRecords && p.bytes * 2 <= p.maxBytes

/** Pause when full, go on at half: `paused` is what the partition does now. */
export const decidePause = (p: Pressure, paused: boolean): Decision =>
  full(p) || (paused && !relaxed(p)) ? "pause" : "fetch"

export const decideDropFront = (p: Pressure, paused: boolean): Decision => (p.behind ? "drop" : decidePause(p, paused))

/** Dropping starts when the actor is behind and its lag passes `lagBound` records, and ends when it has caught up. */
export const decideAdaptive = (p: Pressure, paused: boolean, lagBound: number): Decision =>
  p.lag > lagBound || p.dropping ? decideDropFront(p, paused) : decidePause(p, paused)

export class Backpressure extends Context.Service<
  Backpressure,
  {
    /** The strategy that partitions start with. */
    readonly initial: Strategy
    readonly decide: (strategy: Strategy, pressure: Pressure, paused: boolean) => Decision
  }
>()("k2p/engine/Backpressure") {
  /** `lagBound`: records of lag at which `adaptive` starts to drop. */
  static readonly layer = (initial: Strategy, lagBound = 100_000): Layer.Layer<Backpressure> =>
    Layer.succeed(Backpressure, {
      initial,
      decide: (strategy, pressure, paused) =>
        strategy === "pause"
          ? decidePause(pressure, paused)
          : strategy === "drop-front"
            ? decideDropFront(pressure, paused)
            : decideAdaptive(pressure, paused, lagBound)
    })
  static readonly layerPause = Backpressure.layer("pause")
  static readonly layerDropFront = Backpressure.layer("drop-front")
  static readonly layerAdaptive = Backpressure.layer("adaptive")
}
