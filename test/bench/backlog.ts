/**
 * Backlog: a topic filled with sources of one shape (`dumps/shapes.ts`), compressed or not, and what must be shown of it in the end: the newest
 * round of every source. Filled before anyone reads it (`fillTopic`), or in parts while a reader is there (`openTopic`). Batches are
 * made in one place and sent in one of two ways: by this project's own producer (any other writes the same bytes), or `atOnce`, in one
 * transaction of kafkajs' producer: readers of committed data get none of it, then all.
 *
 * Batches are as senders make them: an agent sends a dump when it is written, so whole dumps come about one to a record batch;
 * single lines come a thousand to a batch, which is kind to every reader (and the more so to clients with a high price per batch).
 */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { Effect } from "effect"
import kafkajs from "kafkajs"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { type Compression, type OutgoingRecord, Transport } from "../../src/transport/Transport.ts"
import type { KafkaCluster } from "../support/kafka.ts"
import { sourceName } from "./dumps/mixed.ts"
import { headersOf, type Shape, shapes } from "./dumps/shapes.ts"

export interface TopicSpec {
  readonly topic: string
  readonly shape: Shape
  readonly compression: Compression
  readonly sources: number
  readonly partitions: number
}

export interface BacklogSpec extends TopicSpec {
  readonly rounds: number
}

export interface Backlog extends BacklogSpec {
  readonly records: number
  /** Of the records' values, before compression. */
  readonly bytes: number
  /** By partition: the log's end. */
  readonly ends: ReadonlyMap<number, number>
  /** By source: its newest round's sample lines, as it sent them. */
  readonly newest: ReadonlyMap<string, string>
}

const linesPerBatch = 1_000
const dumpsPerRequest = 8
const transactionTimeout = 300_000

type Records = ReadonlyArray<OutgoingRecord>

const bytes = (text: string): Buffer => Buffer.from(text, "utf8")

/** The sources of a topic, and what was sent of them so far. */
class Sources {
  readonly #spec: TopicSpec
  readonly #sources: ReadonlyArray<() => ReadonlyArray<Buffer>>
  readonly #newest = new Map<string, string>()
  readonly #ends: Map<number, number>
  #rounds = 0
  #records = 0
  #bytes = 0

  constructor(spec: TopicSpec) {
    this.#spec = spec
    this.#sources = Array.from({ length: spec.sources }, (_, i) => shapes[spec.shape].source(i))
    this.#ends = new Map(Array.from({ length: spec.partitions }, (_, partition) => [partition, 0]))
  }

  /** The next rounds of all sources, in batches that count as sent. */
  *batches(rounds: number): Generator<Records> {
    for (let i = 1; i <= rounds; i++) {
      this.#rounds += 1
      for (let at = 0; at < this.#sources.length; at += dumpsPerRequest)
        for (const batch of this.#some(at, i === rounds)) {
          this.#records += batch.length
          for (const { partition, value } of batch) {
            this.#bytes += value!.length
            this.#ends.set(partition, this.#ends.get(partition)! + 1)
          }
          yield batch
        }
    }
  }

  /** A transaction of all partitions was ended: its marker takes an offset of each. */
  marked(): void {
    for (const [partition, end] of this.#ends) this.#ends.set(partition, end + 1)
  }

  sent(): Backlog {
    const [ends, newest] = [new Map(this.#ends), new Map(this.#newest)]
    return { ...this.#spec, rounds: this.#rounds, records: this.#records, bytes: this.#bytes, ends, newest }
  }

  *#some(from: number, last: boolean): Generator<Records> {
    const { topic, shape, partitions } = this.#spec
    const some = this.#sources.slice(from, from + dumpsPerRequest).map((source, i) => {
      const name = sourceName(from + i)
      const values = source()
      if (last) this.#newest.set(name, values.map(String).join(""))
      const of = { topic, partition: (from + i) % partitions, key: bytes(name) }
      const headers = headersOf(shape, `1.${this.#rounds}`)
      return values.map((value) => ({ ...of, value, headers }))
    })
    if (!shapes[shape].singleLines) yield some.flat()
    else
      for (const lines of some)
        for (let i = 0; i < lines.length; i += linesPerBatch) yield lines.slice(i, i + linesPerBatch)
  }
}

/** Taken by the leaders when it returns. */
const produce = async (cluster: KafkaCluster, { compression }: TopicSpec, batches: Iterable<Records>) => {
  const program = Effect.gen(function* () {
    const transport = yield* Transport
    const producer = yield* transport.producer({ clientId: "backlog", acks: 1, compression })
    for (const batch of batches) yield* producer.produce(batch)
  })
  const options = {
    ...{ brokers: cluster.bootstrap, clientId: "backlog" },
    ...{ connectionTimeout: 5_000, requestTimeout: 30_000 }
  }
  await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(KafkaTransport.layer(options))))
}

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs
/** kafkajs knows gzip by itself. */
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { readonly buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (packed: Buffer) => zstdDecompressSync(packed)
})
const compressionTypes = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, zstd: CompressionTypes.ZSTD }

