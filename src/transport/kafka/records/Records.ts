/**
 * Records: the records of a batch, one after the other, out of plain bytes that hold them whole or in part. The hot path: one pass
 * over the bytes, keys, values and headers are views of them. Throws UnreadableBytes where the bytes cannot be records.
 *
 * What is promised of the offsets (ascending, within the batch) is checked here: a sender may write anything.
 */
import type { LogRecord } from "../../Transport.ts"
import { Oversized } from "./Oversized.ts"
import { Headers } from "./RecordHeaders.ts"
import { cutOff, malformed } from "./UnreadableBytes.ts"

/** What a batch's header says about its records, and what is wanted of them. */
export interface Wanted {
  readonly base: number
  /** The last offset that the batch stands for. */
  readonly last: number
  readonly count: number
  readonly firstTimestamp: number
  /** The broker's own timestamp for the whole batch, -1 where the records carry theirs. */
  readonly appendTimestamp: number
  /** Records below are passed over. */
  readonly from: number
  readonly maxRecordBytes: number
}

/** How far a batch was read. */
export interface Progress {
  /** Records, whatever became of them. */
  read: number
  /** Of the latest; below the batch's first where there is none. */
  offset: number
}

/** What stands at a place: whole records end there, or the next one is not all there, or is longer than the limit. */
export type Stop =
  | { readonly type: "end" }
  /** `bytes`: of the next record with its length, 0 where not even that is there. */
  | { readonly type: "incomplete"; readonly bytes: number }
  /** Of the record after its length, where `at` of the reader is. */
  | { readonly type: "oversized"; readonly bytes: number }

const END: Stop = { type: "end" }

const noHeaders: Readonly<Record<string, Uint8Array>> = Object.freeze(Object.create(null))
const empty = new Uint8Array(0)

/** Reads on from `reader.at` while there are records in front of `end`, and at most about `room` bytes of them. */
export const readRecords = (
  reader: RecordReader,
  end: number,
  wanted: Wanted,
  progress: Progress,
  into: Array<LogRecord>,
  room = Number.POSITIVE_INFINITY
): Stop => {
  const { appendTimestamp, base, count, firstTimestamp, from, last, maxRecordBytes } = wanted
  const enough = reader.at + room
  while (progress.read < count && reader.at < enough) {
    const start = reader.at
    if (!reader.hasVarint(end)) return { type: "incomplete", bytes: 0 }
    const size = reader.varint()
    if (size < 0) throw malformed(`a record of ${size} bytes`)
    if (size > maxRecordBytes) return { type: "oversized", bytes: size }
    const stop = reader.at + size
    if (stop > end) {
      const bytes = stop - start
      reader.at = start
      return { type: "incomplete", bytes }
    }
    // Attributes, of which there are none.
    reader.at++
    const timestamp = reader.varint()
    const offset = base + reader.varint()
    if (reader.at > stop) throw malformed("a record is longer than it says")
    if (offset <= progress.offset || offset > last) throw malformed(`a record at offset ${offset} is out of place`)
    // Also of one that is passed over: what is unreadable must not depend on where the reading began.
    const key = reader.key()
    const value = reader.bytes()
    const headers = reader.headers()
    if (reader.at > stop) throw malformed("a record is longer than it says")
    if (offset >= from)
      into.push({
        offset,
        timestamp: appendTimestamp >= 0 ? appendTimestamp : firstTimestamp + timestamp,
        sendersTime: appendTimestamp < 0,
        key,
        value,
        headers
      })
    progress.offset = offset
    progress.read++
    reader.at = stop
  }
  return END
}

