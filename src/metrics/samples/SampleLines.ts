/**
 * SampleLines: the lines of a source in samples mode, one a series: text in one piece of memory, what is known of each line in another,
 * no object for a line. A source may have hundreds of thousands of them, and each comes again all the time.
 *
 * It finds a line by its series, and by the text that it came as where that was a plain line. It changes lines in place: they are
 * handed out as copies only. Memory that lines left behind is won back when more is needed, or when few are left.
 */

import type { Stamp } from "../rounds/Ages.ts"
import type { Envelope } from "../rounds/Record.ts"
import { placeSeries, type SeriesPlace, sampleFloats, seriesKey } from "../text/Series.ts"
import { BRACE_CLOSE, BRACE_OPEN, COMMA, LF, SPACE } from "../text/Syntax.ts"
import { copyText, sameText } from "../text/Words.ts"
import type { PlainLine } from "./PlainLine.ts"
import { SlotIndex } from "./SlotIndex.ts"
import { SlotOrder } from "./SlotOrder.ts"

/** Of each slot: three doubles, then integers. */
const DOUBLES = 10
const OFFSET = 0
const TIMESTAMP = 1
const MONO = 2
const INTS = 2 * DOUBLES
const REPLAYED = 6
/** In the text, with how much room. */
const AT = 7
const ROOM = 8
/** 0 in a slot without a line. */
const LENGTH = 9
const VALUE_AT = 10
/** The end of its name and own labels; 0 where it is not to be compared with a text. */
const OWN_END = 11
const KEY_LENGTH = 12
/** What the order and the indices keep of it, two each. */
const BY_UPDATE = 13
const BY_TEXT = 15
const BY_SERIES = 17

/** Room for values that grow, so that they need no new place each time. */
const GROWTH = 12

/** A line to be kept: in some memory, with all that is known of it. */
export interface NewLine {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly start: number
  readonly length: number
  readonly series: SeriesPlace
  /** How a plain line became this one: by that it is known again. */
  readonly shape: Shape | undefined
}

/** Of the text that it came as, the hash, the end of its name and own labels, and the labels that were attached. */
export interface Shape {
  readonly hash: number
  readonly ownEnd: number
  readonly labels: Envelope["labels"]
}

/** `K`: what its owner knows of a line besides. */
export class SampleLines<K> {
  /** Of lines and what finds them: the length of their keys. */
  bytes = 0
  count = 0
  /** Slots that have or had a line. */
  slots = 0
  private doubles = new Float64Array(0)
  private ints = new Int32Array(0)
  private text = new Uint8Array(0)
  private view = new DataView(this.text.buffer)
  private used = 0
  private wasted = 0
  private readonly free: Array<number> = []
  private readonly kinds: Array<K | undefined> = []
  /** What was attached to those that came as a plain line. */
  private readonly labels: Array<Envelope["labels"] | undefined> = []
  /** Of their last update. */
  private readonly order = new SlotOrder(INTS, BY_UPDATE)
  private readonly byText = new SlotIndex(INTS, BY_TEXT)
  private readonly bySeries = new SlotIndex(INTS, BY_SERIES)
  /** Those that found no room in the index, by their keys. Hashes that are not made to agree never do so often. */
  private readonly crowded = new Map<string, number>()

