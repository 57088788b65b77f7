/**
 * FetchAnswer: a fetch's answer, versions 4 to 11, to one Fetched per partition. Partitions fail one by one: a refused one, or one that could
 * not be read here, carries an error code, the others their records, which are views of the answer or of what was unpacked of it.
 * What the answer's memory holds stays bounded: partitions share the room for what is unpacked, and one that found none is asked again.
 */
import type { Fetched, FetchRequest, TopicPartition } from "../../Transport.ts"
import { partitionKey } from "../../Transport.ts"
import { errorName, fetchError } from "../connection/Errors.ts"
import { AnswerMemory } from "./AnswerMemory.ts"
import type { Cursors } from "./Cursors.ts"
import { type Aborted, decodeBatches, int64, type Room } from "./RecordBatch.ts"

interface PartitionAnswer {
  readonly request: FetchRequest
  readonly errorCode: number
  readonly stableEnd: number
  readonly aborted: ReadonlyArray<Aborted>
  readonly bytes: Buffer
}

export interface FetchAnswer {
  /** Of the whole answer. */
  readonly errorCode: number
  /** kafkajs' name: how long the broker asks us to wait before the next request. */
  readonly clientSideThrottleTime: number
  readonly fetched: ReadonlyArray<Fetched>
}

/** What answers are read with: one client's. */
export interface Reading {
  readonly maxRecordBytes: number
  readonly cursors: Cursors
  /** Of what is unpacked of this answer. */
  readonly room: Room
  /** See `Asked.confirmed`. */
  readonly confirmed: (tp: TopicPartition, base: number, fingerprint: string) => boolean
  /** So many bytes of a partition were read as they are stored, and so many bytes, and records, were made of them. */
  readonly saw: (tp: TopicPartition, stored: number, unpacked: number, records: number) => void
}

export const decodeFetch = async (
  payload: Buffer,
  version: number,
  requests: ReadonlyArray<FetchRequest>,
  reading: Reading
): Promise<FetchAnswer> => {
  const { errorCode, throttle, partitions } = split(payload, version, requests)
  const memory = new AnswerMemory(payload)
  const fetched = await Promise.all(partitions.map((partition) => read(partition, memory, reading)))
  memory.decoded()
  // Since version 8 the broker has not waited itself.
  const clientSideThrottleTime = version >= 8 ? throttle : 0
  return { errorCode, clientSideThrottleTime, fetched }
}

const read = async (answer: PartitionAnswer, memory: AnswerMemory, reading: Reading): Promise<Fetched> => {
  const { tp, offset } = answer.request
  const { cursors, maxRecordBytes, room } = reading
  const base = { tp, from: offset, next: offset, records: [], highWatermark: answer.stableEnd }
  if (answer.errorCode !== 0)
    return { ...base, highWatermark: -1, error: fetchError(answer.errorCode), detail: errorName(answer.errorCode) }
  if (answer.bytes.length === 0) return base
  try {
    const decoded = await decodeBatches(answer.bytes, {
      from: offset,
      aborted: answer.aborted,
      end: answer.stableEnd < 0 ? Number.POSITIVE_INFINITY : answer.stableEnd,
      maxRecordBytes,
      room,
      confirmed: (at, fingerprint) => reading.confirmed(tp, at, fingerprint)
    })
    const { cursor, doubt, next, records, unreadable } = decoded
    reading.saw(tp, decoded.stored, decoded.plain, decoded.records.length)
    if (cursor !== undefined) cursors.keep(tp, { cursor, highWatermark: answer.stableEnd })
    if (doubt !== undefined) return { ...base, error: "LOCAL", detail: doubt }
    return {
      ...base,
      next,
      records,
      release: memory.lend(decoded),
      ...(unreadable.length === 0 ? {} : { unreadable })
    }
  } catch (error) {
    // Nothing was said about the bytes: they are asked for again.
    return { ...base, error: "LOCAL", detail: String(error) }
  }
}

/** Throws RangeError on an answer that is cut off. */
const split = (payload: Buffer, version: number, requests: ReadonlyArray<FetchRequest>) => {
  const asked = new Map(requests.map((request) => [partitionKey(request.tp), request]))
  const partitions: Array<PartitionAnswer> = []
  const throttle = payload.readInt32BE(0)
  let at = 4
  let errorCode = 0
  if (version >= 7) {
    errorCode = payload.readInt16BE(at)
    at += 6
  }
  const topics = payload.readInt32BE(at)
  at += 4
  for (let t = 0; t < topics; t++) {
    const length = payload.readInt16BE(at)
    const topic = payload.toString("utf8", at + 2, at + 2 + length)
    at += 2 + length
    const count = payload.readInt32BE(at)
    at += 4
    for (let p = 0; p < count; p++) {
      const partition = payload.readInt32BE(at)
      const partitionError = payload.readInt16BE(at + 4)
      const stableEnd = int64(payload, at + 14)
      at += 22 + (version >= 5 ? 8 : 0)
      const aborted: Array<Aborted> = []
      const abortedCount = payload.readInt32BE(at)
      at += 4
      for (let a = 0; a < abortedCount; a++, at += 16)
        aborted.push({ producerId: int64(payload, at), firstOffset: int64(payload, at + 8) })
      if (version >= 11) at += 4
      const size = Math.max(0, payload.readInt32BE(at))
      at += 4
      if (size > payload.length - at) throw new RangeError("the answer is cut off")
      const request = asked.get(partitionKey({ topic, partition }))
      if (request !== undefined)
        partitions.push({
          request,
          errorCode: partitionError,
          stableEnd,
          aborted,
          bytes: payload.subarray(at, at + size)
        })
      at += size
    }
  }
  return { errorCode, throttle, partitions }
}
