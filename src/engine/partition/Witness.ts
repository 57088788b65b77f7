/**
 * Witness: the newest record that an owner read of its partition, as offset and checksum. It travels in the commit's metadata; the
 * next owner reads that one record again, and where it finds another one the log went back and grew anew (rule 9 of the
 * handoff). Pure. A witness proves only that the log is another: a record that is gone (retention, compaction) proves nothing.
 *
 * The newest record that was read, not the one before C: it is the same one or a later one, and a log that was cut anywhere
 * before it has lost it. A record over the limit is none: without its value it says little, and another member's limit may be another one.
 */
import { crc32 } from "node:zlib"
import type { Fetched, LogRecord } from "../../transport/Transport.ts"

/** A record by which a log is known again: its offset and a checksum of its bytes. @experimental */
export interface Witness {
  /** Of the record itself. */
  readonly offset: number
  /** CRC32 of its offset, timestamp, key and value. */
  readonly crc: number
}

/** Offset, timestamp and the lengths go in first, so that bytes cannot wander between key and value. */
export const witnessOf = (r: LogRecord): Witness => {
  const head = Buffer.allocUnsafe(24)
  head.writeDoubleLE(r.offset, 0)
  head.writeDoubleLE(r.timestamp, 8)
  head.writeInt32LE(r.key?.length ?? -1, 16)
  head.writeInt32LE(r.value?.length ?? -1, 20)
  let crc = crc32(head)
  if (r.key !== null) crc = crc32(r.key, crc)
  if (r.value !== null) crc = crc32(r.value, crc)
  return { offset: r.offset, crc }
}

/** The later of the two: both were read in the same log. */
export const newerWitness = (a: Witness | null, b: Witness | null): Witness | null =>
  a === null || (b !== null && b.offset > a.offset) ? b : a

/** What the log says of a witness. @experimental */
export type Testimony =
  | "same"
  | "another"
  /** Its offset holds no record any more, or none that can be read: no proof either way. */
  | "gone"
  /** The answer does not reach it: ask again. */
  | "unanswered"

/** What the leader's answer to a fetch from the witness's offset on says. */
export const testify = (w: Witness, answer: Fetched | undefined): Testimony => {
  if (answer === undefined || answer.error !== undefined) return "unanswered"
  const first = answer.records[0]
  if (first === undefined) return answer.next > w.offset ? "gone" : "unanswered"
  if (first.offset !== w.offset) return "gone"
  // Whoever vouched for it had read its value, under another limit. Here it cannot be compared.
  if (first.tooLarge !== undefined) return "gone"
  return witnessOf(first).crc === w.crc ? "same" : "another"
}
