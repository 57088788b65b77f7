/**
 * PartitionLog: the records of one partition, in memory, with retention by bytes and by age as its only bounds: the
 * log's start moves up and what went is counted. Records are handed out by reference and never change. Some may be of batches that
 * nobody can read, as a fault: then they have their places in the log and nothing more.
 *
 * Plain state and arithmetic: no clock, no waiting. Time is an argument, and the topic's owner decides when to call.
 */
import type { LogRecord, OutgoingRecord, Unreadable, UnreadableReason } from "../Transport.ts"

/** How long, in ms, and how many bytes of a partition are kept; whichever is reached first. @experimental */
export interface Retention {
  /** Of keys, values, headers and what a record costs besides. */
  readonly bytes: number
  /** By the records' timestamps. */
  readonly ms: number
}

/** What a record costs beside its bytes: about Kafka's framing, and about the object that holds it here. */
export const RECORD_OVERHEAD = 64

export const recordBytes = (record: Pick<OutgoingRecord, "key" | "value" | "headers">): number => {
  let bytes = RECORD_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const name in record.headers) bytes += name.length + record.headers[name]!.length
  return bytes
}

// Copied, as a broker would: the sender may reuse its buffer, and a slice would keep a whole dump alive past retention.
// Small ones share Node's pooled slabs of a few KiB, which live as long as the youngest of them.
const copy = (bytes: Uint8Array): Uint8Array => Buffer.from(bytes)

/** In the place of a deleted record, so that it is garbage before the arrays are compacted. */
const GONE: LogRecord = { offset: -1, timestamp: -1, key: null, value: null, headers: {} }

/** A batch as nobody can read it. */
interface Broken {
  readonly reason: UnreadableReason
}

export interface Read {
  readonly records: ReadonlyArray<LogRecord>
  readonly unreadable: ReadonlyArray<Unreadable>
  readonly next: number
  readonly bytes: number
}

export class PartitionLog {
  /** Counted over the log's life. */
  appended = 0
  expired = 0
  bytes = 0
  #records: Array<LogRecord> = []
  #sizes: Array<number> = []
  /** Index of the oldest record still there; what is before it was deleted and awaits the next compaction. */
  #head = 0
  #start = 0
  /** Records of unreadable batches: there are none but where a test made them. */
  readonly #broken = new Map<LogRecord, Broken>()
  /** Where the batch that was appended last begins. */
  #lastBatch = 0
  /** What the batch that is appended next will be. */
  #breakNext: UnreadableReason | undefined

  get start(): number {
    return this.#start
  }
  get end(): number {
    return this.#start + this.#records.length - this.#head
  }

  append(record: OutgoingRecord, timestamp: number, bytes: number, sendersTime = false, batch?: Broken): void {
    const headers: Record<string, Uint8Array> = {}
    for (const name in record.headers) headers[name] = copy(record.headers[name]!)
    const key = record.key && copy(record.key)
    const value = record.value && copy(record.value)
    const kept = { offset: this.end, timestamp, sendersTime, key, value, headers }
    this.#records.push(kept)
    this.#sizes.push(bytes)
    this.bytes += bytes
    this.appended++
    if (batch !== undefined) this.#broken.set(kept, batch)
  }

  /** The records of the next batch that is appended cannot be read by anyone. */
  breakNext(reason: UnreadableReason): void {
    this.#breakNext = reason
  }

  /** The records of the batch that was appended last cannot be read by anyone any more. */
  breakLast(reason: UnreadableReason): void {
    const batch = { reason }
    for (const record of this.#records) if (record.offset >= this.#lastBatch) this.#broken.set(record, batch)
  }

  /** To be given to each `append` of one batch. */
  beginBatch(): Broken | undefined {
    this.#lastBatch = this.end
    const reason = this.#breakNext
    this.#breakNext = undefined
    return reason === undefined ? undefined : { reason }
  }

  /** Records from `from` on within `maxBytes`, and at least one where `atLeastOne` says so. `from` is in [start, end]. */
  read(from: number, maxBytes: number, atLeastOne: boolean): Read {
    const first = this.#head + (from - this.#start)
    let bytes = 0
    let i = first
    for (; i < this.#records.length; i++) {
      const size = this.#sizes[i]!
      if (bytes + size > maxBytes && !(atLeastOne && i === first)) break
      bytes += size
    }
    const records = this.#records.slice(first, i)
    const next = from + records.length
    if (this.#broken.size === 0) return { records, unreadable: [], next, bytes }
    const unreadable: Array<Unreadable> = []
    let batch: Broken | undefined
    for (const record of records) {
      const broken = this.#broken.get(record)
      if (broken !== undefined) {
        const { offset } = record
        const begun = broken === batch ? unreadable.pop() : undefined
        const detail = "the embedded log was told so"
        const bytes = Buffer.concat([begun?.bytes ?? Buffer.alloc(0), record.value ?? Buffer.alloc(0)])
        unreadable.push({ from: begun?.from ?? offset, next: offset + 1, reason: broken.reason, detail, bytes })
      }
      batch = broken
    }
    return { records: records.filter((record) => !this.#broken.has(record)), unreadable, next, bytes }
  }

  /** The first offset at or after the timestamp, or the end. A scan: a wall clock that went back is in the log too. */
  offsetFor(timestamp: number): number {
    for (let i = this.#head; i < this.#records.length; i++) {
      if (this.#records[i]!.timestamp >= timestamp) return this.#records[i]!.offset
    }
    return this.end
  }

  /** Deletes from the front what is over the bounds. The newest record stays whatever its size, as a segment would. */
  retain(retention: Retention, now: number): void {
    const last = this.#records.length - 1
    let i = this.#head
    let bytes = this.bytes
    while (i < last && bytes > retention.bytes) bytes -= this.#sizes[i++]!
    while (i <= last && this.#records[i]!.timestamp < now - retention.ms) i++
    this.advanceStart(this.#start + i - this.#head)
  }

  /** Moves the start up to `offset`, at most to the end. Never down. */
  advanceStart(offset: number): void {
    const count = Math.min(offset, this.end) - this.#start
    if (count <= 0) return
    for (let i = this.#head; i < this.#head + count; i++) {
      this.bytes -= this.#sizes[i]!
      this.#broken.delete(this.#records[i]!)
      this.#records[i] = GONE
    }
    this.#head += count
    this.#start += count
    this.expired += count
    if (this.#head * 2 >= this.#records.length) this.#compact()
  }

  /** The log goes back: everything from `end` on is gone, and its offsets will be given again. */
  truncate(end: number): void {
    const keep = Math.max(Math.min(end, this.end) - this.#start, 0)
    this.#compact()
    for (let i = keep; i < this.#sizes.length; i++) {
      this.bytes -= this.#sizes[i]!
      this.#broken.delete(this.#records[i]!)
    }
    this.#records.length = keep
    this.#sizes.length = keep
    if (end < this.#start) this.#start = Math.max(end, 0)
  }

  #compact(): void {
    this.#records = this.#records.slice(this.#head)
    this.#sizes = this.#sizes.slice(this.#head)
    this.#head = 0
  }
}
