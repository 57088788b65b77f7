/**
 * ProduceRequest: the body of Kafka's request Produce in its versions 3 to 7, and the record batches in it (magic 2). kafkajs' own encoder
 * copies each byte six times, into memory that it zeroes and doubles, and sums it up byte by byte: of log lines that was half the cost.
 */
import type { Compression } from "../../Transport.ts"
import { crc32c } from "../records/Crc32c.ts"
import { compressionCode, type Packed, pack } from "./Packing.ts"
import type { Record } from "./RecordBytes.ts"

export interface ProduceArgs {
  /** 0, 1, or -1 for all that are in sync. */
  readonly acks: number
  /** Ms that a leader may wait for its replicas. */
  readonly timeout: number
  readonly compression: Compression
  readonly topicData: ReadonlyArray<{
    readonly topic: string
    readonly partitions: ReadonlyArray<{ readonly partition: number; readonly messages: ReadonlyArray<Record> }>
  }>
}

/** Of a batch before its records, and of that what its length and its checksum leave out. */
const headBytes = 61
const beforeLength = 12
const beforeSum = 21
const magic = 2

interface Batch {
  readonly count: number
  readonly records: Packed
}

/** `time`: of each record, ms since the Unix epoch. Answers where it ends. */
const putBatch = (into: Buffer, from: number, { count, records }: Batch, codec: number, time: number): number => {
  const to = from + headBytes + records.bytes
  // Offsets and the leader's epoch are the broker's to tell.
  into.writeBigInt64BE(0n, from)
  into.writeInt32BE(to - from - beforeLength, from + 8)
  into.writeInt32BE(0, from + 12)
  into[from + 16] = magic
  into.writeInt16BE(codec, from + 21)
  into.writeInt32BE(count - 1, from + 23)
  into.writeBigInt64BE(BigInt(time), from + 27)
  into.writeBigInt64BE(BigInt(time), from + 35)
  // No producer's id, and so no epoch and sequence of its.
  into.writeBigInt64BE(-1n, from + 43)
  into.writeInt16BE(0, from + 51)
  into.writeInt32BE(0, from + 53)
  into.writeInt32BE(count, from + 57)
  records.put(into, from + headBytes)
  into.writeUInt32BE(crc32c(into.subarray(from + beforeSum, to)), from + 17)
  return to
}

export const produceBody = async ({ acks, timeout, compression, topicData }: ProduceArgs): Promise<Buffer> => {
  const time = Date.now()
  // The transaction's id, which is none, acks and timeout; the number of topics.
  let size = 8 + 4
  const topics: Array<{ readonly topic: string; readonly batches: Array<Batch & { readonly partition: number }> }> = []
  for (const { topic, partitions } of topicData) {
    const batches: Array<Batch & { readonly partition: number }> = []
    size += 2 + Buffer.byteLength(topic) + 4
    for (const { partition, messages } of partitions) {
      const records = await pack(messages, compression)
      batches.push({ partition, count: messages.length, records })
      size += 8 + headBytes + records.bytes
    }
    topics.push({ topic, batches })
  }
  const body = Buffer.allocUnsafeSlow(size)
  body.writeInt16BE(-1, 0)
  body.writeInt16BE(acks, 2)
  body.writeInt32BE(timeout, 4)
  body.writeInt32BE(topics.length, 8)
  let at = 12
  for (const { topic, batches } of topics) {
    const length = body.write(topic, at + 2)
    body.writeInt16BE(length, at)
    body.writeInt32BE(batches.length, at + 2 + length)
    at += 6 + length
    for (const batch of batches) {
      body.writeInt32BE(batch.partition, at)
      body.writeInt32BE(headBytes + batch.records.bytes, at + 4)
      at = putBatch(body, at + 8, batch, compressionCode[compression], time)
    }
  }
  return body
}
