/**
 * dropsWhenFull: a strategy such as a team might bring: it drops whenever a queue is full (from a lag of 20 on, where `adaptive` is
 * asked for), overloaded or not. No promise but P5 may depend on how much is dropped, so old findings are played with it.
 */
import { Layer } from "effect"
import {
  Backpressure,
  type Decision,
  decidePause,
  type Pressure,
  type Strategy
} from "../../src/engine/Backpressure.ts"

const full = (p: Pressure): boolean => p.records >= p.maxRecords || p.bytes >= p.maxBytes

const decide = (strategy: Strategy, p: Pressure, paused: boolean): Decision => {
  if (strategy === "drop-front") return full(p) ? "drop" : "fetch"
  const far = strategy === "adaptive" && (p.lag > 20 || (p.dropping && p.lag > 2))
  return far ? "drop" : decidePause(p, paused)
}

export const dropsWhenFull = (initial: Strategy): Layer.Layer<Backpressure> =>
  Layer.succeed(Backpressure, { initial, decide })
