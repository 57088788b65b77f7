/**
 * PartitionQueue: the bounded queue in front of one partition's actor. Plain data, no Effect: the fetcher pushes whole
 * batches, the actor takes them, backpressure drops from the front. Bounded in records and in bytes; what exceeds the bounds,
 * the remainder, is one fetched batch at most, because a batch is queued whole (refetching a part of it would cost more than it saves).
 * A batch's bytes are lent: they are released when nothing of it is queued or being processed any more.
 *
 * Dropped records, the oldest or whichever a strategy picks, keep their place in the order as a gap: the processor's, who says what it must
 * know of them. With a gap
 * the records after it are taken, too, and held for the next take: were they dropped in their turn meanwhile, a slow
 * actor under steady overload would be given nothing but gaps.
 */
import { Loan } from "../../Loan.ts"
import type { LogRecord, Unreadable } from "../../transport/Transport.ts"
import type { RecordHead } from "../Backpressure.ts"
import type { Gap } from "../PartitionProcessor.ts"

export type QueueItem =
  | {
      readonly type: "records"
      readonly records: ReadonlyArray<LogRecord>
      readonly next: number
      /** What they counted against the byte bound. */
      readonly bytes: number
      /** What nobody can read before `next`, where the processor wants to know. */
      readonly unreadable: ReadonlyArray<Unreadable>
      /** To be returned by whoever keeps nothing of the records' bytes; without it they are never released. */
      readonly loan: Loan
    }
  | { readonly type: "dropped"; readonly gap: Gap | undefined; readonly next: number }

/** What was dropped at a time: how many, the oldest's offset, and the one after the newest's. */
export interface Dropped {
  records: number
  from: number
  next: number
}

/** What a record counts against the byte bound: its value and key plus a flat rate for the object around them. */
export const recordBytes = (r: LogRecord): number => (r.value?.length ?? 0) + (r.key?.length ?? 0) + 100

/** A batch, or a part of one; or, without records, a gap where some were dropped. */
interface Entry {
  readonly dropped?: { readonly gap: Gap | undefined }
  readonly records: ReadonlyArray<LogRecord>
  /** First record of `records` that is still queued. */
  head: number
  next: number
  unreadable: ReadonlyArray<Unreadable>
  readonly loan: Loan
}

const nothingToRelease = (): void => {}

/** Stands where a batch was: the queue must not keep alive what was taken from it. */
const gone: Entry = { records: [], head: 0, next: -1, unreadable: [], loan: new Loan(nothingToRelease) }

export class PartitionQueue {
  private readonly entries: Array<Entry> = []
  private first = 0
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

  /** `release`: of the records' bytes. `unreadable`: what the processor is to be told of. */
  push(
    records: ReadonlyArray<LogRecord>,
    next: number,
    release: () => void = nothingToRelease,
    unreadable: ReadonlyArray<Unreadable> = []
  ): void {
    for (const { bytes } of unreadable) this.bytes += bytes?.length ?? 0
    const newest = this.entries[this.entries.length - 1]
    // Control records and compacted gaps only move the position; one entry each would be a queue without a bound.
    if (records.length === 0 && newest !== undefined && this.first < this.entries.length) {
      newest.next = next
      if (unreadable.length > 0) newest.unreadable = [...newest.unreadable, ...unreadable]
      release()
      return
    }
    this.entries.push({ records, head: 0, next, unreadable, loan: new Loan(release) })
    this.records += records.length
    for (const r of records) this.bytes += recordBytes(r)
  }

  /** Drops the oldest records until the queue is within the bounds, but never the newest one. */
  dropFront(maxRecords: number, maxBytes: number): Dropped {
    const dropped = { records: 0, from: -1, next: -1 }
    while (this.records > 1 && (this.records > maxRecords || this.bytes > maxBytes)) {
      let at = this.first
      while (this.entries[at]!.dropped !== undefined) at += 1
      const { gap, index } = this.gapBefore(at)
      const entry = this.entries[index + 1]!
      const record = entry.records[entry.head]
      if (record !== undefined) {
        entry.head += 1
        this.forget(record, gap, dropped)
        gap.next = record.offset + 1
      }
      // A batch without records still moves the position.
      if (entry.head >= entry.records.length) {
        gap.next = entry.next
        this.remove(index + 1)
      }
    }
    return dropped
  }