/** All records of a batch that lies before us whole. What was read before it throws stays in `into`. */
export const readWhole = (plain: Buffer, wanted: Wanted, progress: Progress, into: Array<LogRecord>): void => {
  const reader = new RecordReader(plain)
  for (;;) {
    const stop = readRecords(reader, plain.length, wanted, progress, into)
    if (stop.type === "incomplete") throw cutOff(`the batch ends after ${progress.read} of its ${wanted.count} records`)
    if (stop.type === "end") return
    const oversized = new Oversized(stop.bytes)
    reader.at += oversized.feed(plain.subarray(reader.at))
    if (oversized.read === undefined)
      throw cutOff(`the batch ends after ${progress.read} of its ${wanted.count} records`)
    takeOversized(oversized.read, wanted, progress, into)
  }
}

export const takeOversized = (
  read: NonNullable<Oversized["read"]>,
  wanted: Wanted,
  progress: Progress,
  into: Array<LogRecord>
): void => {
  const offset = wanted.base + read.offsetDelta
  if (offset <= progress.offset || offset > wanted.last) throw malformed(`a record at offset ${offset} is out of place`)
  progress.offset = offset
  progress.read++
  if (offset < wanted.from) return
  const timestamp = wanted.appendTimestamp >= 0 ? wanted.appendTimestamp : wanted.firstTimestamp + read.timestampDelta
  const { key, headers, valueBytes: tooLarge } = read
  into.push({ offset, timestamp, sendersTime: wanted.appendTimestamp < 0, key, value: null, headers, tooLarge })
}

/** One buffer, read from `at` on. */
export class RecordReader {
  at = 0
  readonly #bytes: Buffer
  #key: Uint8Array | null = null
  readonly #names: Array<{ readonly start: number; readonly end: number; readonly text: string }> = []

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Whether a number ends before `end`. */
  hasVarint(end: number): boolean {
    for (let at = this.at; at < end; at++) if (this.#bytes[at]! < 0x80) return true
    if (end - this.at > 10) throw malformed("a number is malformed")
    return false
  }

  /** Zigzag. The first four bytes in integers, the rest (timestamps) in doubles, exact to 2^53. */
  varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.at++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    let scale = 2 ** 28
    do {
      if (this.at >= bytes.length || scale > 2 ** 63) throw malformed("a number is malformed")
      byte = bytes[this.at++]!
      value += (byte & 0x7f) * scale
      scale *= 128
    } while (byte >= 0x80)
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A plain view: a Buffer's own take twice as long to make. */
  bytes(): Uint8Array | null {
    const length = this.varint()
    if (length < 0) return null
    const end = this.at + length
    if (end > this.#bytes.length) throw malformed("a field is longer than its record")
    const view = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.at, length)
    this.at = end
    return view
  }

  /** Records of one key come one after the other: they share its view. */
  key(): Uint8Array | null {
    const bytes = this.#bytes
    const last = this.#key
    const before = this.at
    const length = this.varint()
    if (last !== null && last.length === length && this.at + length <= bytes.length) {
      let same = 0
      while (same < length && last[same] === bytes[this.at + same]) same++
      if (same === length) {
        this.at += length
        return last
      }
    }
    this.at = before
    this.#key = this.bytes()
    return this.#key
  }

  /** Names that repeat: the last one. Values that are null: empty. */
  headers(): Readonly<Record<string, Uint8Array>> {
    const count = this.varint()
    if (count <= 0) return noHeaders
    const headers = new Headers()
    for (let i = 0; i < count; i++) {
      const name = this.#name(i)
      headers[name] = this.bytes() ?? empty
    }
    return headers
  }

  /** Records of one batch mostly have the same names in the same order: they are made strings of once. */
  #name(index: number): string {
    const length = this.varint()
    const end = this.at + length
    if (length < 0 || end > this.#bytes.length) throw malformed("a header's name is longer than its record")
    const last = this.#names[index]
    if (last !== undefined && last.end - last.start === length) {
      let same = 0
      while (same < length && this.#bytes[last.start + same] === this.#bytes[this.at + same]) same++
      if (same === length) {
        this.at = end
        return last.text
      }
    }
    const text = this.#bytes.toString("utf8", this.at, end)
    this.#names[index] = { start: this.at, end, text }
    this.at = end
    return text
  }
}