/** Answers what commits. */
const prepare = async (cluster: KafkaCluster, { topic, compression }: TopicSpec, batches: Iterable<Records>) => {
  // What fails is thrown; what it only tries again is not worth a line.
  const client = new Kafka({ brokers: [...cluster.bootstrap], clientId: "backlog", logLevel: logLevel.NOTHING })
  const transactional = { transactionalId: topic, idempotent: true, maxInFlightRequests: 1, transactionTimeout }
  const producer = client.producer(transactional)
  await producer.connect()
  const transaction = await producer.transaction()
  for (const batch of batches) {
    const messages = batch.map(({ partition, key, value, headers }) => ({
      ...{ partition, key: key as Buffer, value: value as Buffer },
      headers: headers as Record<string, Buffer>
    }))
    await transaction.send({ topic, messages, acks: -1, compression: compressionTypes[compression] })
  }
  return async () => {
    await transaction.commit()
    await producer.disconnect()
  }
}

export interface GrowingTopic {
  /** Sends the next rounds of all sources. Answers all that there is now. */
  readonly add: (rounds: number) => Promise<Backlog>
  /** Sends them such that nobody sees them before `commit`; `backlog` is what there is then. The topic must have more sources than partitions. */
  readonly atOnce: (rounds: number) => Promise<{ readonly commit: () => Promise<void>; readonly backlog: Backlog }>
  /** Throws where the log holds something else than what was sent. */
  readonly check: () => Promise<void>
}

/** The topic is made, and empty. */
export const openTopic = async (cluster: KafkaCluster, spec: TopicSpec): Promise<GrowingTopic> => {
  await cluster.createTopic(spec.topic, spec.partitions)
  const sources = new Sources(spec)
  return {
    add: async (rounds) => {
      await produce(cluster, spec, sources.batches(rounds))
      return sources.sent()
    },
    atOnce: async (rounds) => {
      const commit = await prepare(cluster, spec, sources.batches(rounds))
      sources.marked()
      return { commit, backlog: sources.sent() }
    },
    check: async () => {
      const { ends } = sources.sent()
      for (const { partition, high } of await cluster.admin.fetchTopicOffsets(spec.topic))
        if (Number(high) !== ends.get(partition))
          throw new Error(`partition ${partition} of ${spec.topic} ends at ${high}, ${ends.get(partition)} was written`)
    }
  }
}

/** Reads of it never end before `ends`; the topic must not exist. */
export const fillTopic = async (cluster: KafkaCluster, { rounds, ...spec }: BacklogSpec): Promise<Backlog> => {
  const topic = await openTopic(cluster, spec)
  const backlog = await topic.add(rounds)
  await topic.check()
  return backlog
}
