/**
 * Packing: records' bytes as a batch carries them: plain, or packed with Node's own zlib. What is small is packed by zstd here, at once and
 * in memory that is used again: a trip to the thread pool costs more CPU than it saves. gzip takes ten times as long, and goes there.
 */
import { promisify } from "node:util"
import { constants, gzip, type ZlibOptions, type ZstdOptions, zstdCompress, zstdCompressSync } from "node:zlib"
import type { Compression } from "../../Transport.ts"
import { free } from "../records/AnswerMemory.ts"
import { type Record, sizeOfRecords, writeRecords } from "./RecordBytes.ts"

/** Kafka's numbers, the lowest three bits of a batch's attributes. */
export const compressionCode: Readonly<{ [K in Compression]: number }> = { none: 0, gzip: 1, zstd: 4 }

/** Bytes: a request of the usual size and a little more; some four milliseconds of the event loop. */
const small = 1_500_000
/** What dumps and log lines become is hardly larger than by zstd's default of 3, and takes half the time (docs/logs-agent.md). */
const params = { [constants.ZSTD_c_compressionLevel]: 1 }

const gzipPack = promisify(gzip) as (plain: Uint8Array, options: ZlibOptions) => Promise<Buffer>
const zstdPack = promisify(zstdCompress) as (plain: Uint8Array, options: ZstdOptions) => Promise<Buffer>

let scratch = Buffer.alloc(0)

/** Used until the next call: nothing is waited for meanwhile. */
const plainAtOnce = (records: ReadonlyArray<Record>, size: number): Buffer => {
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(Math.max(size, Math.min(small, 2 * size)))
  return scratch.subarray(0, writeRecords(records, scratch, 0))
}

const plainOf = (records: ReadonlyArray<Record>, size: number): Buffer => {
  const plain = Buffer.allocUnsafeSlow(size)
  writeRecords(records, plain, 0)
  return plain
}

export interface Packed {
  readonly bytes: number
  /** Writes them, once: their memory is given back. */
  readonly put: (into: Buffer, at: number) => void
}

const packed = (bytes: Buffer): Packed => ({
  bytes: bytes.length,
  put: (into, at) => {
    bytes.copy(into, at)
    free(bytes)
  }
})

export const pack = async (records: ReadonlyArray<Record>, compression: Compression): Promise<Packed> => {
  const bytes = sizeOfRecords(records)
  if (compression === "none") return { bytes, put: (into, at) => void writeRecords(records, into, at) }
  // In one piece: several would be joined, and left to the collector.
  const chunkSize = bytes + 1_024
  if (compression === "zstd" && bytes <= small)
    return packed(zstdCompressSync(plainAtOnce(records, bytes), { params, chunkSize }))
  const plain = plainOf(records, bytes)
  const result = compression === "gzip" ? gzipPack(plain, { chunkSize }) : zstdPack(plain, { params, chunkSize })
  return packed(await result)
}
