/**
 * Topics: the data side of the embedded broker: topics, their partitions' logs and leaders, and the fetches that wait
 * for data. Appends wake them; so does every change that would change their answer.
 *
 * A partition's records are in one log and in the order of the appends. Retention is applied when a partition is
 * written or read, so a quiet one holds at most its bound in bytes.
 */
import {
  type At,
  type FetchErrorCode,
  type Fetched,
  type FetchRequest,
  type LogIdentity,
  type LogRecord,
  type OutgoingRecord,
  partitionKey,
  type TopicInfo,
  type TopicPartition
} from "../Transport.ts"
import { type Answer, answered, done, type Refused, type Reply, refused } from "./Answer.ts"
import { PartitionLog, RECORD_OVERHEAD, type Retention, recordBytes } from "./PartitionLog.ts"
import type { Timers } from "./Timers.ts"

/** How a topic of the log in memory keeps records: bytes, ms, and whose timestamps they have. @experimental */
export interface TopicSettings {
  /** Of each partition. */
  readonly retention: Retention
  /** A larger record is refused with MESSAGE_TOO_LARGE. */
  readonly maxRecordBytes: number
  /** What the senders stamp their records with (CreateTime), given the true time; undefined: the broker's time (LogAppendTime). */
  readonly sendersTime: ((record: OutgoingRecord, now: number) => number) | undefined
}

export interface FetchOptions {
  readonly maxWait: number
  readonly maxBytes: number
  readonly maxBytesPerPartition: number
  /** A longer record comes without its value. */
  readonly maxRecordBytes: number
}

interface Partition {
  log: PartitionLog
  leader: number
  readonly waiting: Set<() => void>
}

interface Topic {
  /** Another one after it was made anew. */
  id: number
  readonly settings: TopicSettings
  readonly partitions: Array<Partition>
}

export class Topics {
  readonly nodes: ReadonlyArray<number>
  /** Of logs that are gone. */
  #before = { appended: 0, expired: 0 }
  #waiting = 0
  readonly #topics = new Map<string, Topic>()
  readonly #timers: Timers
  #ids = 0
  readonly #tellsIds: boolean

  /** `tellsIds`: clients learn the topics' ids, as from Kafka 2.8 on. */
  constructor(nodes: number, timers: Timers, tellsIds = true) {
    this.#tellsIds = tellsIds
    this.nodes = Array.from({ length: nodes }, (_, i) => i + 1)
    this.#timers = timers
  }

  create(name: string, partitions: number, settings: TopicSettings): void {
    if (this.#topics.has(name)) throw new Error(`topic ${name} exists already`)
    this.#topics.set(name, { id: ++this.#ids, settings, partitions: [] })
    this.grow(name, partitions)
  }

  grow(name: string, partitions: number): void {
    const topic = this.topic(name)
    for (let p = topic.partitions.length; p < partitions; p++) {
      const leader = this.nodes[p % this.nodes.length]!
      topic.partitions.push({ log: new PartitionLog(), leader, waiting: new Set() })
    }
  }

  /** The topic is deleted and made anew under its name: every log starts at 0. */
  recreate(name: string): void {
    const topic = this.topic(name)
    topic.id = ++this.#ids
    for (const partition of topic.partitions) {
      this.#before.appended += partition.log.appended
      this.#before.expired += partition.log.expired
      partition.log = new PartitionLog()
      this.#wake(partition)
    }
  }

  change(tp: TopicPartition, f: (log: PartitionLog) => void): void {
    const partition = this.partition(tp)
    f(partition.log)
    this.#wake(partition)
  }

  /** -1: the partition has no leader now. */
  setLeader(tp: TopicPartition, node: number): void {
    const partition = this.partition(tp)
    partition.leader = node
    this.#wake(partition)
  }

  topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw new Error(`there is no topic ${name}`)
    return topic
  }

  partition(tp: TopicPartition): Partition {
    const partition = this.find(tp)
    if (partition === undefined) throw new Error(`there is no partition ${partitionKey(tp)}`)
    return partition
  }

  find(tp: TopicPartition): Partition | undefined {
    return this.#topics.get(tp.topic)?.partitions[tp.partition]
  }

