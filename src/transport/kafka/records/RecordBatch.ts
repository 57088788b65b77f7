/**
 * RecordBatch: the bytes of a partition in a fetch's answer -> records. Beyond kafkajs' decoder it knows how far the answer reached when a batch
 * holds nothing to show (compacted, control or aborted records), checks every batch's checksum before anything of it is believed,
 * and goes on past a batch that nobody can read.
 *
 * Promises: records in offset order, none below `from`, none of an aborted transaction; `next` past everything looked at. Whether a batch is
 * unreadable depends on its bytes and `maxRecordBytes` alone; of one that is, the records in front of the broken place are read, the
 * offsets from there to its end are the unreadable stretch. The answer ends early where it unpacked to more than there is room for,
 * also in the middle of a batch (`cursor`). Rejects with any other error for what failed here.
 */
import { setImmediate as turn } from "node:timers/promises"
import type { LogRecord, Unreadable } from "../../Transport.ts"
import { BatchCursor, type CursorRead, stretch } from "./BatchCursor.ts"
import { unpackSmall } from "./Codecs.ts"
import { crc32c } from "./Crc32c.ts"
import { RECORD_COST } from "./RecordStream.ts"
import { type Progress, readWhole, type Wanted } from "./Records.ts"
import { unknownCodec } from "./Unpacking.ts"
import { malformed, UnreadableBytes } from "./UnreadableBytes.ts"

export interface Aborted {
  readonly producerId: number
  readonly firstOffset: number
}

/** Unpacked bytes that may still be made: of the whole answer. Several partitions share it. */
export interface Room {
  left: number
  /** Bytes that were unpacked since others last had their turn on the event loop. */
  atOnce: number
}

export interface Asked {
  readonly from: number
  readonly aborted: ReadonlyArray<Aborted>
  readonly maxRecordBytes: number
  /** The log's end; Infinity where it is not known. */
  readonly end: number
  readonly room: Room
  /**
   * Whether the same bytes were found to be broken there before. A header that cannot be trusted may have been damaged on its way here: only
   * when it comes again just so it is the log's.
   */
  readonly confirmed: (base: number, fingerprint: string) => boolean
}

export interface Decoded {
  readonly next: number
  readonly records: ReadonlyArray<LogRecord>
  readonly unreadable: ReadonlyArray<Unreadable>
  /** Some records are views of the bytes that were read. */
  readonly views: boolean
  /** What the others are views of. */
  readonly unpacked: ReadonlyArray<Buffer>
  /** Bytes that were looked at, and what they take once they are read. */
  readonly stored: number
  readonly plain: number
  /** Of the batch that was read in part. */
  readonly cursor: BatchCursor | undefined
  /** Why nothing was read, where it has to be asked for again. */
  readonly doubt: string | undefined
}

/** Unpacked bytes of a partition in one answer, after which nothing more is unpacked. Sixteen times what is asked of one by default. */
export const MAX_PARTITION = 16 * 1024 * 1024

/** A few milliseconds of the event loop. */
const AT_ONCE = 4 * 1024 * 1024

/** baseOffset, length */
const PREFIX = 12
/** up to and with the count of records */
const HEADER = 61
/** Up to and with the format's number, which is at the same place in all formats. */
const LEAST = 17
/** Where what the checksum covers begins. */
const CHECKED = 21
const MAGIC = 2

/** Offsets, timestamps and producer ids fit a double by far; -1 does too. */
export const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)

