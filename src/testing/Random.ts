/** Seeded random numbers (mulberry32): the same seed makes the same dumps, texts and histories on every machine. */
/** Random numbers that a seed repeats. @experimental */
export interface Random {
  /** In [0, 1). */
  readonly next: () => number
  /** An integer in [from, to]. */
  readonly int: (from: number, to: number) => number
  /** True for so great a share of calls, 0 to 1. */
  readonly chance: (share: number) => boolean
  /** One of them, which must not be none. */
  readonly pick: <A>(of: ReadonlyArray<A>) => A
  /** So many hexadecimal digits. */
  readonly hex: (digits: number) => string
}

/** Numbers from a seed. @experimental */
export const random = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    int,
    chance: (share) => next() < share,
    pick: (of) => of[int(0, of.length - 1)]!,
    hex: (digits) => Array.from({ length: digits }, () => int(0, 15).toString(16)).join("")
  }
}

/** The same items in an order left to `r`. @experimental */
export const shuffled = <A>(items: ReadonlyArray<A>, r: Random): ReadonlyArray<A> => {
  const all = [...items]
  for (let i = all.length - 1; i > 0; i--) {
    const other = r.int(0, i)
    ;[all[i], all[other]] = [all[other]!, all[i]!]
  }
  return all
}
