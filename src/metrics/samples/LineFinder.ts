/**
 * LineFinder: by what a line of a source in samples mode is found: the hash of its beginning as it was sent, by which its next value is
 * read, and its series, which may come in another spelling. Where the lines and their texts are is its owner's.
 */
import { endOfBeginning, hashOfBeginning } from "../read/LineHash.ts"
import { FIELDS, HASH, MISC, NAME, OWN, START, TAIL_SHIFT } from "../read/LineRecord.ts"
import type { Reading } from "../read/Reading.ts"
import { sampleFloats, seriesKey } from "../text/Series.ts"
import { sameText } from "../text/Words.ts"
import { SlotIndex } from "./SlotIndex.ts"
import { BY_SERIES, BY_TEXT, INTS } from "./Slots.ts"
import type { SlotText } from "./SlotText.ts"

/** What a line takes besides its key that found no room in an index. */
const CROWDED_BYTES = 96

export class LineFinder {
  /** What those take that found no room in an index. */
  bytes = 0
  private readonly texts: SlotText
  private records: Int32Array = new Int32Array(0)
  private readonly byText = new SlotIndex(INTS, BY_TEXT)
  private readonly bySeries = new SlotIndex(INTS, BY_SERIES)
  /** Those that found no room in the index, by their keys. Hashes that are not made to agree never do so often. */
  private readonly crowded = new Map<string, number>()

  constructor(texts: SlotText) {
    this.texts = texts
  }

  use(records: Int32Array): void {
    this.records = records
    this.byText.use(records)
    this.bySeries.use(records)
  }

  /** A slot by the hash of its line's beginning, and the next one of the same hash; -1 where there is none. */
  findText(hash: number): number {
    return this.byText.first(hash)
  }

  nextText(slot: number): number {
    return this.byText.next(slot)
  }

  /** The line of the same series as the reading's n-th, or -1. */
  find({ lines, records }: Reading, n: number, view: DataView): number {
    const at = n * FIELDS
    const start = records[at + START]!
    let slot = this.bySeries.first(records[at + HASH]!)
    while (slot >= 0 && !this.isSame(slot, records, at, view, lines.bytes)) slot = this.bySeries.next(slot)
    if (slot >= 0 || this.crowded.size === 0) return slot
    return this.crowded.get(seriesKey(lines.bytes, start, sampleFloats)) ?? -1
  }

  /** Enters the line in the slot. */
  add(slot: number): void {
    const { records, texts } = this
    const at = slot * INTS
    const own = records[at + OWN]!
    if ((own & 0xffff) !== 0) {
      const start = records[at + START]! - (own >>> 16)
      const end = own >>> 16 > 0 ? endOfBeginning(texts.bytes, start, start + (own >>> 16)) : start + (own & 0xffff)
      if (end >= 0) this.byText.add(hashOfBeginning(texts.view, start, end), slot)
    }
    if (this.bySeries.add(records[at + HASH]!, slot)) return
    const key = this.keyOf(slot)
    this.crowded.set(key, slot)
    this.bytes += CROWDED_BYTES + key.length
  }

  /** The line in the slot is not found any more. */
  remove(slot: number): void {
    this.byText.remove(slot)
    if (this.bySeries.remove(slot)) return
    const key = this.keyOf(slot)
    this.crowded.delete(key)
    this.bytes -= CROWDED_BYTES + key.length
  }

  private keyOf(slot: number): string {
    return seriesKey(this.texts.bytes, this.records[slot * INTS + START]!, sampleFloats)
  }

  private isSame(slot: number, records: Int32Array, at: number, view: DataView, bytes: Uint8Array): boolean {
    const own = this.records
    const mine = slot * INTS
    if (own[mine + NAME] !== records[at + NAME]) return false
    const [a, b] = [own[mine + START]!, records[at + START]!]
    const length = (own[mine + OWN]! & 0xffff) + (own[mine + MISC]! >>> TAIL_SHIFT)
    const other = (records[at + OWN]! & 0xffff) + (records[at + MISC]! >>> TAIL_SHIFT)
    if (length > 0 && length === other && sameText(this.texts.view, a, view, b, length)) return true
    return this.keyOf(slot) === seriesKey(bytes, b, sampleFloats)
  }
}
