/**
 * LogReader: what a group's client asks the partitions' leaders: records, offsets, and where everything is. Each method is one
 * question, put once; long polls have a connection of their own to each broker, fetches that do not wait another one. A batch that was read
 * in part is read on from what is kept of it, without asking the broker.
 */
import {
  type At,
  type Fetched,
  type FetchRequest,
  partitionKey,
  type TopicInfo,
  type TopicPartition
} from "../Transport.ts"
import { byTopic } from "./ByTopic.ts"
import { failed, refused } from "./connection/Errors.ts"
import { showAddress } from "./connection/KafkaOptions.ts"
import type { Links } from "./connection/Links.ts"
import { encode } from "./connection/Protocol.ts"
import { free } from "./records/AnswerMemory.ts"
import { Cursors } from "./records/Cursors.ts"
import { decodeFetch, type FetchAnswer, type Reading } from "./records/FetchAnswer.ts"
import { Growth, LEAST_STORED } from "./records/Growth.ts"
import { MAX_PARTITION, type Room, readInRoom } from "./records/RecordBatch.ts"
import { Together } from "./Together.ts"
import { topicInfos } from "./Topics.ts"

const NO_OFFSET = -1
const LATEST = "-1"
const EARLIEST = "-2"

/** Bytes that may be made of one answer by unpacking: four partitions' worth at a time, the others come in the next ones. */
const ROOM = 4 * MAX_PARTITION

interface Limits {
  readonly maxWait: number
  readonly maxBytes: number
  readonly maxBytesPerPartition: number
}

export class LogReader {
  readonly links: Links
  readonly #maxRecordBytes: number
  /** Of whole answers, and of each partition. */
  readonly #growth = new Growth(4 * LEAST_STORED)
  readonly #growths = new Map<string, Growth>()
  readonly #cursors = new Cursors()
  /** Bytes that were found to be broken once: whether they are comes out when they are asked for again. */
  readonly #doubted = new Map<string, string>()
  #turn = 0
  readonly #offsets = new Together((tps, timestamp) => this.#listOffsets(tps, timestamp))

  constructor(links: Links, maxRecordBytes: number) {
    this.links = links
    this.#maxRecordBytes = maxRecordBytes
  }

