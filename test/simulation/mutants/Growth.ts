/** Growth: mutants of what follows when a topic grows (docs/handoff.md, rule 10). */
import type { Verdict } from "../../../src/engine/growth/Homes.ts"
import { type Mutant, patching } from "./Mutant.ts"
import { growsMixed, growsMixedAndLags, growsTwice, growsUnheard, telling } from "./Stories.ts"

type Judge = (this: HomesLike, key: Uint8Array, offset: number) => Verdict

interface HomesLike {
  steps: ReadonlyArray<{ readonly count: number; readonly from: number }>
  settledFrom: number
}

/** A verdict taken for another one. */
const judging = (change: (verdict: Verdict, homes: HomesLike, again: () => Verdict) => Verdict): Disposable =>
  patching("engine/growth/Homes", (prototype) => {
    const judge = prototype.judge as Judge
    prototype.judge = function (this: HomesLike, key: Uint8Array, offset: number) {
      return change(judge.call(this, key, offset), this, () => judge.call(this, key, offset))
    } as never
  })

export const growthMutants: ReadonlyArray<Mutant> = [
  {
    rule: "10 what moved is hidden",
    breaks: "the old owner keeps what is not at home any more",
    found: "older",
    profile: "growth",
    modules: () => [judging((verdict) => (verdict === "misplaced" ? "home" : verdict))]
  },
  {
    rule: "10 hidden before the count is committed",
    breaks: "the count is committed before the sources are hidden",
    found: "older",
    profile: "growth",
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        type AtTime = (now: { readonly wall: number; readonly mono: number }) => void
        const grown = prototype.grown as AtTime
        const sweep = prototype.sweep as AtTime
        prototype.grown = (() => {}) as never
        // Some seconds later.
        prototype.sweep = function (this: unknown, now: Parameters<AtTime>[0]) {
          grown.call(this, now)
          sweep.call(this, now)
        } as AtTime as never
      })
    ]
  },
  {
    rule: "10 taken from K on",
    breaks: "arrivals are shown at once, without K",
    found: "older",
    profile: "growth",
    modules: () => [judging((verdict) => (verdict === "early" ? "home" : verdict))]
  },
  {
    rule: "10 all partitions name the count",
    breaks: "only the older partitions' commits are asked",
    found: "older",
    profile: "growth",
    histories: telling(growsTwice, { metadataAge: 500 }),
    modules: () => [
      patching("engine/growth/Growth", (prototype) => {
        interface GrowthLike {
          known(topic: string): { readonly counts: ReadonlyArray<number> }
        }
        type NamedOf = (this: GrowthLike, topic: string, committed: unknown) => ReadonlyArray<unknown>
        const named = prototype.named as NamedOf
        prototype.named = function (this: GrowthLike, topic: string, committed: unknown) {
          return named.call(this, topic, committed).slice(0, this.known(topic).counts[0])
        } as NamedOf as never
      })
    ]
  },
  {
    rule: "10 taken from K on",
    breaks: "who is back where it was before has not moved",
    found: "older",
    profile: "growth",
    histories: telling(growsTwice, { metadataAge: 500 }),
    modules: () => [
      judging((verdict, homes, again) => {
        if (verdict !== "early") return verdict
        const { steps } = homes
        homes.steps = steps.filter((_, i) => i === 0 || i === steps.length - 1)
        const without = again()
        homes.steps = steps
        return without
      })
    ]
  },
  {
    rule: "10 counts that nobody heard of",
    breaks: "who is at home under no known count is shown once the brokers have answered",
    found: "older",
    profile: "growth",
    histories: telling(growsUnheard, { partitions: 2, metadataAge: 6_000 }),
    modules: () => [
      patching("metrics/cache/Arrivals", (prototype) => {
        type Away = (this: { readonly homes: HomesLike }, source: string, key: Uint8Array, offset: number) => unknown
        const away = prototype.away as Away
        prototype.away = function (
          this: { readonly homes: HomesLike },
          source: string,
          key: Uint8Array,
          offset: number
        ) {
          const { settledFrom } = this.homes
          this.homes.settledFrom = 0
          const why = away.call(this, source, key, offset)
          this.homes.settledFrom = settledFrom
          return why
        } as Away as never
      })
    ]
  },
  {
    rule: "10 strangers are hidden",
    breaks: "who is at home under no known count stays where the topic grows",
    found: "older",
    profile: "mixedGrowth",
    histories: telling(growsMixed, { partitioner: "crc32" }),
    modules: () => [
      patching("metrics/cache/Arrivals", (prototype) => {
        type MustGo = (source: string, first: number) => unknown
        const mustGo = prototype.mustGo as MustGo
        prototype.mustGo = function (this: unknown, source: string, first: number) {
          const why = mustGo.call(this, source, first)
          return why === "stranger" ? undefined : why
        } as MustGo as never
      })
    ]
  },
  {
    rule: "10 strangers are taken from W on",
    breaks: "once the window is over strangers are taken, whatever was written before",
    found: "older",
    profile: "mixedGrowth",
    histories: telling(growsMixedAndLags, { partitioner: "crc32", metadataAge: 4_000 }),
    modules: () => [
      patching("engine/growth/Homes", (prototype) => {
        type Settle = (from: number) => void
        const settle = prototype.settle as Settle
        prototype.settle = function (this: unknown) {
          settle.call(this, 0)
        } as Settle as never
      })
    ]
  }
]
