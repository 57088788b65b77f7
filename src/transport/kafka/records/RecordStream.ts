/**
 * RecordStream: the records of a batch that is too large to be unpacked at once, a portion at a time, as its plain bytes come. What is
 * held is a portion, and the beginning of the next record. A record over the limit is passed over as it comes (Oversized).
 *
 * A portion's records are views of slabs that are the receiver's, and of nothing that is used here again.
 */
import type { LogRecord } from "../../Transport.ts"
import { Oversized } from "./Oversized.ts"
import { type Progress, RecordReader, readRecords, takeOversized, type Wanted } from "./Records.ts"
import type { Unpacking } from "./Unpacking.ts"
import { cutOff } from "./UnreadableBytes.ts"

export interface Portion {
  readonly records: Array<LogRecord>
  /** What they are views of. */
  readonly slabs: Array<Buffer>
}

/** The first one is as large as the batch may need, the next ones twice as large each. */
const LEAST_SLAB = 32 * 1024
const MOST_SLAB = 2 * 1024 * 1024
/** Bytes that are read for one portion at most, where they only have to be passed over. */
const PATIENCE = 128 * 1024 * 1024
/** What a record takes beside its bytes. */
export const RECORD_COST = 100

export class RecordStream {
  readonly #wanted: Wanted
  readonly #progress: Progress
  readonly #source: Unpacking
  /** The beginning of a record that the last portion did not reach the end of. */
  #rest = Buffer.alloc(0)
  /** Bytes of the record that is under way, where they are known. */
  #needed = 0
  #oversized: Oversized | undefined
  #slabBytes: number
  #slab = Buffer.alloc(0)
  #filled = 0
  #reader = new RecordReader(this.#slab)

  /** `stored`: bytes of the batch. */
  constructor(source: Unpacking, stored: number, wanted: Wanted, progress: Progress) {
    this.#slabBytes = Math.min(MOST_SLAB, Math.max(LEAST_SLAB, 2 * stored))
    this.#source = source
    this.#wanted = wanted
    this.#progress = progress
  }

  /**
   * Whether all records were read; false: the portion holds about `room` bytes, or as much was passed over as shall be at once. Where it rejects,
   * what was read before stands in the portion.
   */
  async read(portion: Portion, room: number): Promise<boolean> {
    const { count } = this.#wanted
    const progress = this.#progress
    let passed = 0
    let taken = 0
    this.#renew(portion, this.#rest)
    while (progress.read < count && taken < room && passed < PATIENCE) {
      const piece = await this.#source.next()
      if (piece === undefined) throw cutOff(`the batch ends after ${progress.read} of its ${count} records`)
      passed += piece.length
      for (let at = 0; at < piece.length && progress.read < count; ) {
        if (this.#oversized !== undefined) {
          at += this.#pass(this.#oversized, piece.subarray(at), portion)
          continue
        }
        if (this.#filled === this.#slab.length) this.#renew(portion, this.#slab.subarray(this.#reader.at, this.#filled))
        const some = Math.min(piece.length - at, this.#slab.length - this.#filled)
        this.#slab.set(piece.subarray(at, at + some), this.#filled)
        this.#filled += some
        at += some
        taken += this.#parse(portion)
      }
    }
    this.#rest = Buffer.from(this.#slab.subarray(this.#reader.at, this.#filled))
    // It is the receiver's now.
    this.#slab = Buffer.alloc(0)
    return progress.read === count
  }

  /** What lies in the slab. Answers what the records take that were kept of it. */
  #parse(portion: Portion): number {
    const { records } = portion
    let taken = 0
    for (;;) {
      const [before, kept] = [this.#reader.at, records.length]
      const stop = readRecords(this.#reader, this.#filled, this.#wanted, this.#progress, records)
      if (records.length > kept) taken += this.#reader.at - before + RECORD_COST * (records.length - kept)
      this.#needed = stop.type === "incomplete" ? stop.bytes : 0
      if (stop.type !== "oversized") return taken
      this.#oversized = new Oversized(stop.bytes)
      this.#reader.at += this.#pass(this.#oversized, this.#slab.subarray(this.#reader.at, this.#filled), portion)
      if (this.#oversized !== undefined) return taken
    }
  }

  #pass(oversized: Oversized, bytes: Uint8Array, portion: Portion): number {
    const used = oversized.feed(bytes)
    if (oversized.read !== undefined) {
      takeOversized(oversized.read, this.#wanted, this.#progress, portion.records)
      this.#oversized = undefined
    }
    return used
  }

  /** A slab with room for the record that is under way, which begins with `rest`. */
  #renew(portion: Portion, rest: Buffer): void {
    const slab = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, this.#needed, rest.length + 1))
    this.#slabBytes = Math.min(MOST_SLAB, 2 * this.#slabBytes)
    slab.set(rest)
    // Nothing is a view of one whose records were all passed over.
    const last = portion.records.at(-1)
    if (this.#slab.length > 0 && (last === undefined || !isViewOf(this.#slab, last))) portion.slabs.pop()
    portion.slabs.push(slab)
    this.#slab = slab
    this.#filled = rest.length
    this.#reader = new RecordReader(slab)
  }
}

const isViewOf = (slab: Buffer, { key, value, headers }: LogRecord): boolean => {
  if (key?.buffer === slab.buffer || value?.buffer === slab.buffer) return true
  for (const name in headers) if (headers[name]!.buffer === slab.buffer) return true
  return false
}
