/**
 * Slices: long work, on a scrape's families or a round's lines, a slice at a time. A generator that is at it yields `undefined` where a
 * slice ends, and whoever runs it gives others their turn. Pure.
 */

/** Steps of a few microseconds at most: a slice is about a millisecond. */
const stepsOfSlice = 512

export class Slices {
  private steps = 0

  /** Counts a step; true where a slice ends with it. */
  step(): boolean {
    this.steps += 1
    return this.steps % stepsOfSlice === 0
  }
}

/** In order, stably: what lies in order already costs one look. `before`: whether `b` must not stand before `a`. */
export function* sorted<T>(
  items: ReadonlyArray<T>,
  inOrder: (a: T, b: T) => boolean
): Generator<undefined, ReadonlyArray<T>, unknown> {
  const slices = new Slices()
  let runs: Array<number> = [0]
  for (let i = 1; i < items.length; i++) {
    if (!inOrder(items[i - 1]!, items[i]!)) runs.push(i)
    if (slices.step()) yield
  }
  let from: ReadonlyArray<T> = items
  while (runs.length > 1) {
    const to: Array<T> = []
    const merged: Array<number> = []
    for (let run = 0; run < runs.length; run += 2) {
      merged.push(runs[run]!)
      let left = runs[run]!
      const middle = runs[run + 1] ?? items.length
      let right = middle
      const end = runs[run + 2] ?? items.length
      while (left < middle || right < end) {
        const takesLeft = right >= end || (left < middle && inOrder(from[left]!, from[right]!))
        to.push(takesLeft ? from[left++]! : from[right++]!)
        if (slices.step()) yield
      }
    }
    from = to
    runs = merged
  }
  return from
}

/** To its end, in one turn. */
export const atOnce = <A>(work: Generator<undefined, A, unknown>): A => {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}