  /** The offset of the one that was updated longest ago. */
  get first(): number {
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

  /** Undefined where the slot has no line. */
  kindOf(slot: number): K | undefined {
    return this.kinds[slot]
  }

  lengthOf(slot: number): number {
    return this.ints[slot * INTS + LENGTH]!
  }

  /** What it counts. */
  sizeOf(slot: number): number {
    return this.ints[slot * INTS + LENGTH]! + this.ints[slot * INTS + KEY_LENGTH]!
  }

  stampOf(slot: number): Stamp {
    const at = slot * DOUBLES
    const { doubles, ints } = this
    return {
      offset: doubles[at + OFFSET]!,
      timestamp: doubles[at + TIMESTAMP]!,
      mono: doubles[at + MONO]!,
      replayed: ints[slot * INTS + REPLAYED] === 1
    }
  }

  /** The line that the text brings again with another value and nothing else to decide, or -1. */
  findText(line: PlainLine, labels: Envelope["labels"]): number {
    let slot = this.byText.first(line.hash)
    while (slot >= 0 && !(this.labels[slot] === labels && this.brings(line, slot))) slot = this.byText.next(slot)
    return slot
  }

  /** The line of the same series as a canonical one, or -1. */
  find(line: NewLine): number {
    let slot = this.bySeries.first(line.series.hash)
    while (slot >= 0 && !this.isSame(slot, line)) slot = this.bySeries.next(slot)
    if (slot >= 0 || this.crowded.size === 0) return slot
    return this.crowded.get(seriesKey(line.bytes, line.start, sampleFloats)) ?? -1
  }

  /** What a slot's line would have with this value, and the time where it carries one. */
  lengthWith(slot: number, line: PlainLine, time: Uint8Array | undefined): number {
    const value = line.end - line.valueAt + (time === undefined ? 0 : time.length + 1)
    return this.ints[slot * INTS + VALUE_AT]! + value + 1
  }

  renew(slot: number, line: PlainLine, time: Uint8Array | undefined, stamp: Stamp): void {
    const at = slot * INTS
    const before = this.ints[at + LENGTH]!
    const valueAt = this.ints[at + VALUE_AT]!
    const length = this.lengthWith(slot, line, time)
    if (length > this.ints[at + ROOM]!) this.move(slot, length, valueAt)
    const { text } = this
    let to = this.ints[at + AT]! + valueAt
    for (let i = line.valueAt; i < line.end; i++) text[to++] = line.bytes[i]!
    if (time !== undefined) {
      text[to++] = SPACE
      for (let i = 0; i < time.length; i++) text[to++] = time[i]!
    }
    text[to] = LF
    this.ints[at + LENGTH] = length
    this.bytes += length - before
    this.stamp(slot, stamp)
    if (this.order.last === slot) return
    this.order.remove(slot)
    this.order.append(slot)
  }

  /** In place of the line in `slot`, or in a new one where that is -1. */
  put(before: number, line: NewLine, kind: K, stamp: Stamp): void {
    const slot = before >= 0 ? before : this.take()
    const at = slot * INTS
    if (before >= 0) {
      this.unlink(slot)
      if (line.length > this.ints[at + ROOM]!) this.move(slot, line.length, 0)
    } else {
      this.count++
      this.place(slot, line.length)
    }
    copyText(line.view, line.start, this.view, this.ints[at + AT]!, line.length)
    const { series, shape } = line
    this.ints[at + LENGTH] = line.length
    this.ints[at + VALUE_AT] = series.valueAt
    this.ints[at + OWN_END] = shape?.ownEnd ?? 0
    this.ints[at + KEY_LENGTH] = series.length
    this.kinds[slot] = kind
    this.labels[slot] = shape?.labels
    this.bytes += this.sizeOf(slot)
    if (shape !== undefined) this.byText.add(shape.hash, slot)
    if (!this.bySeries.add(series.hash, slot)) this.crowded.set(seriesKey(line.bytes, line.start, sampleFloats), slot)
    this.stamp(slot, stamp)
    this.order.append(slot)
  }

  remove(slot: number): void {
    this.unlink(slot)
    this.wasted += this.ints[slot * INTS + ROOM]!
    this.ints[slot * INTS + LENGTH] = 0
    this.kinds[slot] = this.labels[slot] = undefined
    this.free.push(slot)
    this.count--
  }

  /** Copies the line to where there is room for it. */
  copy(slot: number, to: DataView, at: number): void {
    copyText(this.view, this.ints[slot * INTS + AT]!, to, at, this.ints[slot * INTS + LENGTH]!)
  }

  /** The same lines in memory of their size, in the order of their last update. */
  compacted(): SampleLines<K> {
    const other = new SampleLines<K>()
    for (let slot = this.order.first; slot >= 0; slot = this.order.after(slot)) {
      const start = this.ints[slot * INTS + AT]!
      const series = { hash: 0, length: 0, valueAt: 0 }
      placeSeries(this.text, start, series)
      const hash = this.byText.hashOf(slot)
      const labels = this.labels[slot]
      const ownEnd = this.ints[slot * INTS + OWN_END]!
      const shape = hash === undefined || labels === undefined ? undefined : { hash, ownEnd, labels }
      const line = { bytes: this.text, view: this.view, start, length: this.lengthOf(slot), series, shape }
      other.put(-1, line, this.kinds[slot]!, this.stampOf(slot))
    }
    return other
  }

  /** Whether a text is this line but for the value. The hash finds the line, this decides. */
  private brings(line: PlainLine, slot: number): boolean {
    const { bytes } = line
    const start = this.ints[slot * INTS + AT]!
    const ownEnd = this.ints[slot * INTS + OWN_END]!
    if (line.valueAt < ownEnd || !sameText(this.view, start, line.view, 0, ownEnd)) return false
    let i = ownEnd
    if (this.text[start + ownEnd] !== BRACE_OPEN) {
      if (bytes[i] === COMMA) i++
      if (bytes[i++] !== BRACE_CLOSE) return false
    } else if (bytes[i] === BRACE_OPEN) {
      if (bytes[i + 1] !== BRACE_CLOSE) return false
      i += 2
    }
    return bytes[i] === SPACE && i + 1 === line.valueAt
  }

  private isSame(slot: number, { bytes, view, start, series }: NewLine): boolean {
    const at = this.ints[slot * INTS + AT]!
    if (this.ints[slot * INTS + KEY_LENGTH] !== series.length) return false
    if (this.ints[slot * INTS + VALUE_AT] === series.valueAt && sameText(this.view, at, view, start, series.valueAt))
      return true
    return seriesKey(this.text, at, sampleFloats) === seriesKey(bytes, start, sampleFloats)
  }

  private stamp(slot: number, { offset, timestamp, mono, replayed }: Stamp): void {
    const at = slot * DOUBLES
    this.doubles[at + OFFSET] = offset
    this.doubles[at + TIMESTAMP] = timestamp
    this.doubles[at + MONO] = mono
    this.ints[slot * INTS + REPLAYED] = replayed ? 1 : 0
  }

  /** Out of everything by which it is found. */
  private unlink(slot: number): void {
    this.bytes -= this.sizeOf(slot)
    this.byText.remove(slot)
    if (!this.bySeries.remove(slot))
      this.crowded.delete(seriesKey(this.text, this.ints[slot * INTS + AT]!, sampleFloats))
    this.order.remove(slot)
  }

  private take(): number {
    const slot = this.free.pop()
    if (slot !== undefined) return slot
    if (this.slots * INTS === this.ints.length)
      this.resize(Math.max(4, Math.ceil(this.slots * (this.slots < 1024 ? 2 : 1.5))))
    return this.slots++
  }

  private resize(slots: number): void {
    const doubles = new Float64Array(slots * DOUBLES)
    doubles.set(this.doubles)
    this.doubles = doubles
    this.ints = new Int32Array(doubles.buffer)
    this.order.use(this.ints)
    this.byText.use(this.ints)
    this.bySeries.use(this.ints)
  }

  /** The line goes where there is room for `length` bytes, the first `keep` of them as they are. */
  private move(slot: number, length: number, keep: number): void {
    const at = slot * INTS
    this.wasted += this.ints[at + ROOM]!
    const from = this.ints[at + AT]!
    // Memory that is made anew leaves out what has no room.
    const { view } = this
    this.ints[at + ROOM] = 0
    this.place(slot, length)
    copyText(view, from, this.view, this.ints[at + AT]!, keep)
  }

  private place(slot: number, length: number): void {
    const room = length + GROWTH
    if (this.used + room > this.text.length) this.gather(room)
    this.ints[slot * INTS + AT] = this.used
    this.ints[slot * INTS + ROOM] = room
    this.used += room
  }

  /** All lines into new memory with room for so many bytes more. */
  private gather(more: number): void {
    const live = this.used - this.wasted
    const size = Math.max(256, Math.ceil((live + more) * (live < 128 * 1024 ? 2 : 1.5)))
    const text = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
    const view = new DataView(text.buffer)
    const { ints } = this
    if (this.wasted === 0) text.set(this.text.subarray(0, this.used))
    else {
      let to = 0
      for (let slot = 0; slot < this.slots; slot++) {
        const at = slot * INTS
        const room = ints[at + ROOM]!
        if (ints[at + LENGTH] === 0 || room === 0) continue
        copyText(this.view, ints[at + AT]!, view, to, ints[at + LENGTH]!)
        ints[at + AT] = to
        to += room
      }
    }
    this.text = text
    this.view = view
    this.used = live
    this.wasted = 0
  }
}
