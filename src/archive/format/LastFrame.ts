/**
 * LastFrame: what an object says of itself, in a skippable zstd frame behind its data, where every reader passes over it: which log it is of, which
 * offsets it holds, by which record that can be checked, under which hour the next object stands, and which memory of repeats belongs to its end. Pure.
 *
 * Bytes: the frame's magic and length as zstd wants them, JSON, its CRC-32, its length, "k2p-end1". So it is found from the object's end.
 */
import { crc32 } from "node:zlib"
import type { Witness } from "../../engine/partition/Witness.ts"
import { type Hour, isHour } from "./Hour.ts"
import type { Line } from "./Names.ts"

export interface LastFrame extends Line {
  /** The cluster's id; null where the brokers tell none. */
  readonly cluster: string | null
  /** Offsets [from, to). */
  readonly from: number
  readonly to: number
  /** The last record of all before `to` whose checksum is known; null where there is none. */
  readonly last: Witness | null
  /** Of the next object. */
  readonly next: Hour
  /** The name of the memory of repeats at `to`; null where it is empty. */
  readonly memory: string | null
  /** Records read, rows written, and bytes of the rows before compression. */
  readonly records: number
  readonly rows: number
  readonly bytes: number
}

const magic = 0x184d2a5b
const mark = Buffer.from("k2p-end1")
/** Behind the JSON: its checksum, its length, the mark. */
const footer = 8 + mark.length

/** So many bytes of an object's end hold its last frame. */
export const tailBytes = 4096

export const encodeLastFrame = ({ last, ...frame }: LastFrame): Buffer => {
  const json = Buffer.from(JSON.stringify({ v: 1, ...frame, last: last === null ? null : [last.offset, last.crc] }))
  const bytes = Buffer.alloc(8 + json.length + footer)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(json.length + footer, 4)
  json.copy(bytes, 8)
  bytes.writeUInt32LE(crc32(json), 8 + json.length)
  bytes.writeUInt32LE(json.length, 12 + json.length)
  mark.copy(bytes, 16 + json.length)
  return bytes
}

export interface DecodedFrame {
  readonly frame: LastFrame
  /** Of the skippable frame. */
  readonly bytes: number
}

/** From the end of an object; undefined where there is none that can be read. */
export const decodeLastFrame = (tail: Uint8Array): DecodedFrame | undefined => {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.length)
  const end = bytes.length - footer
  if (end < 8 || !bytes.subarray(end + 8).equals(mark)) return undefined
  const length = bytes.readUInt32LE(end + 4)
  if (length > end - 8) return undefined
  const json = bytes.subarray(end - length, end)
  if (crc32(json) !== bytes.readUInt32LE(end)) return undefined
  const frame = read(json.toString())
  return frame === undefined ? undefined : { frame, bytes: 8 + length + footer }
}

const isCount = (n: unknown): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0
const isTextOrNull = (t: unknown): t is string | null => t === null || typeof t === "string"

const read = (text: string): LastFrame | undefined => {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(text)
  } catch {
    // Told by who asked, with the object's name.
    return undefined
  }
  const { v, topic, partition, life, cluster, from, to, last, next, memory, records, rows, bytes } = fields
  if (v !== 1 || typeof topic !== "string" || !isTextOrNull(cluster) || !isTextOrNull(memory) || !isHour(next))
    return undefined
  if (![partition, life, from, to, records, rows, bytes].every(isCount)) return undefined
  const witness = last === null ? null : readWitness(last)
  if (witness === undefined) return undefined
  return { topic, cluster, next, memory, last: witness, partition, life, from, to, records, rows, bytes } as LastFrame
}

const readWitness = (last: unknown): Witness | undefined => {
  if (!Array.isArray(last)) return undefined
  const [offset, crc] = last as ReadonlyArray<unknown>
  return isCount(offset) && isCount(crc) ? { offset, crc } : undefined
}
