/**
 * Producer over Kafka: one call at a time, one request at a time to each leader, so that records keep their order within a
 * partition whatever fails. A request stays under MAX_REQUEST bytes (Event Hubs hangs up at 1,046,528) unless a single
 * record is larger. What may succeed later is tried again, RETRIES times, with the same records; then the caller is told.
 */
import { Effect, Semaphore } from "effect"
import {
  type Acks,
  type Compression,
  type OutgoingRecord,
  type Producer,
  partitionKey,
  type TopicPartition,
  type TransportError
} from "../Transport.ts"
import { failed, refused } from "./connection/Errors.ts"
import { showAddress } from "./connection/KafkaOptions.ts"
import type { Links } from "./connection/Links.ts"
import { compressionCode } from "./records/Codecs.ts"
import { topicInfos } from "./Topics.ts"

const MAX_REQUEST = 1_000_000
const RETRIES = 5
const FIRST_PAUSE_MS = 100
/** What Kafka adds to a record at most, headers apart. */
const RECORD_OVERHEAD = 40
const ACKS: Readonly<Record<string, number>> = { "0": 0, "1": 1, all: -1 }

/** What one partition still has to send, in order. */
interface Outbox {
  readonly tp: TopicPartition
  records: ReadonlyArray<OutgoingRecord>
}

/** The front of an outbox that goes into the next request. */
interface Parcel {
  readonly outbox: Outbox
  readonly records: ReadonlyArray<OutgoingRecord>
}

const sizeOf = (record: OutgoingRecord): number => {
  let size = RECORD_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const name in record.headers) size += name.length * 3 + 10 + record.headers[name]!.length
  return size
}

const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const outboxes = (records: ReadonlyArray<OutgoingRecord>): Map<string, Outbox> => {
  const byPartition = new Map<string, { tp: TopicPartition; records: Array<OutgoingRecord> }>()
  for (const record of records) {
    const key = partitionKey(record)
    const outbox = byPartition.get(key)
    if (outbox === undefined)
      byPartition.set(key, { tp: { topic: record.topic, partition: record.partition }, records: [record] })
    else outbox.records.push(record)
  }
  return byPartition
}

/** The next request to one leader: fronts of its partitions' outboxes, together at most `max` bytes or one record. */
export const pack = (boxes: ReadonlyArray<Outbox>, max: number): ReadonlyArray<Parcel> => {
  const parcels: Array<Parcel> = []
  let total = 0
  for (const outbox of boxes) {
    let count = 0
    for (; count < outbox.records.length; count++) {
      const size = sizeOf(outbox.records[count]!)
      if (total > 0 && total + size > max) break
      total += size
    }
    if (count > 0) parcels.push({ outbox, records: outbox.records.slice(0, count) })
    if (total >= max) break
  }
  return parcels
}

