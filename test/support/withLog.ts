/** WithLog: an embedded log with the topic that shards read in the engine's tests, and records that have nothing to say but their number. */
import { Effect, type Scope } from "effect"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"

const topic = "metrics"

export const withLog = <A, E>(partitions: number, body: Effect.Effect<A, E, EmbeddedLog | Scope.Scope>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, partitions)
    return yield* body
  }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)

/** All of one key, in one request. */
export const produceNumbers = (partition: number, records: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
      const key = Buffer.from("k")
      yield* producer.produce(
        Array.from({ length: records }, (_, i) => ({ topic, partition, key, value: Buffer.from(`${i}`), headers: {} }))
      )
    })
  )
