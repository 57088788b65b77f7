/**
 * KafkaTransport: the Transport over a Kafka cluster (or Azure Event Hubs), with kafkajs' connections and encoders below
 * and none of its clients: who joins, retries and seeks is the engine's. Every client has links of its own, which its
 * Scope closes: no socket and no timer outlives it.
 */
import { Effect, Layer, type Scope } from "effect"
import { partitionKey, type TopicPartition, Transport, type TransportError } from "../Transport.ts"
import { makeGroupClient } from "./GroupClient.ts"
import { inspect } from "./Inspect.ts"
import type { KafkaOptions } from "./KafkaOptions.ts"
import { Links } from "./Links.ts"
import { makeProducer } from "./Producer.ts"

/** Partitions whose last complaint is remembered, so that a retried one is logged once. */
const MAX_COMPLAINTS = 1_000

const openLinks = (options: KafkaOptions, clientId: string): Effect.Effect<Links, TransportError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => new Links(options, clientId), catch: (error) => error as TransportError }),
    (links) => Effect.sync(() => links.close())
  )

/** Logs a partition's bytes that nobody can read: once per offset and reason, not once per try. */
const complaints = Effect.gen(function* () {
  const context = yield* Effect.context<never>()
  const log = Effect.runForkWith(context)
  const last = new Map<string, string>()
  return (tp: TopicPartition, offset: number, reason: string): void => {
    const key = partitionKey(tp)
    const complaint = `${offset} ${reason}`
    if (last.get(key) === complaint) return
    if (last.size >= MAX_COMPLAINTS) last.clear()
    last.set(key, complaint)
    log(
      Effect.logError(
        "A partition holds bytes that cannot be read. It stands still until the topic's retention removes them, or an operator deletes its records up to past them; the other partitions go on."
      ).pipe(Effect.annotateLogs({ partition: key, offset, reason }))
    )
  }
})

const layer = (options: KafkaOptions): Layer.Layer<Transport> =>
  Layer.succeed(Transport, {
    groupClient: Effect.fn("KafkaTransport.groupClient")(function* ({ group, clientId }) {
      const links = yield* openLinks(options, clientId)
      return makeGroupClient(links, group, yield* complaints)
    }),
    producer: Effect.fn("KafkaTransport.producer")(function* ({ clientId, acks, compression }) {
      const links = yield* openLinks(options, clientId)
      return makeProducer(links, { acks, compression, timeout: options.requestTimeout })
    }),
    inspect: Effect.fn("KafkaTransport.inspect")(function* (topics, group) {
      const links = yield* openLinks(options, options.clientId)
      return yield* Effect.tryPromise({
        try: () => inspect(links, topics, group),
        catch: (error) => error as TransportError
      })
    })
  })

export const KafkaTransport = { layer }
