/**
 * Trouble: why a partition cannot be read now, since when, and how often it was tried. Nothing is skipped for it: the partition waits
 * and says so in status and metrics. Pure.
 */
/** Why a partition cannot be read, and for how long. @experimental */
export interface TroubleStatus {
  /** As the brokers or this process call it. */
  readonly code: string
  /** What is behind the code, for a person. */
  readonly detail: string
  /** Failures in a row. */
  readonly tries: number
  /** Ms since its first failure in a row. */
  readonly sinceMs: number
}

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

  /** Once more. */
  again(code: string, detail: string): void {
    this.#code = code
    this.#detail = detail
    this.#tries += 1
  }

  status(now: number): TroubleStatus {
    return { code: this.#code, detail: this.#detail, tries: this.#tries, sinceMs: Math.round(now - this.#since) }
  }
}
