/**
 * Growth: how many times as many bytes batches become when they are read, of late, and what that makes of a limit: a broker
 * counts bytes as they are stored, memory and the event loop bear them unpacked, and an object for each record. Pure.
 *
 * It saves work, it does not guard the memory: an answer is read in portions whatever it unpacks to, but what does not fit into one is
 * thrown away and fetched again. So one batch counts for little: beyond MOST nothing is believed, after a few others it is
 * forgotten, and a limit never falls below what keeps a partition at pace.
 */

/** More is no reason to ask for less. */
const MOST = 64
/** Of what the next answer says. */
const SHARE = 1 / 2
/**
 * What a record counts beside its bytes: the objects that it becomes take a quarter of it, and its way through the pod costs what a
 * text of so many bytes does. Tens of thousands of them at once outlive the young generation, and fill the old one before it is collected.
 */
const RECORD = 1024
/** Stored bytes that are always asked for: at 250 answers a second, 32 MB a second of one partition. */
export const LEAST_STORED = 128 * 1024

export class Growth {
  readonly #least: number
  #times = 1

  constructor(least = LEAST_STORED) {
    this.#least = least
  }

  /** `stored` bytes were read, of which these records were made, and so many bytes beside them. */
  saw(stored: number, unpacked: number, records: number): void {
    if (stored <= 0) return
    const times = Math.min(MOST, (Math.max(stored, unpacked) + RECORD * records) / stored)
    this.#times += (times - this.#times) * SHARE
  }

  /** What to ask for, to get about so many bytes of records. A broker sends a whole batch, however little is asked for. */
  stored(plain: number): number {
    return Math.min(plain, Math.max(this.#least, Math.ceil(plain / this.#times)))
  }
}
