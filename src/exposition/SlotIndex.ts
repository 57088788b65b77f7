/**
 * SlotIndex: numbered slots by a hash, several to a hash if need be. Two typed arrays and no object for a slot. What is in a slot and
 * whether it is the one that is looked for is the caller's to know.
 *
 * Whoever sends the text can choose its hashes: so chains are bounded, and a slot that finds no room in its chain is not in
 * the index, which its caller is told.
 */
const MAX_CHAIN = 48
const END = 0
const UNLINKED = -1

export class SlotIndex {
  /** Of each chain its first slot + 1. */
  private heads = new Int32Array(8)
  /** Of each slot its hash and the slot + 1 that follows in its chain. */
  private entries = new Int32Array(0)
  private size = 0

  /** A slot with that hash, or -1; the others by `next`. */
  first(hash: number): number {
    return this.seek(this.heads[start(hash) & (this.heads.length - 1)]!, hash)
  }

  next(slot: number): number {
    return this.seek(this.entries[2 * slot + 1]!, this.entries[2 * slot]!)
  }

  /** Undefined where it is not in it. */
  hashOf(slot: number): number | undefined {
    const { entries } = this
    return 2 * slot >= entries.length || entries[2 * slot + 1] === UNLINKED ? undefined : entries[2 * slot]
  }

  /** False where it found no room. The slot must not be in it yet. */
  add(hash: number, slot: number): boolean {
    if (2 * slot >= this.entries.length) this.makeRoom(slot)
    if (this.size >= this.heads.length) this.spread()
    const { heads, entries } = this
    const chain = start(hash) & (heads.length - 1)
    let length = 0
    for (let s = heads[chain]!; s !== END; s = entries[2 * s - 1]!) if (++length >= MAX_CHAIN) return false
    entries[2 * slot] = hash
    entries[2 * slot + 1] = heads[chain]!
    heads[chain] = slot + 1
    this.size++
    return true
  }

  /** Whether it was in it. */
  remove(slot: number): boolean {
    const { heads, entries } = this
    if (2 * slot >= entries.length || entries[2 * slot + 1] === UNLINKED) return false
    const chain = start(entries[2 * slot]!) & (heads.length - 1)
    const after = entries[2 * slot + 1]!
    if (heads[chain] === slot + 1) heads[chain] = after
    else {
      let s = heads[chain]!
      while (entries[2 * s - 1] !== slot + 1) s = entries[2 * s - 1]!
      entries[2 * s - 1] = after
    }
    entries[2 * slot + 1] = UNLINKED
    this.size--
    return true
  }

  private seek(from: number, hash: number): number {
    const { entries } = this
    let s = from
    while (s !== END && entries[2 * s - 2] !== hash) s = entries[2 * s - 1]!
    return s - 1
  }

  private makeRoom(slot: number): void {
    const { entries } = this
    const grown = new Int32Array(Math.max(16, 2 * (slot + 1), 2 * Math.ceil(entries.length * 0.75)))
    grown.set(entries)
    for (let at = entries.length + 1; at < grown.length; at += 2) grown[at] = UNLINKED
    this.entries = grown
  }

  private spread(): void {
    const { entries } = this
    const heads = new Int32Array(this.heads.length * 2)
    for (let at = 0; at < entries.length; at += 2) {
      if (entries[at + 1] === UNLINKED) continue
      const chain = start(entries[at]!) & (heads.length - 1)
      entries[at + 1] = heads[chain]!
      heads[chain] = at / 2 + 1
    }
    this.heads = heads
  }
}

/** Mixed: sums and multiplicative hashes leave their low bits poor. */
const start = (hash: number): number => {
  const h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return h ^ (h >>> 13)
}
