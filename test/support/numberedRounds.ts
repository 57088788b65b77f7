/**
 * NumberedRounds: many sources that write to the log as any Kafka client could, each round carrying its own number as its
 * values, so that whoever reads a body knows which round it shows. Every so often a round is written again and one from before
 * after it, as clients that retry do. On every partition one source writes rarely: whoever takes the partition over must read from far
 * back, and meets many rounds older than what was shown.
 */
import { setTimeout as delay } from "node:timers/promises"
import kafkajs, { type Message } from "kafkajs"
import "../../src/transport/kafka/connection/RequestQueuePatch.ts"

export interface RoundsOptions {
  readonly brokers: ReadonlyArray<string>
  readonly topic: string
  readonly partitions: number
  readonly sources: number
  /** Milliseconds between writes. */
  readonly every: number
  /** Rounds that a source writes each time, one after the other. */
  readonly burst: number
  /** One source of each partition writes only each so many times, and one round. */
  readonly rare: number
  /** Rounds that the others on the first few partitions have written before `startRounds` answers. */
  readonly history: number
}

export interface NumberedRounds {
  readonly sources: ReadonlyArray<string>
  readonly partitionOf: (source: string) => number
  /** The highest number that was handed to the log: nothing above it exists. */
  readonly sent: (source: string) => number
  /** The highest that the log has confirmed: what must be shown again when all is well. */
  readonly confirmed: (source: string) => number
  /** Rounds that were given up because the log did not take them in time. */
  readonly givenUp: () => number
  readonly stop: () => Promise<void>
}

/** Each so many times the last two rounds are written again, the older one last. */
const repeatEvery = 7
const deepPartitions = 4

const message = (partition: number, source: string, round: number): Message => ({
  partition,
  key: source,
  value: `# TYPE test_rounds_total counter\ntest_rounds_total ${round}\n# TYPE test_round gauge\ntest_round ${round}\n`,
  headers: { "k2p-round": `1.${round}`, "k2p-labels": '{"job":"numbered"}' }
})

export const startRounds = async (options: RoundsOptions): Promise<NumberedRounds> => {
  const { topic, partitions, every, burst, rare, history } = options
  const kafka = new kafkajs.Kafka({
    clientId: "numbered-rounds",
    brokers: [...options.brokers],
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: 5_000,
    retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 1_000 }
  })
  const producer = kafka.producer()
  await producer.connect()
  const sources = Array.from({ length: options.sources }, (_, i) => `site-${i % 3}/svc-${i}`)
  const partition = new Map(sources.map((source, i) => [source, i % partitions]))
  const isRare = new Map(sources.map((source, i) => [source, i < partitions]))
  const sent = new Map<string, number>()
  const confirmed = new Map<string, number>()
  let round = 0
  let turn = 0
  let givenUp = 0

  const one = (source: string, number: number) => message(partition.get(source)!, source, number)
  const write = async (): Promise<void> => {
    const first = round + 1
    round += burst
    turn += 1
    const steady = sources.filter((source) => isRare.get(source) === false)
    const now = turn % rare === 1 ? sources : steady
    for (const source of now) sent.set(source, round)
    const numbers = Array.from({ length: burst }, (_, i) => first + i)
    if (turn > 1 && turn % repeatEvery === 0) numbers.push(round, round - 1)
    const messages = [
      ...numbers.flatMap((number) => steady.map((source) => one(source, number))),
      ...now.filter((source) => isRare.get(source) === true).map((source) => one(source, round))
    ]
    try {
      await producer.send({ topic, messages, acks: -1 })
      for (const source of now) confirmed.set(source, round)
    } catch {
      // As an agent does: the next round is worth more than this one. Some of it may be in the log.
      givenUp += 1
    }
  }

  await write()
  const deep = sources.filter((source) => isRare.get(source) === false && partition.get(source)! < deepPartitions)
  while (round < history) {
    const numbers = Array.from({ length: 500 }, (_, i) => round + i + 1)
    await producer.send({ topic, messages: numbers.flatMap((n) => deep.map((source) => one(source, n))), acks: -1 })
    round += numbers.length
  }
  await write()
  if (givenUp > 0) throw new Error(`the topic ${topic} does not take rounds`)
  const stopping = new AbortController()
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const next = performance.now() + every
      await write()
      await delay(Math.max(0, next - performance.now()))
    }
  }
  const work = loop()
  return {
    sources,
    partitionOf: (source) => partition.get(source)!,
    sent: (source) => sent.get(source) ?? 0,
    confirmed: (source) => confirmed.get(source) ?? 0,
    givenUp: () => givenUp,
    stop: async () => {
      stopping.abort()
      await work
      await producer.disconnect()
    }
  }
}
