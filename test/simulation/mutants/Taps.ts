/** Taps: mutants of what is told of accepted rounds (Tapped): how often, in which order, what of it, and what waits for it. */
import { Effect, Semaphore } from "effect"
import type { Tap } from "../../../src/metrics/tap/Tap.ts"
import { type Mutant, patching } from "./Mutant.ts"

type Tell = (tap: Tap["Service"]) => Effect.Effect<void, unknown>

interface Tapped {
  readonly waiting: Array<unknown>
  times?: number
}

type Methods = Parameters<Parameters<typeof patching>[1]>[0]

const tapped = (change: (prototype: Methods) => void): NonNullable<Mutant["modules"]> => {
  return () => [patching("metrics/cache/Tapped", change)]
}

/** Every so many times. */
const nth = (self: Tapped, every: number): boolean => {
  self.times = (self.times ?? 0) + 1
  return self.times % every === 0
}

export const tapMutants: ReadonlyArray<Mutant> = [
  {
    rule: "each round once",
    breaks: "a round is told again when it was told",
    found: "told",
    profile: "tapped",
    modules: tapped((prototype) => {
      const told = prototype.told as (this: Tapped) => void
      prototype.told = function (this: Tapped) {
        if (!nth(this, 9)) told.call(this)
      } as never
    })
  },
  {
    rule: "each round once",
    breaks: "a round is left out",
    found: "told",
    profile: "tapped",
    modules: tapped((prototype) => {
      const accepted = prototype.accepted as (this: Tapped, ...args: ReadonlyArray<unknown>) => void
      prototype.accepted = function (this: Tapped, ...args: ReadonlyArray<unknown>) {
        if (!nth(this, 9)) accepted.call(this, ...args)
      } as never
    })
  },
  {
    rule: "in the log's order",
    breaks: "what came last is told first",
    found: "told",
    profile: "tapped",
    modules: tapped((prototype) => {
      // As if nothing held the records up: several rounds wait.
      Object.defineProperty(prototype, "waits", { get: () => false })
      const accepted = prototype.accepted as (this: Tapped, ...args: ReadonlyArray<unknown>) => void
      prototype.accepted = function (this: Tapped, ...args: ReadonlyArray<unknown>) {
        accepted.call(this, ...args)
        this.waiting.unshift(this.waiting.pop())
      } as never
    })
  },
  {
    rule: "told, then processed",
    breaks: "records are taken while a round waits to be told",
    found: "told",
    profile: "tapped",
    histories: (made) => ({ ...made, backpressure: "pause", telling: 150 }),
    modules: tapped((prototype) => {
      Object.defineProperty(prototype, "waits", { get: () => false })
    })
  },
  {
    rule: "what changed",
    breaks: "every so many times everything is told to have changed",
    found: "told",
    profile: "tapped",
    modules: tapped((prototype) => {
      const accepted = prototype.accepted as (this: Tapped, ...args: ReadonlyArray<unknown>) => void
      prototype.accepted = function (this: Tapped, source: unknown, before: unknown, ...rest: ReadonlyArray<unknown>) {
        accepted.call(this, source, nth(this, 9) ? undefined : before, ...rest)
      } as never
    })
  },
  {
    rule: "a slow tap holds up its own partition",
    breaks: "all partitions of all pods are told one after the other",
    found: "healing",
    profile: "tapped",
    modules: () => {
      const turn = Semaphore.makeUnsafe(1)
      return [
        patching("metrics/cache/Tapped", (prototype) => {
          const first = prototype.first as (this: Tapped) => Tell | undefined
          prototype.first = function (this: Tapped) {
            const tell = first.call(this)
            return tell && ((tap: Tap["Service"]) => turn.withPermits(1)(Effect.suspend(() => tell(tap))))
          } as never
        })
      ]
    }
  }
]
