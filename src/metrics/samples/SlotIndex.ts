/**
 * SlotIndex: numbered slots by a hash, several to a hash if need be. Its part of each slot, the hash and the next of its chain, is in
 * a record that its owner keeps: no object for a slot, and what is looked at together lies together. What is in a slot and whether
 * it is the one that is looked for is the owner's to know.
 *
 * Whoever sends the text can choose its hashes: so chains are bounded, and a slot that finds no room in its chain is not in
 * the index, which the owner is told.
 */
import { mixed } from "../text/Hash.ts"

const MAX_CHAIN = 24
/** Each of them is compared by its key. */
const MAX_ALIKE = 3
/** A record of zeros is in no chain. */
const UNLINKED = 0
const END = -1

export class SlotIndex {
  private readonly stride: number
  private readonly field: number
  private records: Int32Array = new Int32Array(0)
  /** Of each chain its first slot + 1, 0 where it is empty. */
  private heads = new Int32Array(8)
  private size = 0

  /** In records of `stride` integers it has those at `field` and after it. */
  constructor(stride: number, field: number) {
    this.stride = stride
    this.field = field
  }

  /** The records are there from now on, as they were. */
  use(records: Int32Array): void {
    this.records = records
  }

  /** A slot with that hash, or -1; the others by `next`. */
  first(hash: number): number {
    return this.seek(this.heads[mixed(hash) & (this.heads.length - 1)]!, hash)
  }

  next(slot: number): number {
    const at = slot * this.stride + this.field
    return this.seek(this.records[at + 1]!, this.records[at]!)
  }

  /** Undefined where it is not in it. */
  hashOf(slot: number): number | undefined {
    const at = slot * this.stride + this.field
    return this.records[at + 1] === UNLINKED ? undefined : this.records[at]
  }

  /** False where it found no room. The slot must not be in it yet. */
  add(hash: number, slot: number): boolean {
    if (this.size >= this.heads.length) this.spread()
    const { heads, records, stride, field } = this
    const chain = mixed(hash) & (heads.length - 1)
    let length = 0
    let alike = 0
    for (let s = heads[chain]!; s > 0; s = records[(s - 1) * stride + field + 1]!) {
      if (records[(s - 1) * stride + field] === hash) alike++
      if (++length >= MAX_CHAIN || alike >= MAX_ALIKE) return false
    }
    this.link(slot, hash, chain)
    this.size++
    return true
  }

  /** Whether it was in it. */
  remove(slot: number): boolean {
    const { heads, records, stride, field } = this
    const at = slot * stride + field
    const after = records[at + 1]!
    if (after === UNLINKED) return false
    const chain = mixed(records[at]!) & (heads.length - 1)
    if (heads[chain] === slot + 1) heads[chain] = Math.max(0, after)
    else {
      let before = (heads[chain]! - 1) * stride + field
      while (records[before + 1] !== slot + 1) before = (records[before + 1]! - 1) * stride + field
      records[before + 1] = after
    }
    records[at + 1] = UNLINKED
    this.size--
    return true
  }

  private seek(from: number, hash: number): number {
    const { records, stride, field } = this
    let s = from
    while (s > 0) {
      const at = (s - 1) * stride + field
      if (records[at] === hash) return s - 1
      s = records[at + 1]!
    }
    return -1
  }

  private link(slot: number, hash: number, chain: number): void {
    const at = slot * this.stride + this.field
    this.records[at] = hash
    this.records[at + 1] = this.heads[chain] === 0 ? END : this.heads[chain]!
    this.heads[chain] = slot + 1
  }

  private spread(): void {
    const { records, stride, field } = this
    this.heads = new Int32Array(this.heads.length * 4)
    for (let slot = 0, at = field; at < records.length; slot++, at += stride)
      if (records[at + 1] !== UNLINKED) this.link(slot, records[at]!, mixed(records[at]!) & (this.heads.length - 1))
  }
}