  async fetch(node: number, requests: ReadonlyArray<FetchRequest>, options: Limits): Promise<ReadonlyArray<Fetched>> {
    if (requests.length === 0) return []
    const room: Room = { left: ROOM, atOnce: 0 }
    const begun = requests.flatMap((request) => {
      const kept = this.#cursors.take(request.tp, request.offset)
      return kept === undefined ? [] : [{ request, kept }]
    })
    if (begun.length === 0) return this.#ask(node, requests, options, room)
    // What is here already is not kept waiting for what may come.
    const others = requests.filter((request) => !begun.some((b) => b.request === request))
    const asking = this.#ask(node, others, { ...options, maxWait: 0 }, room).catch((error: unknown) => {
      // The next request says it again, for those that it is about.
      if (others.length === 0) throw error
      return []
    })
    const portions: Array<Fetched> = []
    for (const { request, kept } of begun) {
      if (room.left > 0) portions.push(await this.#readOn(request, kept, room))
      else this.#cursors.keep(request.tp, kept)
    }
    return [...portions, ...(await asking)]
  }

  forget(tp: TopicPartition): void {
    const key = partitionKey(tp)
    this.#cursors.forget(tp)
    this.#growths.delete(key)
    this.#doubted.delete(key)
  }

  close(): void {
    this.#cursors.close()
  }

  async #readOn(
    { offset, tp }: FetchRequest,
    kept: NonNullable<ReturnType<Cursors["take"]>>,
    room: Room
  ): Promise<Fetched> {
    const { cursor, highWatermark } = kept
    const base = { tp, from: offset, next: offset, records: [], highWatermark }
    try {
      const { done, next, records, slabs, unreadable } = await readInRoom(cursor, MAX_PARTITION, room)
      if (!done) this.#cursors.keep(tp, kept)
      const release = () => {
        for (const slab of slabs) free(slab)
      }
      return { ...base, next, records, release, ...(unreadable === undefined ? {} : { unreadable: [unreadable] }) }
    } catch (error) {
      return { ...base, error: "LOCAL", detail: String(error) }
    }
  }

  async #ask(
    node: number,
    requests: ReadonlyArray<FetchRequest>,
    options: Limits,
    room: Room
  ): Promise<ReadonlyArray<Fetched>> {
    if (requests.length === 0) return []
    if (this.links.node(node) === undefined) await this.links.metadata([...new Set(requests.map(({ tp }) => tp.topic))])
    const address = this.links.node(node)
    if (address === undefined) throw failed("fetch", "CONNECTION", `node ${node} is not in the cluster`)
    // The broker fills the answer in the order asked for: who is first must change, or the last ones starve.
    const start = this.#turn++ % requests.length
    const turned = start === 0 ? requests : [...requests.slice(start), ...requests.slice(0, start)]
    const role = options.maxWait > 0 ? "fetch" : "read"
    const whole = { stored: 0, unpacked: 0, records: 0 }
    const reading: Reading = {
      maxRecordBytes: this.#maxRecordBytes,
      cursors: this.#cursors,
      room,
      confirmed: (tp, base, fingerprint) => this.#confirmed(tp, `${base} ${fingerprint}`),
      saw: (tp, stored, unpacked, records) => {
        this.#growthOf(tp).saw(stored, unpacked, records)
        whole.stored += stored
        whole.unpacked += unpacked
        whole.records += records
      }
    }
    const answer = (await this.links.get(role, address).exchange("fetch", (versions) => {
      const request = encode(versions, "Fetch", {
        isolationLevel: 1,
        maxWaitTime: options.maxWait,
        minBytes: 1,
        maxBytes: this.#growth.stored(options.maxBytes),
        rackId: "",
        topics: byTopic(turned, ({ tp, offset }) => ({
          partition: tp.partition,
          fetchOffset: String(offset),
          maxBytes: this.#growthOf(tp).stored(options.maxBytesPerPartition)
        }))
      })
      const version = request.request.apiVersion
      if (version < 4) throw failed("fetch", "OTHER", `${showAddress(address)} is older than Kafka 0.11`, false)
      return {
        ...request,
        response: {
          decode: (payload) => decodeFetch(payload, version, requests, reading),
          parse: (decoded) => decoded
        }
      }
    })) as FetchAnswer
    if (answer.errorCode !== 0) throw refused("fetch", answer.errorCode, `node ${node}`)
    this.#growth.saw(whole.stored, whole.unpacked, whole.records)
    return answer.fetched
  }

  #growthOf(tp: TopicPartition): Growth {
    const key = partitionKey(tp)
    const growth = this.#growths.get(key) ?? new Growth()
    this.#growths.set(key, growth)
    return growth
  }

  /** Of one partition the latest doubt is remembered. */
  #confirmed(tp: TopicPartition, doubt: string): boolean {
    const key = partitionKey(tp)
    if (this.#doubted.get(key) === doubt) {
      this.#doubted.delete(key)
      return true
    }
    this.#doubted.set(key, doubt)
    return false
  }

  offsets(tps: ReadonlyArray<TopicPartition>, at: At): Promise<ReadonlyMap<string, number>> {
    return this.#offsets.ask(tps, at === "start" ? EARLIEST : at === "end" ? LATEST : String(at.timestamp))
  }

  async #listOffsets(tps: ReadonlyArray<TopicPartition>, timestamp: string): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    const leaders = new Map<string, number>()
    for (const { topic, partitions } of await this.metadata([...new Set(tps.map(({ topic }) => topic))]))
      for (const { partition, leader } of partitions) leaders.set(partitionKey({ topic, partition }), leader)
    const byNode = new Map<number, Array<TopicPartition>>()
    for (const tp of tps) {
      const key = partitionKey(tp)
      const leader = leaders.get(key)
      if (leader === undefined) throw failed("listOffsets", "UNKNOWN_TOPIC_OR_PARTITION", `${key} does not exist`)
      if (leader < 0) throw failed("listOffsets", "NOT_LEADER", `${key} has no leader now`)
      const there = byNode.get(leader)
      if (there === undefined) byNode.set(leader, [tp])
      else there.push(tp)
    }
    const ask = async (node: number, wanted: ReadonlyArray<TopicPartition>, time: string): Promise<void> => {
      const none: Array<TopicPartition> = []
      const address = this.links.node(node)
      if (address === undefined) throw failed("listOffsets", "NOT_LEADER", `node ${node} is not in the cluster`)
      const answer = await this.links.get("control", address).request("listOffsets", "ListOffsets", {
        isolationLevel: 1,
        topics: byTopic(
          wanted.map((tp) => ({ tp })),
          ({ tp }) => ({ partition: tp.partition, timestamp: time })
        )
      })
      for (const { topic, partitions } of answer.responses)
        for (const { partition, errorCode, offset } of partitions) {
          const tp = { topic, partition }
          if (errorCode !== 0) throw refused("listOffsets", errorCode, `node ${node} for ${partitionKey(tp)}`)
          if (Number(offset) === NO_OFFSET) none.push(tp)
          else found.set(partitionKey(tp), Number(offset))
        }
      if (none.length > 0) await ask(node, none, LATEST)
    }
    await Promise.all([...byNode].map(([node, wanted]) => ask(node, wanted, timestamp)))
    return found
  }

  async metadata(topics: ReadonlyArray<string>): Promise<ReadonlyArray<TopicInfo>> {
    // To Kafka no topics means all of them.
    if (topics.length === 0) return []
    return topicInfos(topics, await this.links.metadata(topics))
  }
}