export const decodeBatches = async (bytes: Buffer, asked: Asked): Promise<Decoded> => {
  const { aborted, from, room } = asked
  const records: Array<LogRecord> = []
  const unpacked: Array<Buffer> = []
  const unreadable: Array<Unreadable> = []
  let left = MAX_PARTITION
  let plain = 0
  let views = false
  let cursor: BatchCursor | undefined
  let doubt: string | undefined
  const ahead = aborted.length === 0 ? aborted : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const dropping = new Set<number>()
  let nextAborted = 0
  let next = from
  let at = 0
  const took = (size: number): void => {
    left -= size
    room.left -= size
  }
  // The broker cuts the answer anywhere in its last batch.
  while (at + LEAST <= bytes.length && left > 0) {
    const base = int64(bytes, at)
    const end = at + PREFIX + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const batch = bytes.subarray(at, Math.max(end, at + PREFIX))
    const broken = brokenHeader(batch, asked.end)
    if (broken !== undefined) {
      if (broken.fingerprint !== undefined && !asked.confirmed(base, broken.fingerprint)) {
        if (next === from) doubt = `the batch at offset ${base}: ${broken.error.message}; it is asked for again`
        break
      }
      const first = isPlausible(base, asked.end) ? Math.max(next, base) : next
      const after = follower(bytes, end)
      next =
        broken.fingerprint !== undefined && after > first && after <= asked.end
          ? after
          : Math.max(first + 1, Math.min(broken.next, asked.end))
      const { reason, message: detail } = broken.error
      unreadable.push({ from: first, next, reason, detail, bytes: Buffer.from(batch) })
      // Without a length nothing after it can be found.
      if (end < at + LEAST) break
      at = end
      continue
    }
    const attributes = batch.readInt16BE(21)
    const codec = attributes & 0x07
    const last = base + batch.readInt32BE(23)
    const producer = int64(batch, 43)
    const transactional = (attributes & 0x10) !== 0
    const control = (attributes & 0x20) !== 0
    while (nextAborted < ahead.length && ahead[nextAborted]!.firstOffset <= last)
      dropping.add(ahead[nextAborted++]!.producerId)
    // A marker ends its producer's transaction; had it been aborted, the next one is listed anew.
    if (control) dropping.delete(producer)
    else if (last >= next && !(transactional && dropping.has(producer))) {
      if (codec !== 0 && room.left <= 0) break
      const wanted = wantedOf(batch, base, last, Math.max(next, from), asked.maxRecordBytes)
      const progress: Progress = { read: 0, offset: base - 1 }
      const before = records.length
      const packed = batch.subarray(HEADER)
      try {
        if (codec > 4) throw unknownCodec(codec)
        if (wanted.count < 0) throw malformed(`a batch of ${wanted.count} records`)
        const whole = codec === 0 ? packed : unpackSmall(codec, packed)
        if (whole === undefined) cursor = new BatchCursor(codec, batch, HEADER, wanted)
        else {
          if (codec === 0) views = true
          else unpacked.push(whole)
          if (codec !== 0) {
            plain += whole.length
            room.atOnce += whole.length
          }
          try {
            readWhole(whole, wanted, progress, records)
          } finally {
            took((codec === 0 ? 0 : whole.length) + (records.length - before) * RECORD_COST)
          }
        }
      } catch (error) {
        if (!(error instanceof UnreadableBytes)) throw error
        const lost = stretch(error, Math.max(wanted.from, progress.offset + 1), last + 1, Buffer.from(batch))
        if (lost !== undefined) unreadable.push(lost)
      }
      if (cursor !== undefined) {
        const portion = await readInRoom(cursor, left, room)
        for (const record of portion.records) records.push(record)
        unpacked.push(...portion.slabs)
        left -= portion.size
        plain += portion.size
        room.atOnce = 0
        if (portion.unreadable !== undefined) unreadable.push(portion.unreadable)
        next = portion.next
        if (!portion.done) break
        cursor = undefined
      }
    }
    next = Math.max(next, last + 1)
    at = end
    if (room.atOnce < AT_ONCE) continue
    room.atOnce = 0
    await turn()
  }
  const stored = cursor === undefined ? at : bytes.length
  return { next, records, unreadable, views, unpacked, stored, plain, cursor, doubt }
}

/** The next portion of a batch, with the room that it takes set aside meanwhile: others are read at the same time. */
export const readInRoom = async (
  cursor: BatchCursor,
  most: number,
  room: Room
): Promise<CursorRead & { readonly size: number }> => {
  const share = Math.min(most, room.left)
  room.left -= share
  let size = 0
  try {
    const portion = await cursor.read(share)
    for (const { key, value } of portion.records) size += (key?.length ?? 0) + (value?.length ?? 0) + RECORD_COST
    return { ...portion, size }
  } finally {
    room.left += share - size
  }
}

const wantedOf = (batch: Buffer, base: number, last: number, from: number, maxRecordBytes: number): Wanted => ({
  base,
  last,
  from,
  maxRecordBytes,
  count: batch.readInt32BE(57),
  firstTimestamp: int64(batch, 27),
  appendTimestamp: (batch.readInt16BE(21) & 0x08) !== 0 ? int64(batch, 35) : -1
})

interface Broken {
  readonly error: UnreadableBytes
  /** Of these bytes; undefined where there is no doubt that they are the log's. */
  readonly fingerprint: string | undefined
  /** The offset after the batch, as far as its header can be believed. */
  readonly next: number
}

/** Why nothing that the batch says of itself can be believed. */
const brokenHeader = (batch: Buffer, logEnd: number): Broken | undefined => {
  const base = int64(batch, 0)
  if (!isPlausible(base, logEnd)) {
    const error = malformed(`a batch at offset ${base}, where the log ends at ${logEnd}`)
    return { error, fingerprint: error.message, next: 0 }
  }
  // In the older formats an offset is that of the entry's last record.
  const after = base + 1
  const format = batch.length < LEAST ? MAGIC : batch[16]!
  if (batch.length < HEADER && format >= MAGIC) {
    const error = malformed(`a batch of ${batch.length} bytes`)
    return { error, fingerprint: error.message, next: after }
  }
  const written = batch.length < HEADER ? 0 : batch.readUInt32BE(17)
  const found = batch.length < HEADER ? 1 : crc32c(batch.subarray(CHECKED))
  if (format !== MAGIC) {
    const error = new UnreadableBytes("format", `message format ${format} is not read here`)
    // Where all but its number says that it is ours, the number may have been damaged on its way.
    const fingerprint = written === found ? `format ${format} ${found}` : undefined
    return { error, fingerprint, next: written === found ? base + batch.readInt32BE(23) + 1 : after }
  }
  const next = base + batch.readInt32BE(23) + 1
  if (written !== found) {
    const error = new UnreadableBytes("checksum", `its checksum is ${hex(written)}, that of its bytes ${hex(found)}`)
    return { error, fingerprint: `${written} ${found}`, next }
  }
  return next > base
    ? undefined
    : { error: malformed("a batch that ends before it begins"), fingerprint: undefined, next: after }
}

/** The checksum does not cover it. An end that the broker told a moment too early is none of this. */
const isPlausible = (base: number, logEnd: number): boolean => base >= 0 && base < logEnd + 2 ** 32

const hex = (crc: number): string => (crc >>> 0).toString(16).padStart(8, "0")

/** Where the batch after this one begins, as far as the answer tells; else 0. */
const follower = (bytes: Buffer, at: number): number =>
  at >= LEAST && at + PREFIX <= bytes.length ? int64(bytes, at) : 0
