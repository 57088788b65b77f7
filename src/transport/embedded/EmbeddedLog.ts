/**
 * EmbeddedLog: a partitioned log in this process's memory that behaves as a Kafka cluster does at the level of the
 * Transport's requests: the demo's transport, and the reference that tests and simulations run on. Pods and agents of
 * one process share it; it keeps nothing when its Scope closes.
 *
 * Time is the Clock it was made with and nothing else. What it keeps is bounded by retention for each partition and by
 * one commit for each group and partition. Beside the Transport there is this control handle: topics, a look inside,
 * and faults. A call that names a topic that is not there is a mistake of the caller's and dies.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import {
  type InspectedGroup,
  type Inspection,
  type TopicPartition,
  Transport,
  type UnreadableReason
} from "../Transport.ts"
import { answered } from "./Answer.ts"
import { Coordinator, type GroupDescription } from "./Coordinator.ts"
import { type Broker, transportOver } from "./EmbeddedClient.ts"
import { Faults, type Script } from "./Faults.ts"
import { Outbox } from "./Outbox.ts"
import { type First, Pause } from "./Pause.ts"
import { makeTimers } from "./Timers.ts"
import { type TopicSettings, Topics } from "./Topics.ts"
import { Wire } from "./Wire.ts"

/** Bounds of the log in memory: bytes, milliseconds, and how many brokers it plays. @experimental */
export interface EmbeddedLogOptions {
  /** Brokers, over which the partitions' leaders are spread. */
  readonly nodes: number
  /** What createTopic uses where it is not told otherwise. */
  readonly retentionBytes: number
  /** Likewise: how long records are kept. */
  readonly retentionMs: number
  /** Likewise: a larger record is refused with MESSAGE_TOO_LARGE. */
  readonly maxRecordBytes: number
  /** A member that asks for less is refused, as Kafka's group.min.session.timeout.ms has it. */
  readonly minSessionTimeout: number
  /** Likewise for more. */
  readonly maxSessionTimeout: number
  /** Ms that the first join of an empty group waits for others. */
  readonly initialRebalanceDelay: number
  /** How long a client waits for an answer before it fails with TIMEOUT. */
  readonly requestTimeout: number
  /** Whether clients are told the topics' ids. */
  readonly topicIds: boolean
}

export const defaultEmbeddedLogOptions: EmbeddedLogOptions = {
  nodes: 1,
  retentionBytes: 64 * 1024 * 1024,
  retentionMs: 3_600_000,
  maxRecordBytes: 1_048_588,
  minSessionTimeout: 6_000,
  maxSessionTimeout: 1_800_000,
  initialRebalanceDelay: 0,
  requestTimeout: 30_000,
  topicIds: true
}

/** What is different for one topic of the log in memory. @experimental */
export type TopicOptions = Partial<
  Pick<EmbeddedLogOptions, "retentionBytes" | "retentionMs" | "maxRecordBytes"> & Pick<TopicSettings, "sendersTime">
>

/** Counts since it was made, and what it holds now; bytes are of keys, values and headers. @experimental */
export interface EmbeddedLogStats {
  /** By all producers. */
  readonly recordsAppended: number
  /** Deleted from the front by retention, or by `deleteRecords`. */
  readonly recordsExpired: number
  /** Held now, record overhead included. */
  readonly bytes: number
  /** Of all clients, now. */
  readonly openConnections: number
  /** Fetches that wait for data, now. */
  readonly waitingFetches: number
  /** Timers under way: sessions, rebalances, long polls and delayed requests. */
  readonly timers: number
  /** Of all kinds, lost ones included. */
  readonly requests: number
  /** Requests and answers that a script lost. */
  readonly lost: number
}

/** The log in memory as its owner sees it: topics, and what may happen to them. @experimental */
export interface EmbeddedLogShape {
  /** What pods and agents use; as many as share it are on one log. */
  readonly transport: Transport["Service"]
  /** With so many partitions, from 0 on. A topic that is there already is a mistake and dies. */
  readonly createTopic: (topic: string, partitions: number, options?: TopicOptions) => Effect.Effect<void>
  /** Grows the topic to that many partitions. */
  readonly addPartitions: (topic: string, partitions: number) => Effect.Effect<void>
  /** Moves the log's start up to `offset`, as retention does. */
  readonly deleteRecords: (tp: TopicPartition, offset: number) => Effect.Effect<void>
  /** The next batch that is appended to the partition cannot be read by anyone. */
  readonly breakNext: (tp: TopicPartition, reason: UnreadableReason) => Effect.Effect<void>
  /** The partition's last batch cannot be read by anyone any more. */
  readonly spoilLastBatch: (tp: TopicPartition, reason: UnreadableReason) => Effect.Effect<void>
  /** The log goes back: records from `end` on are gone, commits stay, as after an unclean election. */
  readonly truncate: (tp: TopicPartition, end: number) => Effect.Effect<void>
  /** Deletes the topic and creates it anew: empty logs from 0, and no commits, as Kafka does it. */
  readonly recreate: (topic: string) => Effect.Effect<void>
  /** Moves a partition's leader; -1: it has none. */
  readonly setLeader: (tp: TopicPartition, node: number) => Effect.Effect<void>
  /** The group's commits stay, their metadata is gone, as after a tool that sets offsets. */
  readonly stripCommits: (group: string) => Effect.Effect<void>
  /** The group's coordinator moves: it is back at its last completed generation, and pending joins fail. */
  readonly moveCoordinator: (group: string) => Effect.Effect<void>
  /** All groups' coordinators stand still for so many ms; requests arrive meanwhile and are carried out afterwards. `first`: what is seen to first then. Within a pause it does nothing. */
  readonly pauseCoordinators: (ms: number, first: First) => Effect.Effect<void>
  /** Installs a script for as long as the Scope lasts. */
  readonly intercept: (script: Script) => Effect.Effect<void, never, Scope.Scope>
  /** The first offset that the log still has. */
  readonly start: (tp: TopicPartition) => number
  /** The offset that the next record gets. */
  readonly end: (tp: TopicPartition) => number
  /** As it is now; Dead where there is none. */
  readonly group: (group: string) => GroupDescription
  /** As of now; a copy. */
  readonly stats: () => EmbeddedLogStats
}

