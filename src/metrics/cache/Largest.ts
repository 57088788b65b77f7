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

export class Largest<A> {
  private readonly steps: Array<Chain<A>> = []
  private readonly places = new Map<A, Place<A>>()

  /** Its size is so much now; 0 or less takes it out. */
  note(item: A, size: number): void {
    const place = this.places.get(item)
    if (size <= 0) {
      if (place !== undefined) this.remove(item)
      return
    }
    const step = Math.max(0, Math.floor(Math.log2(size)))
    if (place?.step === step) return
    if (place !== undefined) this.steps[place.step]!.unlink(place.link)
    while (this.steps.length <= step) this.steps.push(new Chain())
    this.places.set(item, { step, link: this.steps[step]!.push(item) })
  }

  remove(item: A): void {
    const place = this.places.get(item)
    if (place === undefined) return
    this.steps[place.step]!.unlink(place.link)
    this.places.delete(item)
  }

  get(): A | undefined {
    for (let step = this.steps.length - 1; step >= 0; step--) {
      const { head } = this.steps[step]!
      if (head !== undefined) return head.item
    }
    return undefined
  }
}
