/**
 * Codecs: how record batches are compressed. Reading: all of Kafka's codecs, since any producer may write the topic.
 * Writing: gzip and zstd, through kafkajs' registry, with Node's own zlib. What unpacks to a few megabytes is unpacked in
 * place, the rest off the event loop. A batch that would unpack to more than MAX_UNPACKED is refused instead of filling the memory.
 */
import { promisify } from "node:util"
import { gunzip, gunzipSync, zstdCompress, zstdDecompress, zstdDecompressSync } from "node:zlib"
import kafkajs from "kafkajs"
import type { Compression } from "../Transport.ts"
import { free } from "./AnswerMemory.ts"
import { unpackLz4 } from "./Lz4.ts"
import { unpackSnappy } from "./Snappy.ts"

export const MAX_UNPACKED = 64 * 1024 * 1024
/** Packed, and unpacked: a few milliseconds of the event loop. A trip to the thread pool costs more CPU than it saves. */
const SMALL_PACKED = 512 * 1024
const SMALL_UNPACKED = 4 * 1024 * 1024
/** Of the output, made at once: what most batches need. */
const CHUNK = 256 * 1024

/** Kafka's numbers, the lowest three bits of a batch's attributes. */
export const compressionCode: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, zstd: 4 }

const bound = { maxOutputLength: MAX_UNPACKED, chunkSize: CHUNK }
const smallBound = { maxOutputLength: SMALL_UNPACKED, chunkSize: CHUNK }
type Bound = typeof bound
const gunzipAsync = promisify(gunzip) as (packed: Uint8Array, options: Bound) => Promise<Buffer>
const zstdAsync = promisify(zstdDecompress) as (packed: Uint8Array, options: Bound) => Promise<Buffer>
const zstdPack = promisify(zstdCompress) as (plain: Uint8Array) => Promise<Buffer>

/** Queues count bytes, not the room around them. */
const fitting = (plain: Buffer): Buffer => {
  if (plain.buffer.byteLength <= plain.length * 1.25) return plain
  const copy = Buffer.allocUnsafeSlow(plain.length)
  copy.set(plain)
  free(plain)
  return copy
}

const byItsSize = (
  packed: Buffer,
  inPlace: (packed: Buffer, options: Bound) => Buffer,
  aside: (packed: Buffer, options: Bound) => Promise<Buffer>
): Buffer | Promise<Buffer> => {
  if (packed.length > SMALL_PACKED) return aside(packed, bound)
  try {
    return fitting(inPlace(packed, smallBound))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return aside(packed, bound)
    throw error
  }
}

/** Throws, or rejects, on a codec that is not Kafka's and on bytes that are not the codec's. */
export const unpack = (code: number, packed: Buffer): Buffer | Promise<Buffer> => {
  switch (code) {
    case 1:
      return byItsSize(packed, gunzipSync, gunzipAsync)
    case 2:
      return unpackSnappy(packed, MAX_UNPACKED)
    case 3:
      return unpackLz4(packed, MAX_UNPACKED)
    case 4:
      return byItsSize(packed, zstdDecompressSync, zstdAsync)
    default:
      throw new Error(`unknown compression codec ${code}`)
  }
}

/** kafkajs knows gzip by itself. */
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { readonly buffer: Buffer }) => zstdPack(encoder.buffer),
  decompress: (packed: Buffer) => Promise.resolve(unpack(4, packed))
})
