/**
 * SampleLines: the lines of a source in samples mode, one a series: text in one piece of memory, what is known of each line in another,
 * no object for a line. A source may have hundreds of thousands of them, and each comes again all the time.
 *
 * It is the memory by which the source's next text is read (see read/Memory): in the order of their last update, which is the order
 * in which they mostly come again. It changes lines in place: they are handed out as copies only. Memory that lines left
 * behind is won back when more is needed, or when few are left.
 */
import { endOfBeginning, hashOfBeginning } from "../read/LineHash.ts"
import { ENDS, FIELDS, HASH, LENGTH, MISC, NAME, OWN, RAW, START, TAIL_SHIFT } from "../read/LineRecord.ts"
import type { Names } from "../read/Names.ts"
import type { Reading } from "../read/Reading.ts"
import type { Stamp } from "../rounds/Ages.ts"
import { sampleFloats, seriesKey } from "../text/Series.ts"
import { copyText, sameText } from "../text/Words.ts"
import { NameUses } from "./NameUses.ts"
import { SlotIndex } from "./SlotIndex.ts"
import { SlotOrder } from "./SlotOrder.ts"
import { SlotText } from "./SlotText.ts"

/** Of each slot: the integers of a LineRecord, more integers, three doubles. */
const INTS = 22
const DOUBLES = INTS / 2
/** Bytes that it has in the text, from its raw beginning on, if any. */
const ROOM = FIELDS
/** The options that it was read under. */
const EPOCH = FIELDS + 1
/** What the order and the indices keep of it, two each. */
const BY_UPDATE = FIELDS + 2
const BY_TEXT = FIELDS + 4
const BY_SERIES = FIELDS + 6
const OFFSET = (FIELDS + 8) / 2
const TIMESTAMP = OFFSET + 1
/** Negative where it was replayed. */
const MONO = OFFSET + 2

/** What a line takes besides its text: its record, and what the indices and room to grow take of it. */
export const RECORD_BYTES = 4 * INTS + 36
/** What one takes besides its key that found no room in an index. */
const CROWDED_BYTES = 96

export interface SavedLine {
  readonly record: Int32Array
  /** Its raw beginning, if any, and the line. */
  readonly text: Uint8Array
}

export class SampleLines {
  /** Of lines, their raw beginnings, and their records. */
  bytes = 0
  count = 0
  /** How many lines have each sample name. */
  readonly names = new NameUses()
  /** Slots that have or had a line. */
  slots = 0
  records = new Int32Array(0)
  private readonly texts = new SlotText(INTS, ROOM)
  private doubles = new Float64Array(0)
  private readonly free: Array<number> = []
  /** Of their last update. */
  private readonly order = new SlotOrder(INTS, BY_UPDATE)
  private readonly byText = new SlotIndex(INTS, BY_TEXT)
  private readonly bySeries = new SlotIndex(INTS, BY_SERIES)
  /** Those that found no room in the index, by their keys. Hashes that are not made to agree never do so often. */
  private readonly crowded = new Map<string, number>()

  static readonly stride = INTS
  static readonly nextField = BY_UPDATE + 1
  static readonly epochField = EPOCH

  /** What the lines and their raw beginnings lie in; another one when lines were added. */
  get text(): Uint8Array {
    return this.texts.bytes
  }

  get view(): DataView {
    return this.texts.view
  }

  /** The offset of the one that was updated longest ago. */
  get firstOffset(): number {
    const { first } = this.order
    return first < 0 ? Number.POSITIVE_INFINITY : this.doubles[first * DOUBLES + OFFSET]!
  }

  /** In the order of their last update: the slot that comes first, and the one after another; -1 at the end. */
  get firstSlot(): number {
    return this.order.first
  }

  slotAfter(slot: number): number {
    return this.order.after(slot)
  }

  isTaken(slot: number): boolean {
    return this.records[slot * INTS + LENGTH] !== 0
  }

  lengthOf(slot: number): number {
    return this.records[slot * INTS + LENGTH]!
  }

  /** What it counts. */
  sizeOf(slot: number): number {
    const { records } = this
    return records[slot * INTS + LENGTH]! + (records[slot * INTS + OWN]! >>> 16) + RECORD_BYTES
  }

