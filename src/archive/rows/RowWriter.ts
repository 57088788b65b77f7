/**
 * RowWriter: rows of an archive as bytes: a JSON object a line, escaped by hand from the bytes of the log, because strings cost several times as much.
 * What is not UTF-8 stands in `line` with replacement characters, and as it came in `raw` (base64). It writes into memory of its own, which
 * whoever takes the rows empties.
 */
import { isUtf8 } from "node:buffer"
import { type RecordHead, timeField } from "./RecordHead.ts"

/** 0: as it is. Else the character behind the backslash; `u` for those that need four digits. */
const escapes = new Uint8Array(256)
for (let c = 0; c < 32; c++) escapes[c] = 117
for (const [c, letter] of [
  [8, "b"],
  [9, "t"],
  [10, "n"],
  [12, "f"],
  [13, "r"],
  [34, '"'],
  [92, "\\"]
] as const)
  escapes[c] = letter.charCodeAt(0)

const hexDigits = Buffer.from("0123456789abcdef")
const backslash = 92
const u = 117
const zero = 48

/** The most bytes that one byte becomes. */
const worst = 6
/** A line up to here is given the room that it takes at worst; of a longer one the bytes are counted first. */
const countedFrom = 64 * 1024

const escapedLength = (bytes: Uint8Array, start: number, end: number): number => {
  let length = end - start
  for (let i = start; i < end; i++) {
    const code = escapes[bytes[i]!]!
    if (code !== 0) length += code === u ? 5 : 1
  }
  return length
}

/** What stands in every row, in its order. */
const time = Buffer.from('{"time":')
const offsetField = Buffer.from(',"offset":')
const lineField = Buffer.from(',"line":"')
const end = Buffer.from('"}\n')
const noPosition = Buffer.from("null")

/** Bytes of memory that it begins with, and that it keeps at most. */
const begun = 64 * 1024
const kept = 4 * 1024 * 1024

/** Bytes of a row that are neither its line nor its record's. */
const frame = 128

export class RowWriter {
  #bytes = Buffer.allocUnsafe(begun)
  #at = 0
  #rows = 0
  /** Of the record, as the record before left them where it says the same. */
  #time = Buffer.alloc(0)
  #moment = Number.NaN
  #said = Buffer.alloc(0)
  #head: RecordHead | undefined
  #offset = 0
  #utf8 = true

  get length(): number {
    return this.#at
  }

  get rows(): number {
    return this.#rows
  }

  /** What was written since the last time; good until the next row. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#at)
    this.#at = 0
    this.#rows = 0
    // Of one enormous line nothing is kept.
    if (this.#bytes.length > kept) this.#bytes = Buffer.allocUnsafe(begun)
    return taken
  }

  /** Lines of this record follow. */
  record(head: RecordHead, offset: number, value: Uint8Array): void {
    if (head.time !== this.#moment) {
      this.#moment = head.time
      this.#time = Buffer.concat([time, Buffer.from(timeField(head.time))])
    }
    const last = this.#head
    const { source, labels, span } = head
    if (last?.source !== source || last.labels !== labels || last.span?.stream !== span?.stream) {
      const stream = span === undefined ? "null" : `"${span.stream}"`
      this.#said = Buffer.from(`,"source":${JSON.stringify(source)},"labels":${labels},"stream":${stream},"position":`)
    }
    this.#head = head
    this.#offset = offset
    this.#utf8 = isUtf8(value)
  }

  /** `position`: of the line in its stream; negative where it has none. */
  line(value: Uint8Array, start: number, stop: number, position: number): void {
    if (!this.#utf8 && !isUtf8(value.subarray(start, stop))) {
      const bytes = Buffer.from(value.buffer, value.byteOffset + start, stop - start)
      const replaced = Buffer.from(bytes.toString())
      this.#begin(replaced, 0, replaced.length, position)
      this.#short(Buffer.from(`","raw":"${bytes.toString("base64")}`))
    } else this.#begin(value, start, stop, position)
    this.#short(end)
    this.#rows += 1
  }

  #begin(value: Uint8Array, start: number, stop: number, position: number): void {
    const length = stop - start
    const escaped = length <= countedFrom ? worst * length : escapedLength(value, start, stop)
    // What is no UTF-8 stands there once more, in base64.
    this.#room(frame + this.#time.length + this.#said.length + escaped + 2 * length)
    this.#short(this.#time)
    this.#bytes.set(this.#said, this.#at)
    this.#at += this.#said.length
    if (position < 0) this.#short(noPosition)
    else this.#number(position)
    this.#short(offsetField)
    this.#number(this.#offset)
    this.#short(lineField)
    this.#escaped(value, start, stop)
  }

  #escaped(value: Uint8Array, start: number, stop: number): void {
    const out = this.#bytes
    let at = this.#at
    for (let i = start; i < stop; i++) {
      const byte = value[i]!
      const code = escapes[byte]!
      if (code === 0) {
        out[at++] = byte
        continue
      }
      out[at++] = backslash
      out[at++] = code
      if (code !== u) continue
      out[at++] = zero
      out[at++] = zero
      out[at++] = hexDigits[byte >> 4]!
      out[at++] = hexDigits[byte & 15]!
    }
    this.#at = at
  }

  #number(n: number): void {
    let digits = 1
    for (let limit = 10; n >= limit; limit *= 10) digits += 1
    let rest = n
    for (let i = this.#at + digits - 1; i >= this.#at; i--) {
      const tenth = Math.floor(rest / 10)
      this.#bytes[i] = zero + (rest - 10 * tenth)
      rest = tenth
    }
    this.#at += digits
  }

  /** Byte by byte: a call for a few bytes costs more than they do. There is room. */
  #short(bytes: Uint8Array): void {
    if (bytes.length > 64) this.#bytes.set(bytes, this.#at)
    else for (let i = 0; i < bytes.length; i++) this.#bytes[this.#at + i] = bytes[i]!
    this.#at += bytes.length
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + bytes))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}
