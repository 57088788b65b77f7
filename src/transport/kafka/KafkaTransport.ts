/**
 * KafkaTransport: the Transport over a Kafka cluster (or Azure Event Hubs), with kafkajs' connections and encoders below
 * and none of its clients: who joins, retries and seeks is the engine's. Every client has links of its own, which its
 * Scope closes: no socket and no timer outlives it.
 */
import { Effect, Layer, type Scope } from "effect"
import { defaultMaxRecordBytes, Transport, type TransportError } from "../Transport.ts"
import type { KafkaOptions } from "./connection/KafkaOptions.ts"
import { Links } from "./connection/Links.ts"
import { makeGroupClient } from "./GroupClient.ts"
import { inspect } from "./Inspect.ts"
import { LogReader } from "./LogReader.ts"
import { makeProducer } from "./Producer.ts"

const openLinks = (options: KafkaOptions, clientId: string): Effect.Effect<Links, TransportError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => new Links(options, clientId), catch: (error) => error as TransportError }),
    (links) => Effect.sync(() => links.close())
  )

const layer = (options: KafkaOptions): Layer.Layer<Transport> =>
  Layer.succeed(Transport, {
    groupClient: Effect.fn("KafkaTransport.groupClient")(function* ({
      clientId,
      group,
      maxRecordBytes = defaultMaxRecordBytes
    }) {
      const links = yield* openLinks(options, clientId)
      const log = yield* Effect.acquireRelease(
        Effect.sync(() => new LogReader(links, maxRecordBytes)),
        (reader) => Effect.sync(() => reader.close())
      )
      return makeGroupClient(links, group, log)
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
