/**
 * RecordBytes: records as they stand in a batch before it is compressed: each with its length, key, value and headers, all stamped alike.
 * Their size is known before they are written, so that each byte is copied once, into memory of that size. Pure.
 */
import type { OutgoingRecord } from "../../Transport.ts"

export type Record = Pick<OutgoingRecord, "key" | "value" | "headers">

/** Bytes of a number of Kafka's: seven bits a byte, zigzag; of a length, or -1 for none. */
const sizeOfNumber = (n: number): number =>
  n < 0 ? 1 : n < 0x40 ? 1 : n < 0x2000 ? 2 : n < 0x10_0000 ? 3 : n < 0x800_0000 ? 4 : 5

const sizeOfBytes = (bytes: Uint8Array | null): number =>
  bytes === null ? 1 : sizeOfNumber(bytes.length) + bytes.length

/** `place`: its number in the batch. Its own length is not in it. */
const sizeOfRecord = ({ key, value, headers }: Record, place: number): number => {
  // Attributes, and its time beyond the batch's: a byte each.
  let size = 2 + sizeOfNumber(place) + sizeOfBytes(key) + sizeOfBytes(value)
  let count = 0
  for (const name in headers) {
    const length = Buffer.byteLength(name)
    size += sizeOfNumber(length) + length + sizeOfBytes(headers[name]!)
    count++
  }
  return size + sizeOfNumber(count)
}

export const sizeOfRecords = (records: ReadonlyArray<Record>): number => {
  let size = 0
  for (let i = 0; i < records.length; i++) {
    const length = sizeOfRecord(records[i]!, i)
    size += sizeOfNumber(length) + length
  }
  return size
}

/** Answers where they end. */
export const writeRecords = (records: ReadonlyArray<Record>, into: Buffer, from: number): number => {
  let at = from
  const number = (n: number): void => {
    let rest = n < 0 ? 1 : n * 2
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) into[at++] = (rest & 0x7f) | 0x80
    into[at++] = rest
  }
  const bytes = (some: Uint8Array | null): void => {
    number(some === null ? -1 : some.length)
    if (some === null) return
    into.set(some, at)
    at += some.length
  }
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    number(sizeOfRecord(record, i))
    into[at++] = 0
    into[at++] = 0
    number(i)
    bytes(record.key)
    bytes(record.value)
    let count = 0
    for (const _ in record.headers) count++
    number(count)
    for (const name in record.headers) {
      number(Buffer.byteLength(name))
      at += into.write(name, at)
      bytes(record.headers[name]!)
    }
  }
  return at
}
