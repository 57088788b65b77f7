/**
 * PartitionQueue: the bounded queue in front of one partition's actor. Plain data, no Effect: the fetcher pushes whole
 * batches, the actor takes them, backpressure drops from the front. Bounded in records and in bytes; what exceeds the bounds,
 * the remainder, is one fetched batch at most, because a batch is queued whole (refetching a part of it would cost more than it saves).
 * A batch's bytes are lent: they are released when nothing of it is queued or being processed any more.
 *
 * Dropped records keep their place in the order as a gap: the processor's, who says what it must know of them. With a gap
 * the records after it are taken, too, and held for the next take: were they dropped in their turn meanwhile, a slow
 * actor under steady overload would be given nothing but gaps.
 */
import { Loan } from "../../Loan.ts"
import type { LogRecord } from "../../transport/Transport.ts"
import type { Gap } from "../PartitionProcessor.ts"

export type QueueItem =
  | {
      readonly type: "records"
      readonly records: ReadonlyArray<LogRecord>
      readonly next: number
      /** What they counted against the byte bound. */
      readonly bytes: number
      /** To be returned by whoever keeps nothing of the records' bytes; without it they are never released. */
      readonly loan: Loan
    }
  | { readonly type: "dropped"; readonly gap: Gap | undefined; readonly next: number }

/** What a record counts against the byte bound: its value and key plus a flat rate for the object around them. */
export const recordBytes = (r: LogRecord): number => (r.value?.length ?? 0) + (r.key?.length ?? 0) + 100

interface Entry {
  readonly records: ReadonlyArray<LogRecord>
  /** First record of `records` that is still queued. */
  head: number
  next: number
  readonly loan: Loan
}

const nothingToRelease = (): void => {}

/** Stands where a batch was: the queue must not keep alive what was taken from it. */
const gone: Entry = { records: [], head: 0, next: -1, loan: new Loan(nothingToRelease) }

export class PartitionQueue {
  private readonly entries: Array<Entry> = []
  private first = 0
  private gap: Gap | undefined
  /** Where the present gap ends; -1 where there is none. */
  private droppedNext = -1
  /** What comes after the gap that was taken last. */
  private held: QueueItem | undefined
  /** What is queued and may still be dropped. */
  records = 0
  bytes = 0
  private readonly beginGap: (() => Gap) | undefined

  /** `beginGap`: absent where nobody wants to know what was dropped. */
  constructor(beginGap?: () => Gap) {
    this.beginGap = beginGap
  }

  /** `release`: of the records' bytes. */
  push(records: ReadonlyArray<LogRecord>, next: number, release: () => void = nothingToRelease): void {
    const newest = this.entries[this.entries.length - 1]
    // Control records and compacted gaps only move the position; one entry each would be a queue without a bound.
    if (records.length === 0 && newest !== undefined && this.first < this.entries.length) {
      newest.next = next
      release()
      return
    }
    this.entries.push({ records, head: 0, next, loan: new Loan(release) })
    this.records += records.length
    for (const r of records) this.bytes += recordBytes(r)
  }

  /** Drops the oldest records until the queue is within the bounds, but never the newest one. Answers how many. */
  dropFront(maxRecords: number, maxBytes: number): number {
    let dropped = 0
    while (this.records > 1 && (this.records > maxRecords || this.bytes > maxBytes)) {
      const entry = this.entries[this.first]!
      const record = entry.records[entry.head]
      if (record === undefined) {
        // A batch without records still moves the position.
        this.droppedNext = entry.next
        this.shift()
        continue
      }
      entry.head += 1
      this.records -= 1
      this.bytes -= recordBytes(record)
      dropped += 1
      this.gap ??= this.beginGap?.()
      this.gap?.add(record)
      this.droppedNext = record.offset + 1
      if (entry.head === entry.records.length) {
        this.droppedNext = entry.next
        this.shift()
      }
    }
    return dropped
  }

  /** The next item in order, at most about `maxBytes` of records; undefined where the queue is empty. */
  take(maxBytes: number): QueueItem | undefined {
    if (this.held !== undefined) {
      const item = this.held
      this.held = undefined
      return item
    }
    if (this.droppedNext >= 0) {
      const item: QueueItem = { type: "dropped", gap: this.gap, next: this.droppedNext }
      this.gap = undefined
      this.droppedNext = -1
      this.held = this.takeRecords(maxBytes)
      return item
    }
    return this.takeRecords(maxBytes)
  }

  private takeRecords(maxBytes: number): QueueItem | undefined {
    const entry = this.entries[this.first]
    if (entry === undefined) return undefined
    let end = entry.head
    let bytes = 0
    while (end < entry.records.length && (bytes === 0 || bytes < maxBytes)) bytes += recordBytes(entry.records[end++]!)
    const whole = entry.head === 0 && end === entry.records.length
    const records = whole ? entry.records : entry.records.slice(entry.head, end)
    const last = end === entry.records.length
    const next = last ? entry.next : entry.records[end]!.offset
    this.records -= records.length
    this.bytes -= bytes
    const loan = entry.loan.hold()
    if (last) this.shift()
    else entry.head = end
    return { type: "records", records, next, bytes, loan }
  }

  /** The offset of the oldest record that is queued; -1 where there is none. */
  get oldest(): number {
    for (let i = this.first; i < this.entries.length; i++) {
      const { records, head } = this.entries[i]!
      if (head < records.length) return records[head]!.offset
    }
    return -1
  }

  /** What waits beyond the bounds, behind the records that are within them. The oldest is within, however large. For status: it counts. */
  remainder(maxRecords: number, maxBytes: number): { readonly records: number; readonly bytes: number } {
    if (this.records <= maxRecords && this.bytes <= maxBytes) return { records: 0, bytes: 0 }
    let records = 0
    let bytes = 0
    for (let i = this.first; i < this.entries.length; i++) {
      const entry = this.entries[i]!
      for (let n = entry.head; n < entry.records.length; n++) {
        const size = recordBytes(entry.records[n]!)
        if (records > 0 && (records === maxRecords || bytes + size > maxBytes))
          return { records: this.records - records, bytes: this.bytes - bytes }
        records += 1
        bytes += size
      }
    }
    return { records: 0, bytes: 0 }
  }

  get empty(): boolean {
    return this.first === this.entries.length && this.droppedNext < 0 && this.held === undefined
  }

  private shift(): void {
    this.entries[this.first]!.loan.giveBack()
    this.entries[this.first] = gone
    this.first += 1
    if (this.first > 64 && this.first * 2 > this.entries.length) {
      this.entries.splice(0, this.first)
      this.first = 0
    }
  }
}
