/**
 * SampleLines: the lines of a source in samples mode, one a series: text in one piece of memory, what is known of each line in another,
 * no object for a line. A source may have hundreds of thousands of them, and each comes again all the time.
 *
 * It is the memory by which the source's next text is read (see read/Memory): in the order of their last update, which is the order
 * in which they mostly come again. It changes lines in place; only while a scrape looks at them they are left as they are, and what
 * comes of them is put elsewhere. Memory that lines left behind is won back when more is needed, or when few are left.
 */
import type { Loan } from "../../Loan.ts"
import { ENDS, FIELDS, LENGTH, MISC, NAME, OWN, RAW, START, TAIL_SHIFT } from "../read/LineRecord.ts"
import type { Names } from "../read/Names.ts"
import type { Reading } from "../read/Reading.ts"
import type { Stamp } from "../rounds/Ages.ts"
import { copyText } from "../text/Words.ts"
import { LineFinder } from "./LineFinder.ts"
import { NameUses } from "./NameUses.ts"
import { SlotOrder } from "./SlotOrder.ts"
import { BY_UPDATE, EPOCH, INTS, ROOM, Slots } from "./Slots.ts"
import { SlotText } from "./SlotText.ts"

/** What a line takes besides its text: its record, and what the indices and room to grow take of it. */
export const RECORD_BYTES = 4 * INTS + 36

export interface SavedLine {
  readonly record: Int32Array
  /** Its raw beginning, if any, and the line. */
  readonly text: Uint8Array
}

export class SampleLines {
  count = 0
  /** How many lines have each sample name. */
  readonly names = new NameUses()
  /** Of lines, their raw beginnings, and their records. */
  private size = 0
  private readonly texts = new SlotText(INTS, ROOM)
  /** Of their last update. */
  private readonly order = new SlotOrder(INTS, BY_UPDATE)
  readonly finder = new LineFinder(this.texts)
  private readonly places = new Slots([this.texts, this.order, this.finder])

  static readonly stride = INTS
  static readonly nextField = BY_UPDATE + 1
  static readonly epochField = EPOCH

  get bytes(): number {
    return this.size + this.finder.bytes
  }

  get records(): Int32Array<ArrayBuffer> {
    return this.places.records
  }

  /** Slots that have or had a line. */
  get slots(): number {
    return this.places.count
  }

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
    return first < 0 ? Number.POSITIVE_INFINITY : this.places.offsetOf(first)
  }

  /** In the order of their last update: the slot that comes first, and the one after another; -1 at the end. */
  get firstSlot(): number {
    return this.order.first
  }

  slotAfter(slot: number): number {
    return this.order.after(slot)
  }

  isTaken(slot: number): boolean {
    return this.places.isTaken(slot)
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
    return this.places.stampOf(slot)
  }

  /** The time by which it is due: its own, where its record has its sender's stamp; else below 0. */
  dueOf(slot: number): number {
    return this.places.dueOf(slot)
  }

  /** The line of the same series as the reading's n-th, or -1. */
  find(reading: Reading, n: number, view: DataView): number {
    return this.finder.find(reading, n, view)
  }

  /**
   * The line in the slot comes again with another end. It is `length` bytes long and begins at `start`, of which only what stands from
   * its value on is looked at. `ends`: what is to be known of that (ENDS). `time`: its own.
   */
  renew(slot: number, from: DataView, start: number, length: number, ends: number, stamp: Stamp, time: number): void {
    const { order, places, texts } = this
    const own = places.records
    const at = slot * INTS
    const sent = own[at + OWN]! >>> 16
    const kept = (own[at + OWN]! & 0xffff) + (own[at + MISC]! >>> TAIL_SHIFT)
    texts.fit(slot, sent + length, sent + kept)
    copyText(from, start + kept, texts.view, own[at + START]! + kept, length - kept)
    this.size += length - own[at + LENGTH]!
    own[at + LENGTH] = length
    own[at + MISC] = (own[at + MISC]! & ~ENDS) | ends
    places.stamp(slot, stamp, time)
    if (order.last === slot) return
    order.remove(slot)
    order.append(slot)
  }

  /** The reading's n-th line in place of the one in `before`, or in a new slot where that is -1. */
  put(before: number, reading: Reading, n: number, view: DataView, epoch: number, stamp: Stamp): void {
    const { records, input } = reading
    this.names.names = reading.names!
    const from = n * FIELDS
    const sent = records[from + OWN]! >>> 16
    const length = records[from + LENGTH]!
    const slot = before >= 0 ? before : this.places.take()
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
    this.link(slot, stamp, reading.options!.time)
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
    const [stamp, due] = [this.stampOf(slot), this.dueOf(slot)]
    this.unlink(slot)
    this.texts.fit(slot, text.length, 0)
    this.text.set(text, this.describe(slot, record))
    this.link(slot, stamp, due)
  }

  remove(slot: number): void {
    this.unlink(slot)
    this.texts.leave(slot)
    this.places.leave(slot)
    this.count--
    this.names.remove(this.records[slot * INTS + NAME]!)
  }

  /** Wins back what lines left behind, where that is much of all. */
  tidy(): void {
    this.texts.tidy()
  }

  /** All lines, where they are and as they are, until they are given back. */
  lend(): Loan {
    return this.texts.lend()
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

  /** The same lines in memory of their size, in the order of their last update. They are not here any more. */
  compacted(): SampleLines {
    const other = new SampleLines()
    other.names.names = this.names.names
    for (let slot = this.order.first; slot >= 0; slot = this.order.after(slot)) {
      const sent = this.records[slot * INTS + OWN]! >>> 16
      const length = this.records[slot * INTS + LENGTH]!
      const to = other.places.take()
      other.count++
      other.names.add(this.records[slot * INTS + NAME]!)
      other.texts.place(to, sent + length)
      const begin = other.describe(to, this.records.subarray(slot * INTS, slot * INTS + BY_UPDATE))
      copyText(this.view, this.records[slot * INTS + START]! - sent, other.view, begin, sent + length)
      other.link(to, this.stampOf(slot), this.dueOf(slot))
    }
    this.texts.free()
    return other
  }

  /** What is known of a line becomes the slot's, which has its room already. Answers where its text is to be, the raw beginning first. */
  private describe(slot: number, record: Int32Array): number {
    const { records } = this
    const at = slot * INTS
    const [begin, room] = [records[at + RAW]!, records[at + ROOM]!]
    records.set(record, at)
    records[at + RAW] = begin
    records[at + START] = begin + (record[OWN]! >>> 16)
    records[at + ROOM] = room
    return begin
  }

  /** Into everything by which it is found: what is known of it and its text are there. */
  private link(slot: number, stamp: Stamp, time: number): void {
    this.size += this.sizeOf(slot)
    this.finder.add(slot)
    this.places.stamp(slot, stamp, time)
    this.order.append(slot)
  }

  /** Out of all of that again. */
  private unlink(slot: number): void {
    this.size -= this.sizeOf(slot)
    this.finder.remove(slot)
    this.order.remove(slot)
  }
}