  /** The same, but those of the lowest rank first, and of equal rank the oldest. Costs a look at all that wait. */
  dropRanked(maxRecords: number, maxBytes: number, rank: (head: RecordHead) => number): Dropped {
    const dropped = { records: 0, from: -1, next: -1 }
    const heads = [...this.heads()]
    const newest = heads.pop()
    const order = heads.map((head, i) => ({ head, i, rank: rank(head) })).sort((a, b) => a.rank - b.rank || a.i - b.i)
    const going = new Set<number>()
    let [records, bytes] = [this.records, this.bytes]
    for (const { head } of order) {
      if (records <= maxRecords && bytes <= maxBytes) break
      going.add(head.offset)
      records -= 1
      bytes -= head.bytes
    }
    if (newest === undefined || going.size === 0) return dropped
    const entries = this.entries.splice(0).slice(this.first)
    this.first = 0
    for (const entry of entries) this.sift(entry, going, dropped)
    return dropped
  }

  /** Puts the entry back, in parts where some of its records go. */
  private sift(entry: Entry, going: ReadonlySet<number>, dropped: Dropped): void {
    const { records, loan } = entry
    if (!records.some((record, n) => n >= entry.head && going.has(record.offset))) {
      this.entries.push(entry)
      return
    }
    for (let from = entry.head; from < records.length; ) {
      const goes = going.has(records[from]!.offset)
      let end = from
      while (end < records.length && going.has(records[end]!.offset) === goes) end += 1
      const next = end === records.length ? entry.next : records[end]!.offset
      if (goes) {
        const { gap } = this.gapBefore(this.entries.length)
        for (let n = from; n < end; n++) this.forget(records[n]!, gap, dropped)
        gap.next = next
      } else this.entries.push({ records: records.slice(from, end), head: 0, next, unreadable: [], loan: loan.hold() })
      from = end
    }
    loan.giveBack()
  }

  /** The records that wait, oldest first. */
  *heads(): Iterable<RecordHead> {
    for (let i = this.first; i < this.entries.length; i++) {
      const { records, head } = this.entries[i]!
      for (let n = head; n < records.length; n++) {
        const record = records[n]!
        const { offset, timestamp, key, headers } = record
        yield { offset, timestamp, key, headers, bytes: recordBytes(record) }
      }
    }
  }

  /** The next item in order, at most about `maxBytes` of records; undefined where the queue is empty. */
  take(maxBytes: number): QueueItem | undefined {
    if (this.held !== undefined) {
      const item = this.held
      this.held = undefined
      return item
    }
    const entry = this.entries[this.first]
    if (entry?.dropped === undefined) return this.takeRecords(maxBytes)
    this.shift()
    if (this.entries[this.first]?.dropped === undefined) this.held = this.takeRecords(maxBytes)
    return { type: "dropped", gap: entry.dropped.gap, next: entry.next }
  }

  /** The gap that ends where the entry begins: a new one, where there is none. */
  private gapBefore(at: number): { readonly gap: Entry; readonly index: number } {
    const before = at > this.first ? this.entries[at - 1]! : undefined
    if (before?.dropped !== undefined) return { gap: before, index: at - 1 }
    const dropped = { gap: this.beginGap?.() }
    const gap: Entry = { dropped, records: [], head: 0, next: -1, unreadable: [], loan: gone.loan }
    if (at > this.first || this.first === 0) {
      this.entries.splice(at, 0, gap)
      return { gap, index: at }
    }
    // In the place of what was taken.
    this.first -= 1
    this.entries[this.first] = gap
    return { gap, index: this.first }
  }

  /** The batch that follows the first gap is used up. */
  private remove(at: number): void {
    this.entries[at]!.loan.giveBack()
    if (at - 1 !== this.first) {
      this.entries.splice(at, 1)
      return
    }
    this.entries[at] = this.entries[this.first]!
    this.entries[this.first] = gone
    this.first += 1
  }

  private forget(record: LogRecord, { dropped }: Entry, count: Dropped): void {
    dropped?.gap?.add(record)
    this.records -= 1
    this.bytes -= recordBytes(record)
    if (count.records === 0 || record.offset < count.from) count.from = record.offset
    count.next = Math.max(count.next, record.offset + 1)
    count.records += 1
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
    const { unreadable } = entry
    for (const { bytes: size } of unreadable) this.bytes -= size?.length ?? 0
    entry.unreadable = []
    if (last) this.shift()
    else entry.head = end
    return { type: "records", records, next, bytes, unreadable, loan }
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
    return this.first === this.entries.length && this.held === undefined
  }

  private shift(): void {
    const entry = this.entries[this.first]!
    if (entry.dropped === undefined) entry.loan.giveBack()
    this.entries[this.first] = gone
    this.first += 1
    if (this.first > 64 && this.first * 2 > this.entries.length) {
      this.entries.splice(0, this.first)
      this.first = 0
    }
  }
}
