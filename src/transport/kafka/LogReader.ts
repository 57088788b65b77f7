/**
 * LogReader: what a group's client asks the partitions' leaders: records, offsets, and where everything is. Each method is one
 * question, put once; long polls have a connection of their own to each broker, fetches that do not wait another one. What cannot
 * be read is reported, never skipped.
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
import { failed, refused } from "./Errors.ts"
import { decodeFetch, type FetchAnswer } from "./FetchAnswer.ts"
import { Growth } from "./Growth.ts"
import { showAddress } from "./KafkaOptions.ts"
import type { Links } from "./Links.ts"
import { encode } from "./Protocol.ts"
import { Together } from "./Together.ts"
import { topicInfos } from "./Topics.ts"

const NO_OFFSET = -1
const LATEST = "-1"
const EARLIEST = "-2"

/** Told of bytes that nobody can read. */
export type Unreadable = (tp: TopicPartition, offset: number, reason: string) => void

export class LogReader {
  readonly links: Links
  readonly #unreadable: Unreadable
  readonly #growth = new Growth()
  #turn = 0
  readonly #offsets = new Together((tps, timestamp) => this.#listOffsets(tps, timestamp))

  constructor(links: Links, unreadable: Unreadable) {
    this.links = links
    this.#unreadable = unreadable
  }

  async fetch(
    node: number,
    requests: ReadonlyArray<FetchRequest>,
    options: { readonly maxWait: number; readonly maxBytes: number; readonly maxBytesPerPartition: number }
  ): Promise<ReadonlyArray<Fetched>> {
    if (requests.length === 0) return []
    if (this.links.node(node) === undefined) await this.links.metadata([...new Set(requests.map(({ tp }) => tp.topic))])
    const address = this.links.node(node)
    if (address === undefined) throw failed("fetch", "CONNECTION", `node ${node} is not in the cluster`)
    // The broker fills the answer in the order asked for: who is first must change, or the last ones starve.
    const start = this.#turn++ % requests.length
    const turned = start === 0 ? requests : [...requests.slice(start), ...requests.slice(0, start)]
    const role = options.maxWait > 0 ? "fetch" : "read"
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
          maxBytes: this.#growth.stored(options.maxBytesPerPartition)
        }))
      })
      const version = request.request.apiVersion
      if (version < 4) throw failed("fetch", "OTHER", `${showAddress(address)} is older than Kafka 0.11`, false)
      return {
        ...request,
        response: {
          decode: (payload) =>
            decodeFetch(payload, version, requests, ({ tp, offset }, reason) => this.#unreadable(tp, offset, reason)),
          parse: (decoded) => decoded
        }
      }
    })) as FetchAnswer
    if (answer.errorCode !== 0) throw refused("fetch", answer.errorCode, `node ${node}`)
    this.#growth.saw(answer.stored, answer.unpacked)
    return answer.fetched
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
