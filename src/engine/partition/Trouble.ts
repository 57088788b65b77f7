/**
 * Trouble: why a partition cannot be read now, since when, and how long to leave it alone before the next try. Nothing is skipped for it:
 * the partition waits, says so in status and metrics, and in the log less and less often. Pure.
 */
export interface TroubleStatus {
  /** As the brokers or this process call it. */
  readonly code: string
  readonly detail: string
  readonly tries: number
  /** Since its first failure in a row. */
  readonly sinceMs: number
}

const LEAST_PAUSE = 100
const MOST_PAUSE = 10_000

export class Trouble {
  readonly #since: number
  #code = ""
  #detail = ""
  #tries = 0
  /** A pause is under way. */
  resting = false
  /** The log knows of it. */
  told = false

  constructor(now: number) {
    this.#since = now
  }

  get tries(): number {
    return this.#tries
  }

  /** Once more. `passing`: as when a leader moves: soon it is somewhere else. Answers the pause before the next try, ms. */
  again(code: string, detail: string, passing: boolean): number {
    this.#code = code
    this.#detail = detail
    this.#tries += 1
    return passing ? LEAST_PAUSE : Math.min(MOST_PAUSE, LEAST_PAUSE * 2 ** Math.min(this.#tries - 1, 10))
  }

  /** Whether this try is worth a line in the log: the first, then ever fewer. */
  get worthALine(): boolean {
    return (this.#tries & (this.#tries - 1)) === 0
  }

  status(now: number): TroubleStatus {
    return { code: this.#code, detail: this.#detail, tries: this.#tries, sinceMs: Math.round(now - this.#since) }
  }
}
