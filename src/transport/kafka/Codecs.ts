/**
 * Codecs: how record batches are compressed. Reading: all of Kafka's codecs, since any producer may write the topic.
 * Writing: gzip and zstd, through kafkajs' registry, with Node's own zlib. Large batches are unpacked off the event
 * loop. A batch that would unpack to more than MAX_UNPACKED is refused instead of filling the memory.
 */
import { promisify } from "node:util"
import { gunzip, gunzipSync, zstdCompress, zstdDecompress, zstdDecompressSync } from "node:zlib"
import kafkajs from "kafkajs"
import type { Compression } from "../Transport.ts"
import { unpackLz4 } from "./Lz4.ts"
import { unpackSnappy } from "./Snappy.ts"

export const MAX_UNPACKED = 64 * 1024 * 1024
/** Below this a trip to the thread pool costs more than it saves. */
const SMALL = 8 * 1024

/** Kafka's numbers, the lowest three bits of a batch's attributes. */
export const compressionCode: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, zstd: 4 }

const bound = { maxOutputLength: MAX_UNPACKED }
const gunzipAsync = promisify(gunzip) as (packed: Uint8Array, options: typeof bound) => Promise<Buffer>
const zstdAsync = promisify(zstdDecompress) as (packed: Uint8Array, options: typeof bound) => Promise<Buffer>
const zstdPack = promisify(zstdCompress) as (plain: Uint8Array) => Promise<Buffer>

/** Throws, or rejects, on a codec that is not Kafka's and on bytes that are not the codec's. */
export const unpack = (code: number, packed: Buffer): Buffer | Promise<Buffer> => {
  switch (code) {
    case 1:
      return packed.length < SMALL ? gunzipSync(packed, bound) : gunzipAsync(packed, bound)
    case 2:
      return unpackSnappy(packed, MAX_UNPACKED)
    case 3:
      return unpackLz4(packed, MAX_UNPACKED)
    case 4:
      return packed.length < SMALL ? zstdDecompressSync(packed, bound) : zstdAsync(packed, bound)
    default:
      throw new Error(`unknown compression codec ${code}`)
  }
}

/** kafkajs knows gzip by itself. */
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { readonly buffer: Buffer }) => zstdPack(encoder.buffer),
  decompress: (packed: Buffer) => Promise.resolve(unpack(4, packed))
})
