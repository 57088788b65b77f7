/**
 * Backlog: a topic filled before anyone reads it, with whole dumps or with single lines, compressed or not, and what must be shown of
 * it in the end: the newest round of every source. Written with this project's own producer; any other writes the same bytes.
 *
 * Batches are as senders make them: an agent sends a dump when it is written, so whole dumps come about one to a record batch;
 * single lines come a thousand to a batch, which is kind to every reader (and the more so to clients with a high price per batch).
 */
import { Effect } from "effect"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { type Compression, type OutgoingRecord, Transport } from "../../src/transport/Transport.ts"
import type { KafkaCluster } from "../support/kafka.ts"
import { mixedService, sourceName } from "./dumps/mixed.ts"

export type Shape = "dumps" | "lines"

export interface BacklogSpec {
  readonly topic: string
  readonly shape: Shape
  readonly compression: Compression
  readonly sources: number
  readonly rounds: number
  readonly partitions: number
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
export const jobLabel = "checkout"

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8")

/** Reads of it never end before `ends`; the topic must exist and be empty. */
export const fillTopic = async (cluster: KafkaCluster, spec: BacklogSpec): Promise<Backlog> => {
  const { topic, shape, compression, sources, rounds, partitions } = spec
  await cluster.createTopic(topic, partitions)
  const services = Array.from({ length: sources }, (_, i) => mixedService(i, shape === "lines"))
  const newest = new Map<string, string>()
  let [records, size] = [0, 0]

  const batches = function* (): Generator<ReadonlyArray<OutgoingRecord>> {
    for (let round = 1; round <= rounds; round++)
      for (let at = 0; at < sources; at += dumpsPerRequest) {
        const some = services.slice(at, at + dumpsPerRequest).map((service, i) => ({ service, index: at + i }))
        if (shape === "dumps") {
          yield some.map(({ service, index }) => {
            const value = service.round()
            if (round === rounds) newest.set(sourceName(index), value.toString("utf8"))
            return {
              ...{ topic, partition: index % partitions, key: bytes(sourceName(index)), value },
              headers: { "k2p-round": bytes(`1.${round}`), "k2p-labels": bytes(`{"job":"${jobLabel}"}`) }
            }
          })
        } else
          for (const { service, index } of some) {
            const lines = service.lines()
            if (round === rounds) newest.set(sourceName(index), lines.join(""))
            const key = bytes(sourceName(index))
            for (let i = 0; i < lines.length; i += linesPerBatch)
              yield lines
                .slice(i, i + linesPerBatch)
                .map((line) => ({ topic, partition: index % partitions, key, value: bytes(line), headers: {} }))
          }
      }
  }

  const program = Effect.gen(function* () {
    const transport = yield* Transport
    const producer = yield* transport.producer({ clientId: "backlog", acks: 1, compression })
    for (const batch of batches()) {
      yield* producer.produce(batch)
      records += batch.length
      size += batch.reduce((sum, { value }) => sum + value!.length, 0)
    }
  })
  const options = {
    ...{ brokers: cluster.bootstrap, clientId: "backlog" },
    ...{ connectionTimeout: 5_000, requestTimeout: 30_000 }
  }
  await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(KafkaTransport.layer(options))))
  const offsets = await cluster.admin.fetchTopicOffsets(topic)
  const ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  const end = [...ends.values()].reduce((sum, n) => sum + n, 0)
  if (end !== records) throw new Error(`the topic ${topic} holds ${end} records, ${records} were written`)
  return { ...spec, records, bytes: size, ends, newest }
}
