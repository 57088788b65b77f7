/**
 * Seldom: one line for many events of a kind: the first is told at once, then one in ten seconds, which says for how many it
 * stands. What nobody is told is counted elsewhere. Pure.
 */
const every = 10_000

export class Seldom {
  private last = Number.NEGATIVE_INFINITY
  private untold = 0

  /** Of how many events to tell now, this one among them; 0: none, later. `now` in ms of any steady clock. */
  note(now: number): number {
    this.untold += 1
    if (now - this.last < every) return 0
    this.last = now
    const events = this.untold
    this.untold = 0
    return events
  }
}

/** "", or what the line stands for. */
export const standsFor = (events: number): string =>
  events === 1 ? "" : ` (${events} of the kind since the last such line)`
