/**
 * Backlog: what one partition still has to take, in the order of the calls, and what of it goes into one request. At most one request
 * carries records of it at a time, so that none can pass another. A call that was given up leaves it, but for what is on its way. Pure.
 *
 * Brokers refuse a batch as a whole where it is larger than they take. Then it is sent again in smaller ones, down to single records: what
 * one call cannot send fails that call alone.
 */
import type { OutgoingRecord, TopicPartition, TransportError } from "../../Transport.ts"

/** What Kafka adds to a record at most, headers apart. */
const RECORD_OVERHEAD = 40
/** The batch's own fields, and the partition's in the request. */
export const BATCH_OVERHEAD = 100

export const sizeOf = (record: OutgoingRecord): number => {
  let size = RECORD_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const name in record.headers) size += name.length * 3 + 10 + record.headers[name]!.length
  return size
}

/** The records of one call for one partition. */
export class Delivery {
  readonly tp: TopicPartition
  readonly records: ReadonlyArray<OutgoingRecord>
  /** Told once: the log has them all, or why not. Not told of a delivery that was withdrawn. */
  readonly settle: (error?: TransportError) => void
  /** So many of them, from the first on, the log has. */
  taken = 0

  constructor(
    tp: TopicPartition,
    records: ReadonlyArray<OutgoingRecord>,
    settle: (error: TransportError | undefined) => void
  ) {
    this.tp = tp
    this.records = records
    this.settle = settle
  }
}

/** What one request carries of a partition: the front of its backlog. */
export interface Parcel {
  readonly backlog: Backlog
  readonly parts: ReadonlyArray<{ readonly delivery: Delivery; readonly count: number }>
  readonly records: ReadonlyArray<OutgoingRecord>
  readonly bytes: number
}

export class Backlog {
  readonly tp: TopicPartition
  /** A request with records of it is on its way. */
  busy = false
  private deliveries: Array<Delivery> = []
  /** Of a batch, as far as the brokers' refusals told. */
  private limit = Number.POSITIVE_INFINITY

  constructor(tp: TopicPartition) {
    this.tp = tp
  }

  get empty(): boolean {
    return this.deliveries.length === 0
  }

  add(delivery: Delivery): void {
    this.deliveries.push(delivery)
  }

  withdraw(delivery: Delivery): void {
    const at = this.deliveries.indexOf(delivery)
    if (at !== -1) this.deliveries.splice(at, 1)
  }

  /** At most `room` bytes; with `atLeastOne` the first record whatever its size. Undefined where nothing fits. */
  front(room: number, atLeastOne: boolean): Parcel | undefined {
    const most = Math.min(room - BATCH_OVERHEAD, this.limit)
    const parts: Array<Parcel["parts"][number]> = []
    const records: Array<OutgoingRecord> = []
    let bytes = 0
    let full = false
    for (const delivery of this.deliveries) {
      let count = 0
      for (let i = delivery.taken; i < delivery.records.length && !full; i++) {
        const record = delivery.records[i]!
        const size = sizeOf(record)
        // A record over the limit is the broker's to refuse; one that only does not fit beside others waits.
        const fits = bytes + size <= most || (records.length === 0 && (atLeastOne || size <= room - BATCH_OVERHEAD))
        full = !fits
        if (full) break
        records.push(record)
        bytes += size
        count++
      }
      if (count > 0) parts.push({ delivery, count })
      if (full) break
    }
    return parts.length === 0 ? undefined : { backlog: this, parts, records, bytes: bytes + BATCH_OVERHEAD }
  }

  /** The log has the parcel's records. */
  took({ parts }: Parcel): void {
    for (const { delivery, count } of parts) {
      delivery.taken += count
      if (delivery.taken === delivery.records.length) this.end(delivery)
    }
  }

  /** The log does not have the parcel's records, or maybe has. Answers whether a call failed by it. */
  refused({ parts, records, bytes }: Parcel, error: TransportError): boolean {
    if (error.code === "MESSAGE_TOO_LARGE" && records.length > 1) {
      this.limit = Math.floor((bytes - BATCH_OVERHEAD) / 2)
      return false
    }
    for (const { delivery } of parts) this.end(delivery, error)
    return true
  }

  /** Everything that waits fails; what is on its way is not in it. */
  fail(error: TransportError): void {
    for (const delivery of [...this.deliveries]) this.end(delivery, error)
  }

  private end(delivery: Delivery, error?: TransportError): void {
    const at = this.deliveries.indexOf(delivery)
    // Withdrawn meanwhile.
    if (at === -1) return
    this.deliveries.splice(at, 1)
    delivery.settle(error)
  }
}

/** The next request to one leader: fronts of its partitions' backlogs, in their order, together at most `room` bytes or, where allowed, one record. */
export const pack = (backlogs: Iterable<Backlog>, room: number, atLeastOne: boolean): ReadonlyArray<Parcel> => {
  const parcels: Array<Parcel> = []
  let left = room
  for (const backlog of backlogs) {
    const parcel = backlog.front(left, atLeastOne && parcels.length === 0)
    // Not passed over for smaller ones behind it: it would never have its turn.
    if (parcel === undefined) break
    parcels.push(parcel)
    left -= parcel.bytes
  }
  return parcels
}
