/**
 * dropsWhenFull: strategies such as a team might bring: they drop whenever a queue is full (from a lag of 20 on, where `adaptive` is
 * asked for), overloaded or not. No promise but P5 may depend on how much is dropped, so old findings are played with them.
 */
import type { Layer } from "effect"
import { Backpressure, decidePause, type Pressure, type StrategyName } from "../../src/engine/Backpressure.ts"

const full = (p: Pressure): boolean => p.records >= p.maxRecords || p.bytes >= p.maxBytes
const about = "a test's"

export const dropsWhenFull = (initial: StrategyName): Layer.Layer<Backpressure> =>
  Backpressure.layer(initial, 0, [
    { name: "drop-front", about, drops: true, decide: (p) => (full(p) ? "drop" : "fetch") },
    {
      name: "adaptive",
      about,
      drops: true,
      decide: (p, paused) => (p.lag > 20 || (p.dropping && p.lag > 2) ? "drop" : decidePause(p, paused))
    }
  ])

/** The same, but what goes is picked at random, from the middle as well. */
export const picksWhenFull = (initial: StrategyName): Layer.Layer<Backpressure> =>
  Backpressure.layer(
    initial,
    0,
    ["drop-front", "adaptive"].map((name) => ({
      name,
      about,
      drops: true,
      decide: (p) => {
        if (!full(p) && !(p.dropping && p.lag > 2)) return "fetch"
        return { down: { records: p.maxRecords / 2, bytes: p.maxBytes }, rank: ({ offset }) => (offset * 7_919) % 13 }
      }
    }))
  )
