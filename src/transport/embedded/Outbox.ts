/**
 * Outbox: keeps the broker's turns whole. Handing an answer to a waiting client may run that client at once, and it
 * may send its next request from there; the broker's state must be settled by then. So answers that somebody waits
 * for are posted, and go out when the turn that produced them is over, in the order in which they were posted.
 */
export class Outbox {
  #depth = 0
  #posted: Array<() => void> = []

  /** Runs one turn of the broker. A turn within a turn is part of it. */
  turn<A>(f: () => A): A {
    this.#depth++
    try {
      return f()
    } finally {
      this.#depth--
      this.#flush()
    }
  }

  post(f: () => void): void {
    this.#posted.push(f)
    this.#flush()
  }

  #flush(): void {
    if (this.#depth > 0) return
    // Counts as a turn, so that what a resumed client causes is appended here and not sent from within.
    this.#depth++
    try {
      for (let i = 0; i < this.#posted.length; i++) this.#posted[i]!()
    } finally {
      this.#posted = []
      this.#depth--
    }
  }
}
