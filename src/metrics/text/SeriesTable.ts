/**
 * SeriesTable: the label sets that a dump has already had, to find a series (or a histogram's group of lines) that comes twice.
 *
 * Entries are offsets of canonical lines in the line buffer, hashed by the caller in a way that ignores label order and
 * compared exactly where hashes agree. Open addressing in one typed array: no object for a series. Collisions are bounded,
 * since a hostile dump can make as many as it likes, and in the same way for every pod, since all must decide alike.
 */
import { mixed } from "./Hash.ts"

/** Honest series do not come near either: their hashes differ, and at half load runs of taken slots are short. */
const MAX_EQUAL_HASHES = 4
const MAX_PROBES = 192

export type Added = "new" | "seen" | "too-many-collisions"

export class SeriesTable {
  /** Pairs of a hash and an offset + 1; 0 is a free slot. */
  private slots: Int32Array
  private size = 0

  /** Room for so many series before it has to grow. */
  constructor(expected: number) {
    this.slots = new Int32Array(4 * 2 ** Math.ceil(Math.log2(Math.max(16, expected))))
  }

  /** `same` compares the entry at an offset with the one being added. */
  add(hash: number, line: number, same: (line: number) => boolean): Added {
    const { slots } = this
    const mask = slots.length - 1
    let at = start(hash) & mask
    let equal = 0
    for (let probes = 0; slots[at + 1] !== 0; probes++) {
      if (slots[at] === hash) {
        if (same(slots[at + 1]! - 1)) return "seen"
        equal++
      }
      if (equal > MAX_EQUAL_HASHES || probes > MAX_PROBES) return "too-many-collisions"
      at = (at + 2) & mask
    }
    slots[at] = hash
    slots[at + 1] = line + 1
    if (++this.size * 4 > slots.length) this.grow()
    return "new"
  }

  private grow() {
    const { slots } = this
    const grown = new Int32Array(slots.length * 2)
    const mask = grown.length - 1
    for (let i = 0; i < slots.length; i += 2) {
      if (slots[i + 1] === 0) continue
      let at = start(slots[i]!) & mask
      while (grown[at + 1] !== 0) at = (at + 2) & mask
      grown[at] = slots[i]!
      grown[at + 1] = slots[i + 1]!
    }
    this.slots = grown
  }
}

/** Even: an entry takes two. */
const start = (hash: number): number => (mixed(hash) << 1) >>> 0
