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
const lineFeed = 10
const backslash = 92
const u = 117
const zero = 48

/** The most bytes that one byte becomes. */
const worst = 6
/** Bytes of a line that are escaped before there must be room for more. */
const step = 4096

/** Of four bytes that are looked at together: what each of them is compared with, and their highest bits. */
const spaces = 0x20202020
const quotes = 0x22222222
const backslashes = 0x5c5c5c5c
const ones = 0x01010101
const highest = 0x80808080

/** Whether one of the four is a control character, a quote or a backslash. */
const isEscaped = (four: number): boolean => {
  const quote = four ^ quotes
  const slash = four ^ backslashes
  const found = ((four - spaces) & ~four) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)
  return (found & highest) !== 0
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

/** Whole numbers, 0 and above; answers where it ended. Numbers that fit into a word are divided faster. */
const writeNumber = (out: Uint8Array, at: number, n: number): number => {
  let digits = 1
  for (let limit = 10; n >= limit; limit *= 10) digits += 1
  let i = at + digits - 1
  let large = n
  for (; large > 0x7fff_ffff; i--) {
    const tenth = Math.floor(large / 10)
    out[i] = zero + (large - 10 * tenth)
    large = tenth
  }
  let rest = large | 0
  for (; i >= at; i--) {
    const tenth = (rest / 10) | 0
    out[i] = zero + (rest - 10 * tenth)
    rest = tenth
  }
  return at + digits
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer)

export class RowWriter {
  #bytes = Buffer.allocUnsafeSlow(begun)
  #view = viewOf(this.#bytes)
  /** Of the memory that the value before lay in: values of one fetch share it. */
  #values = this.#view
  #at = 0
  #rows = 0
  /** Of the record, as the record before left them where it says the same. */
  #time = Buffer.alloc(0)
  #moment = Number.NaN
  #said = Buffer.alloc(0)
  readonly #behind = Buffer.alloc(48)
  #behindBytes = 0
  #head: RecordHead | undefined
  #utf8 = true

  constructor() {
    this.#behind.set(offsetField)
  }

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
    if (this.#bytes.length > kept) this.#grow(begun)
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
    const behind = writeNumber(this.#behind, offsetField.length, offset)
    this.#behind.set(lineField, behind)
    this.#behindBytes = behind + lineField.length
    this.#head = head
    this.#utf8 = isUtf8(value)
    if (value.buffer !== this.#values.buffer) this.#values = viewOf(value)
  }

  /** The line that begins there, and ends at a line feed or the value's end: answers where. `position`: in its stream; negative where it has none. */
  line(value: Uint8Array, start: number, position: number): number {
    this.#room(frame + this.#time.length + this.#said.length)
    this.#put(this.#time)
    this.#put(this.#said)
    if (position < 0) this.#put(noPosition)
    else this.#at = writeNumber(this.#bytes, this.#at, position)
    // More than is said: what comes next stands over it.
    this.#bytes.set(this.#behind, this.#at)
    this.#at += this.#behindBytes
    const stop = this.#utf8 ? this.#escaped(this.#values, value, start) : this.#looked(value, start)
    this.#put(end)
    this.#rows += 1
    return stop
  }

  /** Of a value that is not UTF-8 as a whole. */
  #looked(value: Uint8Array, start: number): number {
    const feed = value.indexOf(lineFeed, start)
    const stop = feed < 0 ? value.length : feed
    const bytes = Buffer.from(value.buffer, value.byteOffset + start, stop - start)
    const replaced = Buffer.from(bytes.toString())
    this.#escaped(viewOf(replaced), replaced, 0)
    if (!isUtf8(bytes)) {
      const raw = Buffer.from(`","raw":"${bytes.toString("base64")}`)
      this.#room(raw.length + end.length)
      this.#put(raw)
    }
    return stop
  }

  /** Up to a line feed or the end; answers where. There is room for the row's end behind it. `values`: the memory that it lies in. */
  #escaped(values: DataView, value: Uint8Array, start: number): number {
    const base = value.byteOffset
    for (let i = start; i < value.length; ) {
      const stop = Math.min(value.length, i + step)
      this.#room(worst * step + end.length)
      const [out, view] = [this.#bytes, this.#view]
      let at = this.#at
      while (i < stop) {
        for (; i + 4 <= stop; i += 4, at += 4) {
          const four = values.getInt32(base + i, true)
          if (isEscaped(four)) break
          view.setInt32(at, four, true)
        }
        for (const four = Math.min(stop, i + 4); i < four; i++) {
          const byte = value[i]!
          const code = escapes[byte]!
          if (code === 0) {
            out[at++] = byte
            continue
          }
          if (byte === lineFeed) {
            this.#at = at
            return i
          }
          out[at++] = backslash
          out[at++] = code
          if (code !== u) continue
          out[at++] = zero
          out[at++] = zero
          out[at++] = hexDigits[byte >> 4]!
          out[at++] = hexDigits[byte & 15]!
        }
      }
      this.#at = at
    }
    return value.length
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const full = this.#bytes
    this.#grow(Math.max(2 * full.length, this.#at + bytes))
    full.copy(this.#bytes, 0, 0, this.#at)
  }

  #grow(bytes: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(bytes)
    this.#view = viewOf(this.#bytes)
  }
}
