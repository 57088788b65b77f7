/**
 * Harness: what an author of a Transport brings so that its contract can be run against it. A real broker can give all of it;
 * nothing here speaks of virtual time or of faults. What a log cannot do is left out, and so are the rules about it.
 *
 * Each case makes its own topics and groups under names that nobody else uses, so cases may share one log and run at once.
 */
import { Context, Effect, type Layer, type Scope } from "effect"
import { type TopicPartition, Transport, type UnreadableReason } from "../../../transport/Transport.ts"

/** What an author of a Transport brings. Times in ms, sizes in bytes. @experimental */
export interface TransportHarness {
  /** Built for each case anew, and closed with it: its connections are the case's. */
  readonly layer: Layer.Layer<Transport, unknown>
  /** Creates a topic as kafka2prom wants it (the log's own timestamps, not compacted) and waits until it can be used. */
  readonly createTopic: (topic: string, partitions: number) => Effect.Effect<void, unknown>
  /** The least session timeout, in ms, that the log accepts; cases of expiry wait about this long. */
  readonly sessionTimeout: number
  /** Grows a topic to that many partitions. Absent: the log's topics do not grow. */
  readonly addPartitions?: (topic: string, partitions: number) => Effect.Effect<void, unknown>
  /** Moves the log's start up to `offset`, as retention does. Absent: the log keeps everything. */
  readonly deleteRecords?: (tp: TopicPartition, offset: number) => Effect.Effect<void, unknown>
  /** The partition's last batch cannot be read by anyone from now on, for that reason. Absent: the log has nothing of the kind. */
  readonly spoilLastBatch?: (tp: TopicPartition, reason: UnreadableReason) => Effect.Effect<void, unknown>
  /** A record with a value of this many bytes is accepted, one of twice as many is refused as too large. Absent: none is. */
  readonly maxRecordBytes?: number
  /** Connections of this process to the log that are open now (TCP sockets, where they are). Absent: it has none. */
  readonly openConnections?: Effect.Effect<number>
}

/** Defines one rule: its sentence, and how it is tried. */
export type Rule = (name: string, body: () => Effect.Effect<void, unknown, Harness | Transport | Scope.Scope>) => void

/** The harness as the rules ask for it. */
export class Harness extends Context.Service<Harness, TransportHarness>()("k2p/testing/contract/transport/Harness") {
  /** Unique within the process and unlikely to meet an earlier run's. */
  static readonly unique = (name: string): string => `${name}-${process.pid}-${Date.now().toString(36)}-${++serial}`

  /** A new topic of this many partitions; its name. */
  static readonly topic = (partitions = 1): Effect.Effect<string, unknown, Harness> =>
    Harness.use((harness) => {
      const topic = Harness.unique("topic")
      return Effect.as(harness.createTopic(topic, partitions), topic)
    })

  /** A client of a new group, or of the one named. */
  static readonly client = (group = Harness.unique("group"), limits: { readonly maxRecordBytes?: number } = {}) =>
    Transport.use((transport) => transport.groupClient({ group, clientId: Harness.unique("client"), ...limits }))
}

let serial = 0