  stampOf(slot: number): Stamp {
    const at = slot * DOUBLES
    const { doubles } = this
    const mono = doubles[at + MONO]!
    const replayed = mono < 0 || Object.is(mono, -0)
    return { offset: doubles[at + OFFSET]!, timestamp: doubles[at + TIMESTAMP]!, mono: Math.abs(mono), replayed }
  }

  /** A slot by the hash of its line's beginning, and the next one of the same hash. */
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

  /** The line in the slot comes again with another value. */
  renew(slot: number, { records }: Reading, n: number, view: DataView, stamp: Stamp): void {
    const own = this.records
    const [at, from] = [slot * INTS, n * FIELDS]
    const before = own[at + LENGTH]!
    const length = records[from + LENGTH]!
    const sent = own[at + OWN]! >>> 16
    this.texts.fit(slot, sent + length, sent + before)
    // What stands before the value is the same.
    const kept = (own[at + OWN]! & 0xffff) + (own[at + MISC]! >>> TAIL_SHIFT)
    copyText(view, records[from + START]! + kept, this.view, own[at + START]! + kept, length - kept)
    own[at + LENGTH] = length
    own[at + MISC] = (own[at + MISC]! & ~ENDS) | (records[from + MISC]! & ENDS)
    this.bytes += length - before
    this.stamp(slot, stamp)
    if (this.order.last === slot) return
    this.order.remove(slot)
    this.order.append(slot)
  }

  /** The reading's n-th line in place of the one in `before`, or in a new slot where that is -1. */
  put(before: number, reading: Reading, n: number, view: DataView, epoch: number, stamp: Stamp): void {
    const { records, input } = reading
    this.names.names = reading.names!
    const from = n * FIELDS
    const sent = records[from + OWN]! >>> 16
    const length = records[from + LENGTH]!
    const slot = before >= 0 ? before : this.take()
    const at = slot * INTS
    if (before >= 0) {
      this.unlink(slot)
      this.texts.fit(slot, sent + length, 0)
    } else {
      this.count++
      this.names.add(records[from + NAME]!)
      this.texts.place(slot, sent + length)
    }
    const own = this.records
    const begin = own[at + RAW]!
    for (let k = 0; k < FIELDS; k++) own[at + k] = records[from + k]!
    const raw = records[from + RAW]!
    own[at + RAW] = begin
    own[at + START] = begin + sent
    own[at + EPOCH] = epoch
    for (let i = 0; i < sent; i++) this.text[begin + i] = input[raw + i]!
    copyText(view, records[from + START]!, this.view, begin + sent, length)
    this.bytes += this.sizeOf(slot)
    this.index(slot)
    this.stamp(slot, stamp)
    this.order.append(slot)
  }

  /** The line in the slot, to be brought back. */
  save(slot: number): SavedLine {
    const at = slot * INTS
    const { records, text } = this
    const start = records[at + START]!
    const sent = records[at + OWN]! >>> 16
    return { record: records.slice(at, at + BY_UPDATE), text: text.slice(start - sent, start + records[at + LENGTH]!) }
  }

  /** It is the slot's line again, in place of another spelling of the same series. */
  bringBack(slot: number, { record, text }: SavedLine): void {
    const at = slot * INTS
    const stamp = this.stampOf(slot)
    this.unlink(slot)
    this.texts.fit(slot, text.length, 0)
    const { records } = this
    const begin = records[at + RAW]!
    const room = records[at + ROOM]!
    records.set(record, at)
    records[at + RAW] = begin
    records[at + START] = begin + (record[OWN]! >>> 16)
    records[at + ROOM] = room
    this.text.set(text, begin)
    this.bytes += this.sizeOf(slot)
    this.index(slot)
    this.stamp(slot, stamp)
    this.order.append(slot)
  }

  remove(slot: number): void {
    this.unlink(slot)
    this.texts.leave(slot)
    this.records[slot * INTS + LENGTH] = 0
    this.free.push(slot)
    this.count--
    this.names.remove(this.records[slot * INTS + NAME]!)
  }

  /** Wins back what lines left behind, where that is much of all. */
  tidy(): void {
    this.texts.tidy()
  }

  /** Copies the line to where there is room for it. */
  copy(slot: number, to: DataView, at: number): void {
    copyText(this.view, this.records[slot * INTS + START]!, to, at, this.records[slot * INTS + LENGTH]!)
  }