export const makeProducer = (
  links: Links,
  options: { readonly acks: Acks; readonly compression: Compression; readonly timeout: number }
): Producer => {
  /** By partition key; a partition is forgotten when its leader disowns it. */
  const leaders = new Map<string, number>()
  const oneCall = Semaphore.makeUnsafe(1)

  const learn = async (missing: ReadonlyArray<TopicPartition>): Promise<void> => {
    const topics = [...new Set(missing.map(({ topic }) => topic))]
    for (const { topic, partitions } of topicInfos(topics, await links.metadata(topics)))
      for (const { partition, leader } of partitions)
        if (leader >= 0) leaders.set(partitionKey({ topic, partition }), leader)
        else leaders.delete(partitionKey({ topic, partition }))
  }

  /** One request. Sent parcels leave their outboxes; the worst of the refusals is returned, not thrown. */
  const send = async (node: number, parcels: ReadonlyArray<Parcel>): Promise<TransportError | undefined> => {
    const byTopic = new Map<string, Array<Parcel>>()
    for (const parcel of parcels)
      byTopic.set(parcel.outbox.tp.topic, [...(byTopic.get(parcel.outbox.tp.topic) ?? []), parcel])
    const address = links.node(node)
    if (address === undefined) {
      for (const { outbox } of parcels) leaders.delete(partitionKey(outbox.tp))
      return failed("produce", "NOT_LEADER", `node ${node} is not in the cluster`)
    }
    let worst: TransportError | undefined
    try {
      const answer = await links.get("produce", address).request("produce", "Produce", {
        acks: ACKS[String(options.acks)]!,
        timeout: options.timeout,
        compression: compressionCode[options.compression],
        topicData: [...byTopic].map(([topic, ofTopic]) => ({
          topic,
          partitions: ofTopic.map(({ outbox, records }) => ({
            partition: outbox.tp.partition,
            messages: records.map(({ key, value, headers }) => ({
              key: key === null ? null : buffer(key),
              value: value === null ? null : buffer(value),
              headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, buffer(bytes)]))
            }))
          }))
        }))
      })
      const refusals = new Map<string, TransportError>()
      for (const { topicName, partitions } of answer?.topics ?? [])
        for (const { partition, errorCode } of partitions) {
          const key = partitionKey({ topic: topicName, partition })
          if (errorCode !== 0) refusals.set(key, refused("produce", errorCode, `${showAddress(address)} for ${key}`))
        }
      for (const { outbox, records } of parcels) {
        const refusal = refusals.get(partitionKey(outbox.tp))
        if (refusal === undefined) outbox.records = outbox.records.slice(records.length)
        else {
          leaders.delete(partitionKey(outbox.tp))
          if (worst === undefined || worst.retriable) worst = refusal
        }
      }
    } catch (error) {
      // The leader may be gone: the next round asks who leads now.
      for (const { outbox } of parcels) leaders.delete(partitionKey(outbox.tp))
      worst = error as TransportError
    }
    return worst
  }

  /** One request to each leader that something is left for. Undefined when all of them took it. */
  const round = async (boxes: ReadonlyMap<string, Outbox>): Promise<TransportError | undefined> => {
    const left = [...boxes.values()].filter(({ records }) => records.length > 0)
    const missing = left.filter(({ tp }) => !leaders.has(partitionKey(tp)))
    if (missing.length > 0)
      try {
        await learn(missing.map(({ tp }) => tp))
      } catch (error) {
        return error as TransportError
      }
    const byLeader = new Map<number, Array<Outbox>>()
    let unled: TransportError | undefined
    for (const outbox of left) {
      const key = partitionKey(outbox.tp)
      const leader = leaders.get(key)
      if (leader === undefined) unled = failed("produce", "NOT_LEADER", `${key} has no leader now, or does not exist`)
      else byLeader.set(leader, [...(byLeader.get(leader) ?? []), outbox])
    }
    const answers = await Promise.all([...byLeader].map(([node, mine]) => send(node, pack(mine, MAX_REQUEST))))
    return [...answers, unled].reduce((worst, next) =>
      worst === undefined || worst.retriable ? (next ?? worst) : worst
    )
  }

  const produce = Effect.fnUntraced(function* (records: ReadonlyArray<OutgoingRecord>) {
    const boxes = outboxes(records)
    let failures = 0
    while ([...boxes.values()].some((outbox) => outbox.records.length > 0)) {
      const failure = yield* Effect.promise(() => round(boxes))
      if (failure === undefined) {
        failures = 0
        continue
      }
      if (!failure.retriable || failures === RETRIES) return yield* failure
      yield* Effect.sleep(FIRST_PAUSE_MS * 2 ** failures++)
    }
  })

  return {
    produce: (records) => oneCall.withPermits(1)(produce(records)),
    metadata: (topics) =>
      Effect.tryPromise({
        try: async () => (topics.length === 0 ? [] : topicInfos(topics, await links.metadata(topics))),
        catch: (error) => error as TransportError
      })
  }
}
