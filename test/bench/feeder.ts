/**
 * A feeder: sends the rounds of many sources in turn at a steady pace, as a process of its own, for as long as it is told and no
 * longer. Made before it starts: three rounds of each source, sent again and again under growing round numbers, so that it costs
 * little beside what is measured. Each start has a newer epoch.
 *
 * Its argument is the feed as JSON: see `Feed`. Says `feeding` after the first round of all sources was taken.
 */
import { setTimeout as delay } from "node:timers/promises"
import { Effect } from "effect"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { MB } from "./Bench.ts"
import { sourceName } from "./dumps/mixed.ts"
import { headersOf, type Shape, shapes } from "./dumps/shapes.ts"

interface Feed {
  readonly shape: Shape
  readonly brokers: ReadonlyArray<string>
  readonly topic: string
  readonly partitions: number
  readonly sources: number
  /** Bytes of values a second. */
  readonly pace: number
  readonly seconds: number
}

const feed = JSON.parse(process.argv[2]!) as Feed
const dumpsPerRequest = 8
const made = Array.from({ length: feed.sources }, (_, i) => {
  const source = shapes[feed.shape].source(i)
  return [source(), source(), source()]
})
const epoch = Date.now()

const program = Effect.gen(function* () {
  const transport = yield* Transport
  const producer = yield* transport.producer({ clientId: "feeder", acks: 1, compression: "none" })
  const started = performance.now()
  let sent = 0
  for (let round = 1; performance.now() - started < feed.seconds * 1000; round++) {
    for (let at = 0; at < feed.sources; at += dumpsPerRequest) {
      const headers = headersOf(feed.shape, `${epoch}.${round}`)
      const records = made.slice(at, at + dumpsPerRequest).flatMap((rounds, i) => {
        const of = { topic: feed.topic, partition: (at + i) % feed.partitions, key: Buffer.from(sourceName(at + i)) }
        return rounds[round % rounds.length]!.map((value) => ({ ...of, value, headers }))
      })
      yield* producer.produce(records)
      sent += records.reduce((sum, { value }) => sum + value.length, 0)
      const due = started + (sent / feed.pace) * 1000
      const ahead = due - performance.now()
      if (ahead > 1) yield* Effect.promise(() => delay(ahead))
    }
    if (round === 1) process.stdout.write("feeding\n")
  }
  process.stdout.write(`fed ${(sent / MB / ((performance.now() - started) / 1000)).toFixed(1)} MB/s\n`)
})

await Effect.runPromise(
  Effect.scoped(program).pipe(
    Effect.provide(
      KafkaTransport.layer({
        ...{ brokers: feed.brokers, clientId: "feeder", connectionTimeout: 5_000, requestTimeout: 30_000 }
      })
    )
  )
)
