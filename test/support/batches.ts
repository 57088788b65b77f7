/**
 * Record batches made by hand, as any producer might write them: every field is the test's to set, the checksum is kafkajs', so that ours
 * is judged by another one. `seal` makes changed bytes valid again, as a producer that wrote them so would have.
 */
import { gzipSync, zstdCompressSync } from "node:zlib"
import { lz4Compress, snappyCompress } from "@platformatic/wasm-utils"
import crc32C from "kafkajs/src/protocol/recordBatch/crc32C/index.js"
import kafkaRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js"

export interface Sent {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Record<string, Buffer | ReadonlyArray<Buffer>>
  readonly delta: number
}

export interface BatchOptions {
  readonly base?: number
  readonly timestamp?: number
  /** Kafka's number of the codec. */
  readonly compression?: number
  /** Bits beyond the codec: 0x08 append time, 0x10 transactional, 0x20 control. */
  readonly attributes?: number
  readonly producer?: number
  readonly lastDelta?: number
  /** What the header says, where it is not the truth. */
  readonly count?: number
}

export const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

/** The records as they stand in a batch before it is compressed. */
export const plainRecords = (records: ReadonlyArray<Partial<Sent>>): Buffer =>
  Buffer.concat(
    records.map(
      (record, i) =>
        kafkaRecord({
          key: record.key ?? null,
          value: record.value ?? null,
          headers: record.headers ?? {},
          offsetDelta: i,
          timestampDelta: record.delta ?? 0
        }).buffer
    )
  )

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1])

/** As Kafka's Java client writes it: blocks of 32 KB. */
export const xerial = (plain: Buffer): Buffer => {
  const parts: Array<Buffer> = [XERIAL]
  for (let at = 0; at < plain.length; at += 32 * 1024) {
    const block = snappyCompress(plain.subarray(at, at + 32 * 1024))
    const size = Buffer.alloc(4)
    size.writeInt32BE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

export const pack = (codec: number, plain: Buffer): Buffer =>
  [
    () => plain,
    () => gzipSync(plain),
    () => snappyCompress(plain),
    () => lz4Compress(plain),
    () => zstdCompressSync(plain)
  ][codec]!()

/** Makes the checksum right for what the bytes are now. */
export const seal = (batch: Buffer): Buffer => {
  batch.writeUInt32BE(crc32C(batch.subarray(21)) >>> 0, 17)
  return batch
}

/** A batch around a payload that is given as it stands there. */
export const rawBatch = (payload: Buffer, count: number, options: BatchOptions = {}): Buffer => {
  const { base = 0, compression = 0, attributes = 0, producer = -1, timestamp = 1_000 } = options
  const batch = Buffer.alloc(61 + payload.length)
  batch.writeBigInt64BE(BigInt(base), 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch[16] = 2
  batch.writeInt16BE(compression | attributes, 21)
  batch.writeInt32BE(options.lastDelta ?? count - 1, 23)
  batch.writeBigInt64BE(BigInt(timestamp), 27)
  batch.writeBigInt64BE(BigInt(timestamp + 999), 35)
  batch.writeBigInt64BE(BigInt(producer), 43)
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(options.count ?? count, 57)
  payload.copy(batch, 61)
  return seal(batch)
}

export const batchOf = (records: ReadonlyArray<Partial<Sent>>, options: BatchOptions = {}): Buffer =>
  rawBatch(pack(options.compression ?? 0, plainRecords(records)), records.length, options)
