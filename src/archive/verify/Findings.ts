/**
 * Findings: what is to be said of an archive. What is `broken` is not as a pod leaves it; a `note` is worth knowing. All are
 * counted, the first are named. Pure.
 */
export interface Finding {
  readonly level: "broken" | "note"
  readonly text: string
}

/** Of each level, in one list. */
const named = 50

export class Findings {
  readonly #named: Array<Finding> = []
  readonly #counts = { broken: 0, note: 0 }

  add(level: Finding["level"], text: string): void {
    this.#counts[level] += 1
    if (this.#counts[level] <= named) this.#named.push({ level, text })
  }

  get broken(): number {
    return this.#counts.broken
  }

  get all(): ReadonlyArray<Finding> {
    const more = (["broken", "note"] as const).flatMap((level): ReadonlyArray<Finding> => {
      const left = this.#counts[level] - named
      return left <= 0 ? [] : [{ level, text: `and ${left} more of this kind that are not named` }]
    })
    return [...this.#named, ...more]
  }
}

/** [from, to), for people. */
export const offsets = (from: number, to: number): string =>
  to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`
