/**
 * KafkaTransport: the Transport over a Kafka cluster (or Azure Event Hubs), with kafkajs' connections and encoders below
 * and none of its clients: who joins, retries and seeks is the engine's. Every client has links of its own, which its
 * Scope closes: no socket and no timer outlives it.
 */
import { Effect, Layer, type Scope } from "effect"
import { defaultMaxRecordBytes, defaultMaxRequestBytes, Transport, type TransportError } from "../Transport.ts"
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
    producer: Effect.fn("KafkaTransport.producer")(function* ({
      acks,
      clientId,
      compression,
      maxRequestBytes = defaultMaxRequestBytes
    }) {
      const links = yield* openLinks(options, clientId)
      // A leader that waits for its replicas answers before the connection counts as dead.
      const ackTimeout = Math.ceil((options.requestTimeout * 2) / 3)
      return yield* Effect.acquireRelease(
        Effect.sync(() => makeProducer(links, { acks, compression, maxRequestBytes, ackTimeout })),
        (producer) => Effect.sync(() => producer.close())
      )
    }),
    inspect: Effect.fn("KafkaTransport.inspect")(function* (topics, group) {
      const links = yield* openLinks(options, options.clientId)
      return yield* Effect.tryPromise({
        try: () => inspect(links, topics, group),
        catch: (error) => error as TransportError
      })
    })
  })

/** The log of a Kafka cluster or of Event Hubs. Its Layer opens nothing: clients connect when they are used. @stable */
export const KafkaTransport: { readonly layer: (options: KafkaOptions) => Layer.Layer<Transport> } = { layer }
