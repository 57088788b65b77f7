/** Clocks: mutants of rule 8 as far as it is about time: marks, what is settled and forgotten, and quarantine. */
import type { Quarantine } from "../../../src/engine/partition/Quarantine.ts"
import { type Mutant, patching, planning, replacing } from "./Mutant.ts"
import { fallsBehind, stallsAndReads, telling, toolAndLate } from "./Stories.ts"

interface AgesInside {
  newest: number
  passed: { readonly wall: number; readonly mono: number } | undefined
}

interface StampLike {
  readonly offset: number
  readonly timestamp: number
  readonly mono: number
  readonly replayed: boolean
}

export const clockMutants: ReadonlyArray<Mutant> = [
  {
    rule: "8 marks, not stamps",
    breaks: "senders' stamps say how old replayed content is",
    found: "absent",
    profile: "calm",
    histories: (made) => ({ ...made, stamps: "senders" }),
    modules: () => [
      patching("metrics/rounds/Ages", (prototype) => {
        prototype.stamp = function (
          this: AgesInside,
          { offset, timestamp }: StampLike,
          fence: number,
          now: { readonly mono: number }
        ) {
          const replayed = offset < fence
          if (replayed) this.newest = Math.max(this.newest, timestamp)
          return { offset, timestamp, mono: now.mono, replayed }
        } as never
        prototype.age = function (
          this: AgesInside,
          stamp: StampLike,
          now: { readonly wall: number; readonly mono: number }
        ) {
          if (!stamp.replayed) return now.mono - stamp.mono
          const base = this.passed ?? now
          return Math.max(0, Math.min(this.newest, base.wall) - stamp.timestamp) + (now.mono - base.mono)
        } as never
      })
    ]
  },
  {
    rule: "8 marks, not stamps",
    breaks: "nobody counts: what is replayed waits for its next round",
    found: "absent",
    profile: "calm",
    histories: (made) => ({ ...made, stamps: "senders" }),
    modules: () => [
      patching("engine/partition/Marks", (prototype) => {
        prototype.readAgo = (() => undefined) as never
      })
    ]
  },
  {
    rule: "8 what is settled",
    breaks: "versions are settled by time alone, whether or not all was read",
    found: "older",
    histories: telling(stallsAndReads),
    modules: () => [
      patching("engine/partition/Marks", (prototype) => {
        const settled = prototype.settled as (position: number, apart: number) => number
        prototype.settled = function (this: unknown, _position: number, apart: number) {
          return settled.call(this, Number.POSITIVE_INFINITY, apart)
        } as never
      })
    ]
  },
  {
    rule: "8 what was seen is kept from L on",
    breaks: "a round that was ignored does not hold what blocked it",
    found: "older",
    histories: telling(fallsBehind),
    modules: () => [
      patching("metrics/rounds/VersionMemory", (prototype) => {
        prototype.needOf = ((round: { readonly first: number }) => round.first) as never
      })
    ]
  },
  {
    rule: "8 quarantine",
    breaks: "a commit that lost its metadata is taken for one that nothing was shown under",
    found: "older",
    histories: telling(toolAndLate),
    modules: () => planning((plan) => ({ ...plan, quarantine: null }))
  },
  {
    rule: "8 quarantine",
    breaks: "a quarantine ends with its owner",
    found: "older",
    histories: telling(toolAndLate),
    modules: () => [replacing("engine/partition/Quarantine", { outlives: () => (): Quarantine | null => null })]
  }
]