const make = (given: Partial<EmbeddedLogOptions> = {}): Effect.Effect<EmbeddedLogShape, never, Scope.Scope> =>
  Effect.gen(function* () {
    const options = { ...defaultEmbeddedLogOptions, ...given }
    const outbox = new Outbox()
    const timers = yield* makeTimers(outbox)
    const faults = new Faults()
    const counts = { openConnections: 0, requests: 0, lost: 0 }
    const topics = new Topics(options.nodes, timers, options.topicIds)
    const pause = new Pause()
    const coordinator = new Coordinator(pause.timers(timers), options)

    const inspect = (names: ReadonlyArray<string>, group: string | null) => {
      const known = topics.metadata(names)
      if (!known.ok) return known
      const sessionTimeouts = { least: options.minSessionTimeout, most: options.maxSessionTimeout }
      const described = (name: string): InspectedGroup => {
        const { members, protocol, state } = coordinator.describe(name)
        return { state, members: members.length, protocol, sessionTimeouts }
      }
      const inspection: Inspection = {
        brokers: topics.nodes.map((node) => ({ node, address: `embedded:${node}` })),
        topics: known.value.map(({ partitions, topic }) => {
          const { maxRecordBytes, retention, sendersTime } = topics.topic(topic).settings
          const settings = {
            "cleanup.policy": "delete",
            "message.timestamp.type": sendersTime === undefined ? "LogAppendTime" : "CreateTime",
            "max.message.bytes": String(maxRecordBytes),
            "min.insync.replicas": "1",
            "retention.bytes": String(retention.bytes),
            "retention.ms": String(retention.ms),
            "unclean.leader.election.enable": "false"
          }
          return { topic, partitions: partitions.length, replicas: 1, settings, mayWrite: true }
        }),
        group: group === null ? null : described(group)
      }
      return answered(inspection)
    }
    const broker: Broker = {
      topics,
      coordinator,
      connect: () => new Wire(timers, outbox, faults, counts, pause),
      requestTimeout: options.requestTimeout,
      inspect
    }
    const turn = (f: () => void) => Effect.sync(() => outbox.turn(f))

    return {
      transport: transportOver(broker),
      createTopic: (topic, partitions, own = {}) =>
        turn(() => {
          const { maxRecordBytes, retentionBytes, retentionMs } = { ...options, ...own }
          const retention = { bytes: retentionBytes, ms: retentionMs }
          topics.create(topic, partitions, { maxRecordBytes, retention, sendersTime: own.sendersTime })
        }),
      addPartitions: (topic, partitions) => turn(() => topics.grow(topic, partitions)),
      deleteRecords: (tp, offset) => turn(() => topics.change(tp, (log) => log.advanceStart(offset))),
      breakNext: (tp, reason) => turn(() => topics.partition(tp).log.breakNext(reason)),
      spoilLastBatch: (tp, reason) => turn(() => topics.partition(tp).log.breakLast(reason)),
      truncate: (tp, end) => turn(() => topics.change(tp, (log) => log.truncate(end))),
      recreate: (topic) =>
        turn(() => {
          topics.recreate(topic)
          coordinator.forgetCommits(topics.topic(topic).partitions.map((_, partition) => ({ topic, partition })))
        }),
      setLeader: (tp, node) => turn(() => topics.setLeader(tp, node)),
      stripCommits: (group) => turn(() => coordinator.stripCommits(group)),
      moveCoordinator: (group) => turn(() => coordinator.move(group)),
      pauseCoordinators: (ms, first) =>
        turn(() => {
          if (pause.begin()) timers.after(ms, () => pause.end(first))
        }),
      intercept: (script) =>
        Effect.acquireRelease(
          Effect.sync(() => faults.add(script)),
          () => Effect.sync(() => faults.remove(script))
        ),
      start: (tp) => topics.partition(tp).log.start,
      end: (tp) => topics.partition(tp).log.end,
      group: (group) => coordinator.describe(group),
      stats: () => {
        const { appended, bytes, expired, waitingFetches } = topics.totals()
        return {
          ...counts,
          recordsAppended: appended,
          recordsExpired: expired,
          bytes,
          waitingFetches,
          timers: timers.pending()
        }
      }
    }
  })

/** A log in this process's memory that answers as a Kafka cluster does, with topics to make, a look inside, and faults by request. It keeps nothing when its Scope closes. @experimental */
export class EmbeddedLog extends Context.Service<EmbeddedLog, EmbeddedLogShape>()("k2p/transport/EmbeddedLog") {
  /** Likewise, in the present Scope. */
  static readonly make: (options?: Partial<EmbeddedLogOptions>) => Effect.Effect<EmbeddedLogShape, never, Scope.Scope> =
    make

  /** A log of its own, gone when the Layer's Scope closes. */
  static readonly layer = (options?: Partial<EmbeddedLogOptions>): Layer.Layer<EmbeddedLog> =>
    Layer.effect(EmbeddedLog, make(options))

  /** The Transport over the log that the context has. */
  static readonly transport: Layer.Layer<Transport, never, EmbeddedLog> = Layer.effect(
    Transport,
    EmbeddedLog.use((log) => Effect.succeed(log.transport))
  )
}
