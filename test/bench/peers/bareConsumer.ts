/**
 * A bare consumer, as a process: reads the topic from its beginning, looks at each value's length and throws it away; says what it used
 * once it has read all records. Each client with the settings with which it is cheapest: answers as large as the pod asks for,
 * decompression in place (the trip to the thread pool costs more CPU), no commits.
 *
 * Its argument is the work as JSON: see `Work`.
 */
import { pathToFileURL } from "node:url"
import { gunzipSync, zstdDecompressSync } from "node:zlib"
import { Effect } from "effect"
import kafkajs from "kafkajs"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import { partitionKey, Transport } from "../../../src/transport/Transport.ts"
import "../../../src/transport/kafka/connection/RequestQueuePatch.ts"
import { ownUsage } from "../usage.ts"

interface Work {
  readonly client: string
  readonly brokers: ReadonlyArray<string>
  readonly topic: string
  readonly group: string
  readonly partitions: number
  readonly records: number
  readonly ends: ReadonlyArray<readonly [partition: number, end: number]>
  /** Where the client is installed, where it is no dependency. */
  readonly folder: string
}

const work = JSON.parse(process.argv[2]!) as Work
const MiB = 1024 * 1024
let [left, bytes] = [work.records, 0]

const done = (): void => {
  process.stdout.write(`used ${JSON.stringify({ ...ownUsage(), bytes })}\n`)
  // Whoever started it ends it.
}

const take = (count: number, size: number): void => {
  if (left <= 0) return
  left -= count
  bytes += size
  if (left <= 0) done()
}

const withTransport = (): Promise<void> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const client = yield* transport.groupClient({ group: work.group, clientId: "bare" })
    const [topic] = yield* client.metadata([work.topic])
    const ends = new Map(work.ends)
    const offsets = new Map(topic!.partitions.map(({ partition }) => [partition, 0]))
    const nodes = new Set(topic!.partitions.map(({ leader }) => leader))
    if (work.records === 0) done()
    let turn = 0
    while (left > 0)
      for (const node of nodes) {
        const mine = topic!.partitions.filter(
          (p) => p.leader === node && offsets.get(p.partition)! < ends.get(p.partition)!
        )
        const requests = mine.map((_, i) => {
          const { partition } = mine[(i + turn) % mine.length]!
          return { tp: { topic: work.topic, partition }, offset: offsets.get(partition)! }
        })
        turn += 1
        const answer = yield* client.fetch(node, requests, {
          ...{ maxWait: 250, maxBytes: 8 * MiB, maxBytesPerPartition: MiB }
        })
        for (const { tp, next, records, error, release } of answer) {
          if (error !== undefined) throw new Error(`${partitionKey(tp)}: ${error}`)
          offsets.set(tp.partition, next)
          let size = 0
          for (const { value } of records) size += value?.length ?? 0
          take(records.length, size)
          release?.()
        }
      }
    return yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.provide(
      KafkaTransport.layer({
        brokers: work.brokers,
        clientId: "bare",
        connectionTimeout: 5_000,
        requestTimeout: 30_000
      })
    ),
    Effect.runPromise
  )

const withKafkajs = async (): Promise<void> => {
  const inPlace = (unpack: (packed: Buffer) => Buffer) => () => ({
    compress: () => Promise.reject(new Error("this one only reads")),
    decompress: async (packed: Buffer) => unpack(packed)
  })
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.GZIP] = inPlace((packed) => gunzipSync(packed))
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = inPlace((packed) => zstdDecompressSync(packed))
  const kafka = new kafkajs.Kafka({ brokers: [...work.brokers], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = kafka.consumer({
    groupId: work.group,
    maxBytesPerPartition: MiB,
    maxBytes: 8 * MiB,
    maxWaitTimeInMs: 250
  })
  await consumer.connect()
  await consumer.subscribe({ topic: work.topic, fromBeginning: true })
  consumer.on(consumer.events.GROUP_JOIN, () => {
    if (work.records === 0) done()
  })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch: { messages } }) => {
      let size = 0
      for (const { value } of messages) size += value?.length ?? 0
      take(messages.length, size)
    }
  })
}

/** What is used of it. */
interface Platformatic {
  readonly Consumer: new (
    options: object
  ) => {
    readonly consume: (options: object) => Promise<{
      readonly on: (event: "data" | "error", listener: (message: { readonly value: Buffer }) => void) => void
    }>
  }
}

const withPlatformatic = async (): Promise<void> => {
  const { Consumer } = (await import(pathToFileURL(work.folder).href)) as Platformatic
  const consumer = new Consumer({ groupId: work.group, clientId: "bare", bootstrapBrokers: work.brokers })
  const stream = await consumer.consume({
    ...{ topics: [work.topic], mode: "earliest", autocommit: false, maxWaitTime: 250, maxBytes: MiB }
  })
  stream.on("error", (error) => {
    throw error
  })
  if (work.records === 0) done()
  stream.on("data", ({ value }) => take(1, value.length))
}

const clients: Readonly<Record<string, () => Promise<void>>> = {
  transport: withTransport,
  kafkajs: withKafkajs,
  platformatic: withPlatformatic
}
await clients[work.client]!()
