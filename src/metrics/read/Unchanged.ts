/**
 * Unchanged: which families of a reading have the lines of the page that it was read by, all of them and in their order: they are judged by
 * their values alone, and are described as they were. Pure.
 */
import type { Arrangement } from "./Arrangement.ts"
import type { Families } from "./Families.ts"
import type { Reading } from "./Reading.ts"

export interface Unchanged {
  /** Of the k-th family: which one of the arrangement before it is, whatever lines it has now; -1 where it was not there. */
  readonly place: (k: number) => number
  /** The same, -1 where it is another one now. */
  readonly of: (k: number) => number
}

export const noneUnchanged: Unchanged = { place: () => -1, of: () => -1 }

/** `before` has arranged the same families (see Families), of lines without exemplars and timestamps, as the reading's are. */
export const unchangedSince = (
  { known }: Reading,
  now: Arrangement,
  { size }: Families,
  before: Arrangement
): Unchanged => {
  const places = new Int32Array(size).fill(-1)
  for (let k = 0; k < before.shown; k++) places[before.numberOf(k)] = k
  const place = (k: number): number => places[now.numberOf(k)] ?? -1
  const of = (k: number): number => {
    const old = place(k)
    if (old < 0) return -1
    const [from, to] = [now.placeOf(k), now.placeOf(k + 1)]
    const start = before.placeOf(old)
    if (to - from !== before.placeOf(old + 1) - start) return -1
    const { order } = now
    const orderBefore = before.order
    for (let at = from, was = start; at < to; at++, was++) {
      const line = known[order === undefined ? at : order[at]!]!
      if (line !== (orderBefore === undefined ? was : orderBefore[was]!)) return -1
    }
    return old
  }
  return { place, of }
}
