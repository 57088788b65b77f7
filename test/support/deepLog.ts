/**
 * Senders that make a takeover hard: on every partition a source that sends many small rounds a second, and one that sent a
 * single round long ago and is still alive. Whoever takes the partition over must read from that one on, and so meets thousands
 * of rounds that are older than what was shown: hidden by the fence, or seen by the judge. They write as any Kafka client
 * could, with the headers of the record format; the metrics are those that the judge knows.
 */
import { setTimeout as delay } from "node:timers/promises"
import kafkajs, { type Message } from "kafkajs"
import "../../src/transport/kafka/connection/RequestQueuePatch.ts"

export interface DeepLog {
  readonly sources: ReadonlyArray<string>
  /** Fails where a write failed. */
  readonly stop: () => Promise<void>
}

const every = 50
const burst = 10
/** Rounds that are in the log from the start. */
const history = 1_500
/** Comments, which no body shows: so that a replay takes more than one fetch. */
const padding = `# ${"x".repeat(98)}\n`.repeat(25)

const message = (partition: number, source: string, round: number): Message => ({
  partition,
  key: source,
  value: `# TYPE test_rounds_total counter\ntest_rounds_total ${round}\n# TYPE test_round gauge\ntest_round ${round}\n${padding}`,
  headers: { "k2p-round": `1.${round}`, "k2p-labels": '{"job":"deep"}' }
})

export const startDeepLog = async (broker: string, topic: string, partitions: number): Promise<DeepLog> => {
  const kafka = new kafkajs.Kafka({ clientId: "deep-log", brokers: [broker], logLevel: kafkajs.logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  const all = Array.from({ length: partitions }, (_, p) => p)
  let round = 1
  const send = (messages: Array<Message>) => producer.send({ topic, messages, acks: 1 })
  await send(all.flatMap((p) => [message(p, `slow/${p}`, 1), message(p, `fast/${p}`, 1)]))
  const write = async (count: number) => {
    const from = round + 1
    round += count
    await send(all.flatMap((p) => Array.from({ length: count }, (_, i) => message(p, `fast/${p}`, from + i))))
  }
  while (round < history) await write(50)
  const stopping = new AbortController()
  const loop = async () => {
    while (!stopping.signal.aborted) {
      await write(burst)
      await delay(every)
    }
  }
  const work = loop()
  // It is looked at in `stop`.
  work.catch(() => {})
  return {
    sources: all.flatMap((p) => [`fast/${p}`, `slow/${p}`]).sort(),
    stop: async () => {
      stopping.abort()
      try {
        await work
      } finally {
        await producer.disconnect()
      }
    }
  }
}
