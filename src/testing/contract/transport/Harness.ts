/**
 * What an author of a Transport brings so that the contract suite can run against it. A real broker can give all of
 * it; nothing here speaks of virtual time or of faults. The suite runs on the real clock and waits for conditions.
 *
 * Each test makes its own topics and groups under names nobody else uses, so one harness serves a whole file.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { type TopicPartition, Transport, type UnreadableReason } from "../../../transport/Transport.ts"

export interface ContractHarness {
  /** Built once a suite, closed after it. */
  readonly layer: Layer.Layer<Transport>
  /** Creates a topic as kafka2prom wants it (LogAppendTime, not compacted) and waits until it can be used. */
  readonly createTopic: (topic: string, partitions: number) => Effect.Effect<void>
  /** Grows a topic to that many partitions. */
  readonly addPartitions: (topic: string, partitions: number) => Effect.Effect<void>
  /** Moves the log's start up to `offset`, as retention does. */
  readonly deleteRecords: (tp: TopicPartition, offset: number) => Effect.Effect<void>
  /** The partition's last batch cannot be read by anyone from now on, for that reason. */
  readonly spoilLastBatch: (tp: TopicPartition, reason: UnreadableReason) => Effect.Effect<void>
  /** The least session timeout, in ms, that the brokers accept; tests of expiry wait about this long. */
  readonly sessionTimeout: number
  /** A record with a value of this many bytes is accepted, one of twice as many is refused as too large. */
  readonly maxRecordBytes: number
  /** Connections of this process to the brokers that are open now (TCP sockets, where they are). */
  readonly openConnections: Effect.Effect<number>
}

/** The harness and its Transport, as the suite's tests get them. */
export class Harness extends Context.Service<Harness, ContractHarness>()("k2p/test/contract/Harness") {
  static readonly layer = (
    start: Effect.Effect<ContractHarness, never, Scope.Scope>
  ): Layer.Layer<Harness | Transport> =>
    Layer.unwrap(Effect.map(start, (harness) => Layer.merge(Layer.succeed(Harness, harness), harness.layer)))

  /** Unique within the process and unlikely to meet an earlier run's. */
  static readonly unique = (name: string): string => `${name}-${process.pid}-${Date.now().toString(36)}-${++serial}`

  /** A new topic of this many partitions; its name. */
  static readonly topic = (partitions = 1): Effect.Effect<string, never, Harness> =>
    Harness.use((harness) => {
      const topic = Harness.unique("topic")
      return Effect.as(harness.createTopic(topic, partitions), topic)
    })

  /** A client of a new group, or of the one named. */
  static readonly client = (group = Harness.unique("group"), limits: { readonly maxRecordBytes?: number } = {}) =>
    Transport.use((transport) => transport.groupClient({ group, clientId: Harness.unique("client"), ...limits }))
}

let serial = 0
