/**
 * Unchanged: which families of a reading have the lines of the page that it was read by, all of them and in their order: they are judged by
 * their values alone, and are described as they were. Pure.
 */
import type { ArrangedFamily, Arrangement } from "./Arrangement.ts"
import type { Families } from "./Families.ts"
import type { Reading } from "./Reading.ts"

export interface Unchanged {
  /** The number of the family among those of the arrangement before, whatever lines it has now; -1 where it was not there. */
  readonly place: (family: ArrangedFamily) => number
  /** The number of the family among those of the arrangement before, -1 where it is another one now. */
  readonly of: (family: ArrangedFamily) => number
}

export const noneUnchanged: Unchanged = { place: () => -1, of: () => -1 }

/** `before` has arranged the same families (see Families), of lines without exemplars and timestamps, as the reading's are. */
export const unchangedSince = (
  { known }: Reading,
  order: Uint32Array | undefined,
  { list }: Families,
  before: Arrangement
): Unchanged => {
  const places = new Int32Array(list.length).fill(-1)
  for (let k = 0; k < before.shown; k++) places[before.families[k]!.number] = k
  const place = ({ number }: ArrangedFamily): number => (number < 0 ? -1 : places[number]!)
  const of = (family: ArrangedFamily): number => {
    const { from, to } = family
    const k = place(family)
    if (k < 0) return -1
    const { from: start, to: end } = before.families[k]!
    if (to - from !== end - start) return -1
    const orderBefore = before.order
    for (let now = from, old = start; now < to; now++, old++) {
      const line = known[order === undefined ? now : order[now]!]!
      if (line !== (orderBefore === undefined ? old : orderBefore[old]!)) return -1
    }
    return k
  }
  return { place, of }
}
