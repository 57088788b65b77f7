/**
 * ScrapeSlots: how many scrapes there may be at once, and of whom: their memory is what a pod has of a body on its way. A scrape of
 * the whole pod weighs as much as one of each of its shards, as `/sd` has Prometheus send them.
 *
 * No client has more than its share, so one alone cannot keep the others out; and whoever takes nothing of its body makes room for
 * one that comes, so that those who read nothing, however many they are, keep nobody out for longer than `patience`. Synchronous.
 */

/** Scrapes of the whole pod at once. */
export const maxScrapes = 16
/** Of one client: several servers behind one address, each asking for everything or for each shard. */
export const maxOfClient = 4
/** Ms without progress after which a scrape has to make room. */
const patience = 1_000

export interface Slot {
  readonly client: string
  readonly weight: number
  /** Ms for which its client has taken nothing of what is ready for it. */
  stalledFor: () => number
  /** It has to end; its place is another's already. */
  end: () => void
}

export class ScrapeSlots {
  private readonly all: number
  private readonly share: number
  private readonly slots = new Set<Slot>()

  constructor(shards: number) {
    this.all = maxScrapes * shards
    this.share = maxOfClient * shards
  }

  /** A slot, to be left; or whose bound is reached, where nobody has to make room. `weight`: of how many shards. */
  enter(client: string, weight: number): Slot | "client" | "all" {
    const theirs = [...this.slots].filter((slot) => slot.client === client)
    const ofClient = roomMakers(theirs, weight, this.share)
    if (ofClient === undefined) return "client"
    const others = [...this.slots].filter((slot) => !ofClient.includes(slot))
    const ofAll = roomMakers(others, weight, this.all)
    if (ofAll === undefined) return "all"
    for (const slot of [...ofClient, ...ofAll]) {
      this.slots.delete(slot)
      slot.end()
    }
    const slot: Slot = { client, weight, stalledFor: () => 0, end: () => {} }
    this.slots.add(slot)
    return slot
  }

  /** Of the whole pod. */
  get running(): number {
    let weight = 0
    for (const slot of this.slots) weight += slot.weight
    return (weight * maxScrapes) / this.all
  }

  leave(slot: Slot): void {
    this.slots.delete(slot)
  }
}

/** Which of them end so that one more fits, those that are stalled for longest first; undefined where that is not enough. */
const roomMakers = (slots: ReadonlyArray<Slot>, weight: number, bound: number): ReadonlyArray<Slot> | undefined => {
  let excess = slots.reduce((sum, slot) => sum + slot.weight, weight) - bound
  const ending: Array<Slot> = []
  if (excess <= 0) return ending
  const stalled = slots
    .map((slot) => ({ slot, since: slot.stalledFor() }))
    .filter(({ since }) => since >= patience)
    .sort((a, b) => b.since - a.since)
  for (const { slot } of stalled) {
    if (excess <= 0) break
    ending.push(slot)
    excess -= slot.weight
  }
  return excess <= 0 ? ending : undefined
}