  /** Sample names get other numbers. */
  renumber(numbers: Uint32Array, names: Names): void {
    this.names.clear(names)
    for (let slot = 0; slot < this.slots; slot++) {
      if (!this.isTaken(slot)) continue
      const at = slot * INTS + NAME
      this.records[at] = numbers[this.records[at]!]!
      this.names.add(this.records[at]!)
    }
  }

  /** The same lines in memory of their size, in the order of their last update. */
  compacted(): SampleLines {
    const other = new SampleLines()
    other.names.names = this.names.names
    for (let slot = this.order.first; slot >= 0; slot = this.order.after(slot)) {
      const sent = this.records[slot * INTS + OWN]! >>> 16
      const length = this.records[slot * INTS + LENGTH]!
      const to = other.take()
      other.count++
      other.names.add(this.records[slot * INTS + NAME]!)
      other.texts.place(to, sent + length)
      const begin = other.records[to * INTS + RAW]!
      const room = other.records[to * INTS + ROOM]!
      other.records.set(this.records.subarray(slot * INTS, slot * INTS + BY_UPDATE), to * INTS)
      other.records[to * INTS + RAW] = begin
      other.records[to * INTS + START] = begin + sent
      other.records[to * INTS + ROOM] = room
      copyText(this.view, this.records[slot * INTS + START]! - sent, other.view, begin, sent + length)
      other.bytes += other.sizeOf(to)
      other.index(to)
      other.stamp(to, this.stampOf(slot))
      other.order.append(to)
    }
    return other
  }

  /** Enters the line where it is found. */
  private index(slot: number): void {
    const { records } = this
    const at = slot * INTS
    const own = records[at + OWN]!
    if ((own & 0xffff) !== 0) {
      const start = records[at + START]! - (own >>> 16)
      const end = own >>> 16 > 0 ? endOfBeginning(this.text, start, start + (own >>> 16)) : start + (own & 0xffff)
      if (end >= 0) this.byText.add(hashOfBeginning(this.view, start, end), slot)
    }
    if (this.bySeries.add(records[at + HASH]!, slot)) return
    const key = seriesKey(this.text, records[at + START]!, sampleFloats)
    this.crowded.set(key, slot)
    this.bytes += CROWDED_BYTES + key.length
  }

  private isSame(slot: number, records: Int32Array, at: number, view: DataView, bytes: Uint8Array): boolean {
    const own = this.records
    const mine = slot * INTS
    if (own[mine + NAME] !== records[at + NAME]) return false
    const [a, b] = [own[mine + START]!, records[at + START]!]
    const length = (own[mine + OWN]! & 0xffff) + (own[mine + MISC]! >>> TAIL_SHIFT)
    const other = (records[at + OWN]! & 0xffff) + (records[at + MISC]! >>> TAIL_SHIFT)
    if (length > 0 && length === other && sameText(this.view, a, view, b, length)) return true
    return seriesKey(this.text, a, sampleFloats) === seriesKey(bytes, b, sampleFloats)
  }

  private stamp(slot: number, { offset, timestamp, mono, replayed }: Stamp): void {
    const at = slot * DOUBLES
    this.doubles[at + OFFSET] = offset
    this.doubles[at + TIMESTAMP] = timestamp
    this.doubles[at + MONO] = replayed ? -mono : mono
  }

  /** Out of everything by which it is found. */
  private unlink(slot: number): void {
    this.bytes -= this.sizeOf(slot)
    this.byText.remove(slot)
    if (!this.bySeries.remove(slot)) {
      const key = seriesKey(this.text, this.records[slot * INTS + START]!, sampleFloats)
      this.crowded.delete(key)
      this.bytes -= CROWDED_BYTES + key.length
    }
    this.order.remove(slot)
  }

  private take(): number {
    const slot = this.free.pop()
    if (slot !== undefined) return slot
    if (this.slots * INTS === this.records.length)
      this.resize(Math.max(4, Math.ceil(this.slots * (this.slots < 1024 ? 2 : 1.5))))
    return this.slots++
  }

  private resize(slots: number): void {
    const doubles = new Float64Array(slots * DOUBLES)
    doubles.set(this.doubles)
    this.doubles = doubles
    this.records = new Int32Array(doubles.buffer)
    this.texts.use(this.records)
    this.order.use(this.records)
    this.byText.use(this.records)
    this.bySeries.use(this.records)
  }
}
