/**
 * Largest: of many things one of the largest, at the cost of one step whenever a size changes much. Things are kept by the power of
 * two below their size, so that what is said to be the largest has at least half of what is; of equals the one that is there for
 * longest.
 */
import { Chain, type Link } from "../rounds/Chain.ts"

interface Place<A> {
  readonly step: number
  readonly link: Link<A>
}

/** A thing knows where it is: lists of many things are made and left in a moment. */
export interface Ranked<A> {
  readonly places: Array<Place<A> | undefined>
}

export class Largest<A extends Ranked<A>> {
  private readonly steps: Array<Chain<A>> = []
  private readonly slot: number

  /** `slot`: in which of its places a thing notes where it is here. */
  constructor(slot = 0) {
    this.slot = slot
  }

  /** Its size is so much now; 0 or less takes it out. */
  note(item: A, size: number): void {
    const { slot, steps } = this
    const place = item.places[slot]
    const step = size <= 0 ? -1 : Math.max(0, Math.floor(Math.log2(size)))
    if (step === (place?.step ?? -1)) return
    if (place !== undefined) steps[place.step]!.unlink(place.link)
    if (step < 0) {
      item.places[slot] = undefined
      return
    }
    while (steps.length <= step) steps.push(new Chain())
    item.places[slot] = { step, link: steps[step]!.push(item) }
  }

  get(): A | undefined {
    for (let step = this.steps.length - 1; step >= 0; step--) {
      const { head } = this.steps[step]!
      if (head !== undefined) return head.item
    }
    return undefined
  }
}
