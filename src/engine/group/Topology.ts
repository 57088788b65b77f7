/**
 * Topology: which partitions the subscribed topics have and which node leads each, as the brokers last said. Refreshed
 * when somebody finds it wrong and in an interval. While it says something else than what the group's leader assigned, the leader
 * asks for a new generation.
 */
import { Effect } from "effect"
import {
  type GroupClient,
  partitionKey,
  type TopicInfo,
  type TopicPartition,
  type TransportError
} from "../../transport/Transport.ts"
import type { Signal } from "../Signal.ts"

export class Topology {
  partitions: ReadonlyArray<TopicPartition> = []
  /** How many each topic has; one that does not exist (yet) is not in it. */
  counts: ReadonlyMap<string, number> = new Map()
  /** Somebody found it wrong since the brokers were asked last. Nothing was asked yet. */
  isStale = true
  /** By the latest assignment of this member as leader. */
  private assigned: ReadonlySet<string> = new Set()
  private readonly unknown = new Set<string>()
  private leaders: ReadonlyMap<string, number> = new Map()
  private readonly client: GroupClient
  private readonly topics: ReadonlyArray<string>
  private readonly signal: Signal
  /** Questions sent so far, and the latest of them that was answered. */
  private sent = 0
  private answered = 0

  /** `signal`: notified when it is found wrong. */
  constructor(client: GroupClient, topics: ReadonlyArray<string>, signal: Signal) {
    this.client = client
    this.topics = topics
    this.signal = signal
  }

  /** The leaders or the partitions are not what they were thought to be. */
  stale(): void {
    this.isStale = true
    this.signal.notify()
  }

  /** Has the brokers asked. What it answers tells whether a question that was sent after this call has been answered. */
  ask(): () => boolean {
    const { sent } = this
    this.stale()
    return () => this.answered > sent
  }

  /** What a leader assigns. */
  assign(): ReadonlyArray<TopicPartition> {
    this.assigned = new Set(this.partitions.map(partitionKey))
    return this.partitions
  }

  /** Whether something else came up since; a generation whose assignment is still on its way has been assigned. */
  get isNews(): boolean {
    return (
      this.assigned.size !== this.partitions.length ||
      this.partitions.some((tp) => !this.assigned.has(partitionKey(tp)))
    )
  }

  /** Topics that the brokers do not have, by what they said last. */
  get missing(): ReadonlyArray<string> {
    return this.topics.filter((topic) => this.unknown.has(topic))
  }

  /** Undefined while a partition has no leader. */
  leader(key: string): number | undefined {
    const node = this.leaders.get(key)
    return node === undefined || node < 0 ? undefined : node
  }

  get nodes(): ReadonlySet<number> {
    return new Set([...this.leaders.values()].filter((n) => n >= 0))
  }

  /**
   * What the brokers say of the topics, each by itself where they do not know one of them. One that does not exist (yet) has no partitions; one
   * that did is not gone because a broker says so once: that fails, and what was known stays.
   */
  private look(topics: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<TopicInfo>, TransportError> {
    return this.client.metadata(topics).pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          for (const topic of topics) this.unknown.delete(topic)
        })
      ),
      Effect.catch((error) => {
        if (error.code !== "UNKNOWN_TOPIC_OR_PARTITION") return Effect.fail(error)
        const [topic, ...others] = topics
        if (others.length > 0)
          return Effect.map(
            Effect.forEach(topics, (each) => this.look([each])),
            (found) => found.flat()
          )
        this.unknown.add(topic!)
        return this.counts.has(topic!) ? Effect.fail(error) : Effect.succeed([])
      })
    )
  }

  readonly refresh: Effect.Effect<void, TransportError> = Effect.suspend(() => {
    const question = ++this.sent
    this.isStale = false
    return Effect.map(this.look(this.topics), (topics) => {
      this.answered = Math.max(this.answered, question)
      const leaders = new Map<string, number>()
      const partitions: Array<TopicPartition> = []
      const counts = new Map<string, number>()
      for (const { topic, partitions: infos } of topics) {
        if (infos.length > 0) counts.set(topic, infos.length)
        for (const { partition, leader } of infos) {
          const tp = { topic, partition }
          partitions.push(tp)
          leaders.set(partitionKey(tp), leader)
        }
      }
      this.partitions = partitions
      this.leaders = leaders
      this.counts = counts
    })
  })
}