  /** A partition that refuses does so for all its records of the call; the others are appended. */
  append(records: ReadonlyArray<OutgoingRecord>): Answer<void> {
    const refusals = new Map<string, Refused>()
    const sizes = records.map(recordBytes)
    records.forEach((record, i) => {
      const limit = this.#topics.get(record.topic)?.settings.maxRecordBytes
      const refusal = this.#appendRefusal(record, sizes[i]!, limit)
      if (refusal !== null && !refusals.has(partitionKey(record))) refusals.set(partitionKey(record), refusal)
    })
    const now = this.#timers.wallNow()
    const touched = new Map<Partition, Retention>()
    const batches = new Map<Partition, ReturnType<PartitionLog["beginBatch"]>>()
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!
      if (refusals.size > 0 && refusals.has(partitionKey(record))) continue
      const partition = this.partition(record)
      const { retention, sendersTime } = this.topic(record.topic).settings
      const stamp = sendersTime?.(record, now) ?? now
      if (!batches.has(partition)) batches.set(partition, partition.log.beginBatch())
      partition.log.append(record, stamp, sizes[i]!, sendersTime !== undefined, batches.get(partition))
      if (!touched.has(partition)) touched.set(partition, retention)
    }
    for (const [partition, retention] of touched) partition.log.retain(retention, now)
    for (const partition of touched.keys()) this.#wake(partition)
    for (const refusal of refusals.values()) return refusal
    return done
  }

  #appendRefusal(tp: TopicPartition, bytes: number, limit: number | undefined): Refused | null {
    const partition = this.find(tp)
    if (partition === undefined || limit === undefined) return refused("UNKNOWN_TOPIC_OR_PARTITION", partitionKey(tp))
    if (partition.leader === -1) return refused("NOT_LEADER", `${partitionKey(tp)} has no leader`)
    if (bytes <= limit) return null
    return refused("MESSAGE_TOO_LARGE", `a record of ${bytes} bytes for ${partitionKey(tp)}, which takes ${limit}`)
  }

  /** Answers at once where there is data or a partition failed, else when that changes or `maxWait` is over. Returns how to give it up. */
  fetch(
    node: number,
    requests: ReadonlyArray<FetchRequest>,
    options: FetchOptions,
    reply: Reply<ReadonlyArray<Fetched>>
  ): () => void {
    const first = this.#read(node, requests, options)
    if (options.maxWait <= 0 || isDue(first)) {
      reply(answered(first))
      return () => {}
    }
    const partitions = requests.map((request) => this.partition(request.tp))
    const drop = () => {
      for (const partition of partitions) partition.waiting.delete(wake)
      cancel()
      this.#waiting--
    }
    const answer = (fetched: ReadonlyArray<Fetched>) => {
      drop()
      reply(answered(fetched))
    }
    const wake = () => {
      const fetched = this.#read(node, requests, options)
      if (isDue(fetched)) answer(fetched)
    }
    for (const partition of partitions) partition.waiting.add(wake)
    this.#waiting++
    const cancel = this.#timers.after(options.maxWait, () => answer(this.#read(node, requests, options)))
    return () => {
      if (partitions.some((partition) => partition.waiting.has(wake))) drop()
    }
  }

  #read(node: number, requests: ReadonlyArray<FetchRequest>, options: FetchOptions): ReadonlyArray<Fetched> {
    let room = options.maxBytes
    // As Kafka does: only the first partition with data may exceed the limits, so that the fetch makes progress.
    let atLeastOne = true
    return requests.map(({ offset, tp }): Fetched => {
      const partition = this.find(tp)
      const failed = (error: FetchErrorCode): Fetched => ({
        tp,
        from: offset,
        next: offset,
        records: [],
        highWatermark: -1,
        error
      })
      if (partition === undefined) return failed("UNKNOWN_TOPIC_OR_PARTITION")
      if (partition.leader !== node) return failed("NOT_LEADER")
      const { log } = this.#retained(tp, partition)
      if (offset < log.start || offset > log.end) return failed("OFFSET_OUT_OF_RANGE")
      const read = log.read(offset, Math.min(options.maxBytesPerPartition, room), atLeastOne)
      if (read.next > offset) atLeastOne = false
      room = Math.max(room - read.bytes, 0)
      const records = read.records.map((record) => bounded(record, options.maxRecordBytes))
      const broken = read.unreadable.length === 0 ? {} : { unreadable: read.unreadable }
      return { tp, from: offset, next: read.next, records, highWatermark: log.end, ...broken }
    })
  }

  offsets(tps: ReadonlyArray<TopicPartition>, at: At): Answer<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    for (const tp of tps) {
      const partition = this.find(tp)
      if (partition === undefined) return refused("UNKNOWN_TOPIC_OR_PARTITION", partitionKey(tp))
      if (partition.leader === -1) return refused("NOT_LEADER", `${partitionKey(tp)} has no leader`)
      const { log } = this.#retained(tp, partition)
      const offset = at === "start" ? log.start : at === "end" ? log.end : log.offsetFor(at.timestamp)
      found.set(partitionKey(tp), offset)
    }
    return answered(found)
  }

  metadata(names: ReadonlyArray<string>): Answer<ReadonlyArray<TopicInfo>> {
    const infos: Array<TopicInfo> = []
    for (const name of names) {
      const topic = this.#topics.get(name)
      if (topic === undefined) return refused("UNKNOWN_TOPIC_OR_PARTITION", name)
      infos.push({
        topic: name,
        partitions: topic.partitions.map(({ leader }, partition) => ({ partition, leader }))
      })
    }
    return answered(infos)
  }

  identify(name: string): Answer<LogIdentity> {
    const topic = this.#topics.get(name)
    if (topic === undefined) return refused("UNKNOWN_TOPIC_OR_PARTITION", name)
    return answered({ cluster: "embedded", topicId: this.#tellsIds ? String(topic.id) : null })
  }

  /** Over all partitions, those of recreated topics included where they are counts. */
  totals() {
    const totals = { ...this.#before, bytes: 0, waitingFetches: this.#waiting }
    for (const topic of this.#topics.values()) {
      for (const { log } of topic.partitions) {
        totals.appended += log.appended
        totals.expired += log.expired
        totals.bytes += log.bytes
      }
    }
    return totals
  }

  #retained(tp: TopicPartition, partition: Partition): Partition {
    partition.log.retain(this.topic(tp.topic).settings.retention, this.#timers.wallNow())
    return partition
  }

  #wake(partition: Partition): void {
    for (const wake of [...partition.waiting]) wake()
  }
}

const isDue = (fetched: ReadonlyArray<Fetched>): boolean =>
  fetched.some((f) => f.next > f.from || f.error !== undefined)

/** What all of it takes is what counts, as in Kafka's batches. */
const bounded = (record: LogRecord, maxRecordBytes: number): LogRecord =>
  recordBytes(record) - RECORD_OVERHEAD > maxRecordBytes
    ? { ...record, value: null, tooLarge: record.value?.length ?? 0 }
    : record
