/**
 * Growth: how many times as many bytes fetched answers become when they are unpacked, of late, and what that makes of a limit: a broker
 * counts bytes as they are stored, memory and the event loop bear them unpacked. Eight megabytes of zstd are a hundred of text,
 * unpacked in one go into memory that no cache holds and that the next answer cannot use again. Pure.
 */

/** Answers that hold less say little: of their headers, mostly. */
const LEAST = 4 * 1024
/** Of what a smaller answer says. A larger one is believed at once. */
const SHARE = 1 / 4

export class Growth {
  #times = 1

  /** An answer of `stored` bytes, of which `unpacked` were made beside it. */
  saw(stored: number, unpacked: number): void {
    if (stored < LEAST) return
    const times = Math.max(1, unpacked / stored)
    this.#times = times > this.#times ? times : this.#times + (times - this.#times) * SHARE
  }

  /** What to ask for, to get about so many bytes of records. A broker sends a whole batch, however little is asked for. */
  stored(plain: number): number {
    return Math.max(1, Math.ceil(plain / this.#times))
  }
}
