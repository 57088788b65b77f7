/**
 * PartitionLog: the records of one partition, in memory, with retention by bytes and by age as its only bounds: the
 * log's start moves up and what went is counted. Records are handed out by reference and never change.
 *
 * Plain state and arithmetic: no clock, no waiting. Time is an argument, and the topic's owner decides when to call.
 */
import type { LogRecord, OutgoingRecord } from "../Transport.ts"

export interface Retention {
  readonly bytes: number
  readonly ms: number
}

/** What a record costs beside its bytes: about Kafka's framing, and about the object that holds it here. */
const RECORD_OVERHEAD = 64

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

  get start(): number {
    return this.#start
  }
  get end(): number {
    return this.#start + this.#records.length - this.#head
  }

  append(record: OutgoingRecord, timestamp: number, bytes: number, sendersTime = false): void {
    const headers: Record<string, Uint8Array> = {}
    for (const name in record.headers) headers[name] = copy(record.headers[name]!)
    const key = record.key && copy(record.key)
    const value = record.value && copy(record.value)
    this.#records.push({ offset: this.end, timestamp, sendersTime, key, value, headers })
    this.#sizes.push(bytes)
    this.bytes += bytes
    this.appended++
  }

  /** Records from `from` on within `maxBytes`, and at least one where `atLeastOne` says so. `from` is in [start, end]. */
  read(from: number, maxBytes: number, atLeastOne: boolean): { records: ReadonlyArray<LogRecord>; bytes: number } {
    const first = this.#head + (from - this.#start)
    let bytes = 0
    let i = first
    for (; i < this.#records.length; i++) {
      const size = this.#sizes[i]!
      if (bytes + size > maxBytes && !(atLeastOne && i === first)) break
      bytes += size
    }
    return { records: this.#records.slice(first, i), bytes }
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
    for (let i = keep; i < this.#sizes.length; i++) this.bytes -= this.#sizes[i]!
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
