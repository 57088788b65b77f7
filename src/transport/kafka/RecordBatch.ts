/**
 * RecordBatch: the bytes of a partition in a fetch's answer -> records. The hot path: one pass over the bytes, values are
 * views of them. Beyond kafkajs' decoder it knows how far the answer reached when a batch holds nothing to show
 * (compacted, control or aborted records), and one bad partition harms itself only.
 *
 * Promises: records in offset order, none below `from`, none of an aborted transaction; `next` past everything looked at.
 * What unpacks to more than MAX_PARTITION ends the answer early, the rest is fetched again: small answers may hold very much.
 * Throws where the first batch is malformed; a later one ends the answer. Not checked: the batch's CRC (TCP and the broker check theirs, as kafkajs relies on).
 */
import type { LogRecord } from "../Transport.ts"
import { unpack } from "./Codecs.ts"

export interface Aborted {
  readonly producerId: number
  readonly firstOffset: number
}

export interface Decoded {
  readonly next: number
  readonly records: ReadonlyArray<LogRecord>
  /** Some records are views of the bytes that were read. */
  readonly views: boolean
  /** What the others are views of. */
  readonly unpacked: ReadonlyArray<Buffer>
}

/** Unpacked bytes of a partition in one answer, after which no further batch is unpacked. Sixteen times what is asked of one by default. */
export const MAX_PARTITION = 16 * 1024 * 1024

/** baseOffset, length */
const PREFIX = 12
/** up to and with the count of records */
const HEADER = 61
const MAGIC = 2

const noHeaders: Readonly<Record<string, Uint8Array>> = Object.freeze(Object.create(null))

/** Offsets, timestamps and producer ids fit a double by far; -1 does too. */
export const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)

export const decodeBatches = async (bytes: Buffer, from: number, aborted: ReadonlyArray<Aborted>): Promise<Decoded> => {
  const records: Array<LogRecord> = []
  const unpacked: Array<Buffer> = []
  let unpackedBytes = 0
  let views = false
  const ahead = aborted.length === 0 ? aborted : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const dropping = new Set<number>()
  let nextAborted = 0
  let next = from
  // The broker cuts the answer anywhere in its last batch.
  for (let at = 0; at + HEADER <= bytes.length && unpackedBytes < MAX_PARTITION; ) {
    const base = int64(bytes, at)
    const end = at + PREFIX + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    if (end <= at + PREFIX) throw new Error(`the batch at offset ${base} has no length`)
    const attributes = bytes.readInt16BE(at + 21)
    const last = base + bytes.readInt32BE(at + 23)
    const producer = int64(bytes, at + 43)
    const transactional = (attributes & 0x10) !== 0
    const control = (attributes & 0x20) !== 0
    while (nextAborted < ahead.length && ahead[nextAborted]!.firstOffset <= last)
      dropping.add(ahead[nextAborted++]!.producerId)
    // A marker ends its producer's transaction; had it been aborted, the next one is listed anew.
    if (control) dropping.delete(producer)
    else if (last >= from && !(transactional && dropping.has(producer))) {
      const whole = records.length
      try {
        const plain = await decodeBatch(bytes.subarray(at, end), base, from, records)
        if (plain === undefined) views = true
        else {
          unpacked.push(plain)
          unpackedBytes += plain.length
        }
      } catch (error) {
        // What came before it is good: the next fetch starts here, and says so.
        records.length = whole
        if (next > from) return { next, records, views, unpacked }
        throw new Error(`the batch at offset ${base} cannot be read: ${(error as Error).message}`)
      }
    }
    next = Math.max(next, last + 1)
    at = end
  }
  return { next, records, views, unpacked }
}

/** A whole batch that is neither a marker nor aborted. Answers what its records are views of, where that is not the batch itself. */
const decodeBatch = async (
  batch: Buffer,
  base: number,
  from: number,
  into: Array<LogRecord>
): Promise<Buffer | undefined> => {
  if (batch[16] !== MAGIC) throw new Error(`message format ${batch[16]} is not supported`)
  if (batch.length < HEADER) throw new Error("it is too short")
  const attributes = batch.readInt16BE(21)
  const codec = attributes & 0x07
  const packed = batch.subarray(HEADER)
  const time = { first: int64(batch, 27), append: (attributes & 0x08) !== 0 ? int64(batch, 35) : -1 }
  const plain = codec === 0 ? undefined : await unpack(codec, packed)
  decodeRecords(plain ?? packed, batch.readInt32BE(57), base, from, time, into)
  return plain
}

/** `append`: the broker's own timestamp for the whole batch, -1 where the records carry theirs. */
const decodeRecords = (
  bytes: Buffer,
  count: number,
  base: number,
  from: number,
  time: { readonly first: number; readonly append: number },
  into: Array<LogRecord>
): void => {
  const read = new Reader(bytes)
  for (let i = 0; i < count; i++) {
    const size = read.varint()
    const end = read.at + size
    if (size < 0 || end > bytes.length) throw new Error("a record is cut off")
    read.at++
    const timestamp = read.varint()
    const offset = base + read.varint()
    if (offset < from) {
      read.at = end
      continue
    }
    const key = read.key()
    const value = read.bytes()
    const headers = read.headers()
    const sendersTime = time.append < 0
    into.push({
      offset,
      timestamp: sendersTime ? time.first + timestamp : time.append,
      sendersTime,
      key,
      value,
      headers
    })
    if (read.at > end) throw new Error("a record is malformed")
    read.at = end
  }
}

class Reader {
  at = 0
  readonly #bytes: Buffer
  #key: Uint8Array | null = null
  readonly #names: Array<{ readonly start: number; readonly end: number; readonly text: string }> = []

  constructor(bytes: Buffer) {
    this.#bytes = bytes
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
      if (this.at >= bytes.length || scale > 2 ** 63) throw new Error("a number is malformed")
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
    if (end > this.#bytes.length) throw new Error("a field is cut off")
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
    if (length < 0 || end > this.#bytes.length) throw new Error("a header's name is cut off")
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

/** Has no names but the record's. Object.create(null) would do; the engine does not optimise its objects. */
class Headers {
  [name: string]: Uint8Array
}
Reflect.deleteProperty(Headers.prototype, "constructor")
Object.setPrototypeOf(Headers.prototype, null)

const empty = new Uint8Array(0)
