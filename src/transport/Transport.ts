/**
 * Transport: the edge to a partitioned log. It speaks the log's own requests (Kafka's protocol, one method a
 * request) and nothing more: who owns what, when to join, what to commit and what may be shown is the engine's.
 *
 * A Layer of it is written by whoever brings another log. What it must keep is in the docs of each method and
 * is checked by `transportContract` of kafka2prom/testing. It holds no opinion: it never retries a group request, never
 * rejoins, never moves a position, never resets an offset.
 *
 * All offsets are *next* offsets (exclusive ends) unless they name a record. They are safe integers.
 */
import { Context, type Effect, Schema, type Scope } from "effect"

/** One partition of a topic. @stable */
export interface TopicPartition {
  /** Its name; a deleted topic's may come again (see `LogIdentity`). */
  readonly topic: string
  /** Its number, from 0 on. */
  readonly partition: number
}

/** The key of a partition in maps and logs: `topic/partition`. @stable */
export const partitionKey = (tp: TopicPartition): string => `${tp.topic}/${tp.partition}`

/** A record as it was read. Its bytes are immutable and may be kept by reference, until they are released (see `Fetched`). @stable */
export interface LogRecord {
  /** Of the record itself: the one offset here that is no exclusive end. */
  readonly offset: number
  /** Milliseconds since the Unix epoch; the broker's own where the topic is LogAppendTime (see `sendersTime`). */
  readonly timestamp: number
  /** True: the timestamp is the sender's (CreateTime), not the broker's. */
  readonly sendersTime?: boolean
  /** null: it was sent without one. */
  readonly key: Uint8Array | null
  /** null: it was sent without one (a tombstone), or is longer than the limit (see `tooLarge`). */
  readonly value: Uint8Array | null
  /** Header values by name, names as sent. Where a name repeats, the last one. */
  readonly headers: Readonly<Record<string, Uint8Array>>
  /** Set: the record is longer than the limit, its value of that many bytes was passed over, and `value` is null. */
  readonly tooLarge?: number
}

/** Of a record with its key and headers, where a client is not told otherwise. @stable */
export const defaultMaxRecordBytes = 64 * 1024 * 1024

/** Event Hubs closes the connection at 1,046,528 bytes; Kafka's brokers refuse batches over 1,048,588 where nothing else is set. @stable */
export const defaultMaxRequestBytes = 1_000_000

/** A record to be appended. Its bytes must not change until `produce` has ended. @stable */
export interface OutgoingRecord {
  /** It must exist: no topic is made by sending. */
  readonly topic: string
  /** The caller's choice: no key is placed here. */
  readonly partition: number
  /** null: none. */
  readonly key: Uint8Array | null
  /** null: a tombstone. */
  readonly value: Uint8Array | null
  /** By name, each sent once. */
  readonly headers: Readonly<Record<string, Uint8Array>>
}

/** Which replicas have a record when it counts as sent: none (not even the leader is waited for), the leader, all that are in sync. @stable */
export type Acks = 0 | 1 | "all"
/** How batches are compressed on their way to the log. @stable */
export type Compression = "none" | "gzip" | "zstd"

/**
 * Why a batch cannot be read by anyone: `checksum`: its bytes are not those that were written. `codec`: a compression that Kafka does not
 * have. `format`: a message format that is not read here (older than Kafka 0.11, or newer than this program). `cut-off`: its
 * compressed bytes or its records end too early. `malformed`: anything else.
 * @stable
 */
export type UnreadableReason = "checksum" | "codec" | "format" | "cut-off" | "malformed"
export const unreadableReasons: ReadonlyArray<UnreadableReason> = [
  "checksum",
  "codec",
  "format",
  "cut-off",
  "malformed"
]

/** Offsets [from, next) of one batch, whose records are lost to every reader alike. @stable */
export interface Unreadable {
  /** The first offset that is lost. */
  readonly from: number
  /** Where reading goes on. */
  readonly next: number
  /** What is wrong with its bytes. */
  readonly reason: UnreadableReason
  /** For a person. */
  readonly detail: string
  /** The whole batch as its bytes came, a copy; absent where a transport cannot tell them. */
  readonly bytes?: Uint8Array
}

/** What a partition's leader answered to one fetch. @stable */
export interface Fetched {
  /** As it was asked for. */
  readonly tp: TopicPartition
  /** The offset that was asked for. */
  readonly from: number
  /**
   * Where to go on: past the last record read, past control records, compacted gaps and unreadable batches too. It may lie in the middle of a
   * batch. What was asked for where nothing came, or where the next record is longer than what was read of it so far.
   */
  readonly next: number
  /** In offset order, all offsets from `from` to before `next`. May be empty although `next` is beyond. */
  readonly records: ReadonlyArray<LogRecord>
  /** The log's end that a consumer at this isolation level may read up to; -1 where unknown. */
  readonly highWatermark: number
  /**
   * What is unreadable in [from, next), in order. Whether it is depends on a batch's bytes and on `maxRecordBytes` alone, so that all readers
   * judge alike; what merely failed here is an error, never a stretch of these.
   */
  readonly unreadable?: ReadonlyArray<Unreadable>
  /** Set: nothing was read of this partition, the rest of the answer stands. */
  readonly error?: FetchErrorCode
  /** What is behind the error, for a person. */
  readonly detail?: string
  /**
   * Gives the memory of the records' bytes back at once: none of them may be looked at afterwards. Called once at most. A transport
   * may do without; where it is not called, the bytes are the collector's, which needs more memory and CPU for them.
   */
  readonly release?: () => void
}

/** `LOCAL`: the answer came and this process could not read it now (want of memory, bytes changed on their way): nothing is wrong with the log. `LOCAL` and `OTHER` are retried with growing pauses and logged. @stable */
export type FetchErrorCode = (typeof fetchErrorCodes)[number]
/** All of them. @stable */
export const fetchErrorCodes = [
  "OFFSET_OUT_OF_RANGE",
  "NOT_LEADER",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "AUTHORIZATION",
  "LOCAL",
  "OTHER"
] as const

/** From which offset on a partition is to be read. @stable */
export interface FetchRequest {
  /** Led by the node that is asked. */
  readonly tp: TopicPartition
  /** The first one that is wanted; where no record has it, reading goes on at the next one that there is. */
  readonly offset: number
}

/** One partition of a topic, and where it is led. @stable */
export interface PartitionInfo {
  /** Its number, from 0 on. */
  readonly partition: number
  /** Node id of the leader; -1 where there is none now. */
  readonly leader: number
}

/** A topic and its partitions, as the brokers answer. @stable */
export interface TopicInfo {
  /** As it was asked for. */
  readonly topic: string
  /** All that it has, by number, those without a leader among them. */
  readonly partitions: ReadonlyArray<PartitionInfo>
}

/** Which log a topic is: names may come again, these do not. @stable */
export interface LogIdentity {
  /** The cluster's id; null where the brokers tell none. */
  readonly cluster: string | null
  /** The topic's id, another one after it was deleted and made anew; null where the brokers tell none. */
  readonly topicId: string | null
}

/** What a member asks for when it joins; timeouts in milliseconds. @stable */
export interface JoinRequest {
  /** "" for a new member. */
  readonly memberId: string
  /** Ms without a heartbeat after which the coordinator counts the member as dead. */
  readonly sessionTimeout: number
  /** Ms that the coordinator waits for the member to join again when a rebalance begins. */
  readonly rebalanceTimeout: number
  /** In order of preference. The metadata bytes reach the leader as they are. */
  readonly protocols: ReadonlyArray<{ readonly name: string; readonly metadata: Uint8Array }>
}

/** The answer to a join: the generation that the member is in. @stable */
export interface Joined {
  /** Higher in each rebalance. What the member sends from now on is fenced by it. */
  readonly generation: number
  /** The coordinator's choice for a new member. */
  readonly memberId: string
  /** The member that assigns; where it is `memberId`, this one. */
  readonly leaderId: string
  /** The one that the coordinator chose among those that all members have. */
  readonly protocol: string
  /** All members with their metadata when this member leads, else empty. */
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Uint8Array }>
}

/** Who sends a request of a group: fenced by the generation. @stable */
export interface Member {
  /** As the join answered it. */
  readonly memberId: string
  /** As the join answered it: an older one than the group's is refused. */
  readonly generation: number
}

/** The next offset to be read (C), with what the next owner has to know. Plain data. @stable */
export interface Commit {
  /** Owned by the member that commits. */
  readonly tp: TopicPartition
  /** C: everything before it is done. */
  readonly offset: number
  /** At most 4,000 bytes. */
  readonly metadata: string
}

/** What was committed last for a partition. @stable */
export interface Committed {
  /** C: where reading goes on. */
  readonly offset: number
  /** As it was committed; "" where a tool committed without. */
  readonly metadata: string
}

/**
 * Why a request did not succeed, in Kafka's own words where it has one.
 * TIMEOUT and CONNECTION mean that the outcome is unknown: the broker may have carried the request out.
 * @stable
 */
export const TransportErrorCode = Schema.Literals([
  "REBALANCE_IN_PROGRESS",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "FENCED_INSTANCE_ID",
  "INCONSISTENT_GROUP_PROTOCOL",
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "NOT_LEADER",
  "MESSAGE_TOO_LARGE",
  "NOT_ENOUGH_REPLICAS",
  "AUTHENTICATION",
  "AUTHORIZATION",
  "TIMEOUT",
  "CONNECTION",
  "OTHER"
])
/** See the schema of this name. @stable */
export type TransportErrorCode = typeof TransportErrorCode.Type
/** All of them. @stable */
export const transportErrorCodes: ReadonlyArray<TransportErrorCode> = TransportErrorCode.literals

/** The codes after which the same request may succeed later without anyone changing anything. @stable */
export const retriableCodes: ReadonlySet<TransportErrorCode> = new Set([
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "NOT_LEADER",
  "NOT_ENOUGH_REPLICAS",
  "TIMEOUT",
  "CONNECTION"
])

/** What a failure holds beyond the request that met it: all partitions that the cause is known to hold; the broker's address where it is the broker. @stable */
export const Held = Schema.Struct({
  broker: Schema.optionalKey(Schema.String),
  partitions: Schema.Array(Schema.Struct({ topic: Schema.String, partition: Schema.Int }))
})
/** See the schema of this name. @stable */
export type Held = typeof Held.Type

/** One failed request. `message` says what was asked of whom and what came back; never a secret. @stable */
export class TransportError extends Schema.TaggedError<TransportError>()("TransportError", {
  /** The request that failed, by the method of the Transport. */
  op: Schema.String,
  /** Why, in the log's word. */
  code: TransportErrorCode,
  /** Whether the same request may succeed later without anyone changing anything. */
  retriable: Schema.Boolean,
  /** What came back, and from where, for a person; never a secret. */
  detail: Schema.String,
  /** Absent: this request alone. */
  holds: Schema.optionalKey(Held)
}) {
  /** For people: the request, the code, and what is behind it. */
  override get message(): string {
    return `${this.op}: ${this.code}${this.detail === "" ? "" : ` (${this.detail})`}`
  }
  /** The brokers do not let this client in, or not do this: a person has to change something, here or there. */
  get refused(): boolean {
    return this.code === "AUTHENTICATION" || this.code === "AUTHORIZATION"
  }
  /** Whether the broker may have carried the request out although no answer came. */
  get unknownOutcome(): boolean {
    return this.code === "TIMEOUT" || this.code === "CONNECTION"
  }
}

/** A place in a log: its start, its end, or the first record at or after a time (ms since the Unix epoch). @stable */
export type At = "start" | "end" | { readonly timestamp: number }

/**
 * The requests of one member of one consumer group. Each client has connections of its own, such that
 *  - a pending join delays neither heartbeats nor commits, and a long fetch delays none of the three;
 *  - commits reach the coordinator in the order in which they were sent while no connection was lost.
 * @stable
 */
export interface GroupClient {
  /**
   * Answers when the group's rebalance completes; may wait up to the rebalance timeout. Interrupting it does not take the request back: call `abandon`.
   * `given` is told each id that the coordinator gave a new member, before the join that carries it is sent, and also where nobody
   * waits for the join any more: the coordinator counts it as a member to wait for until it leaves. Of a join that was given up nothing more is sent.
   */
  readonly joinGroup: (
    request: JoinRequest,
    given?: (memberId: string) => void
  ) => Effect.Effect<Joined, TransportError>
  /** The leader passes every member's assignment, the others none. Answers this member's assignment bytes. */
  readonly syncGroup: (
    member: Member & { readonly protocol: string },
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Uint8Array }>
  ) => Effect.Effect<Uint8Array, TransportError>
  /** Succeeds where the member is of the group's present generation; fails with REBALANCE_IN_PROGRESS where it has to join again, with UNKNOWN_MEMBER_ID or ILLEGAL_GENERATION where others own what it had. */
  readonly heartbeat: (member: Member) => Effect.Effect<void, TransportError>
  /** Takes a member out of the group at once, by its id: this one, or one that is gone without having left. */
  readonly leaveGroup: (memberId: string) => Effect.Effect<void, TransportError>
  /** All or nothing as the engine sees it: it fails where any partition's commit was refused. */
  readonly offsetCommit: (member: Member, commits: ReadonlyArray<Commit>) => Effect.Effect<void, TransportError>
  /** By partition key; a partition without a commit is absent. Read from the group's present coordinator. */
  readonly offsetFetch: (
    tps: ReadonlyArray<TopicPartition>
  ) => Effect.Effect<ReadonlyMap<string, Committed>, TransportError>
  /**
   * Gives up the join or sync that is under way. Its connection is closed, so that it is not carried out later than this; of a new member's first request
   * the answer is still listened for, since it makes no member and brings an id that must leave (see `joinGroup`). Bounded.
   */
  readonly abandon: Effect.Effect<void>
  /**
   * One request to one leader. Waits up to `maxWait` ms for data; with 0 it is answered at once, also while another one waits. `maxBytes` bounds the answer but never cuts below one batch.
   * The records of a partition are exactly those of the request's offset on: nothing prefetched before a seek comes later. What a partition's
   * records take in memory is bounded whatever they unpack to: its answer may end in the middle of a batch, and the next one goes on there.
   */
  readonly fetch: (
    node: number,
    requests: ReadonlyArray<FetchRequest>,
    options: { readonly maxWait: number; readonly maxBytes: number; readonly maxBytesPerPartition: number }
  ) => Effect.Effect<ReadonlyArray<Fetched>, TransportError>
  /** The partition is not read on from where it was: what is kept for that (of a batch that was read in part) is thrown away. */
  readonly forget: (tp: TopicPartition) => void
  /** By partition key: the log's start, its end at the fetches' isolation level, or the first offset at or after the timestamp (the end where there is none). */
  readonly listOffsets: (
    tps: ReadonlyArray<TopicPartition>,
    at: At
  ) => Effect.Effect<ReadonlyMap<string, number>, TransportError>
  /** Fresh from the brokers, not from a cache. */
  readonly metadata: (topics: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<TopicInfo>, TransportError>
  /** Fresh from the brokers. */
  readonly identify: (topic: string) => Effect.Effect<LogIdentity, TransportError>
}

/** Appends records. Bounded by its callers; closed with the Scope that it was made in, which fails what waits. @stable */
export interface Producer {
  /**
   * Appends the records of one call in their order within each partition. Success means acknowledged as `acks` says. Calls may be
   * made while others are unanswered: each partition appends them in the order in which they were made, and a call is answered when its own
   * records are appended or have failed, whatever other partitions and other calls meet.
   *
   * Nothing is sent again after a failure: the caller sends the same records again, behind what it called meanwhile, or gives them up. Any
   * failure may have appended some of them. Interrupting a call takes back what is not on its way yet; what is on its way may still be
   * appended, before anything that is called later. Records wait in memory until then: what callers may have waiting is theirs to bound.
   */
  readonly produce: (records: ReadonlyArray<OutgoingRecord>) => Effect.Effect<void, TransportError>
  /** Fresh from the brokers, as a group client's. */
  readonly metadata: (topics: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<TopicInfo>, TransportError>
  /**
   * Ms by which this machine's clock is ahead (less than 0: behind) of the brokers', as far as the last append proves it; undefined where
   * the log tells no time of its own (CreateTime, no append yet, no acknowledgements).
   */
  readonly clockAhead?: () => number | undefined
}

/** A group as its coordinator describes it. @stable */
export interface InspectedGroup {
  /** In the brokers' word, such as Stable or Empty; Dead where there is no such group. */
  readonly state: string
  /** How many. */
  readonly members: number
  /** The one that its members have in common; "" where it has none. */
  readonly protocol: string
  /** Ms: what a member's session timeout may be; null where the brokers do not tell. */
  readonly sessionTimeouts: { readonly least: number; readonly most: number } | null
}

/** What `check` reads: the cluster as it is. Settings are the broker's own names and values. @stable */
export interface Inspection {
  /** Those that are up: node ids, and `host:port` as clients are told it. */
  readonly brokers: ReadonlyArray<{ readonly node: number; readonly address: string }>
  /** Those that were asked about. */
  readonly topics: ReadonlyArray<{
    readonly topic: string
    readonly partitions: number
    readonly replicas: number
    /** Without those that this user may not see. */
    readonly settings: Readonly<Record<string, string>>
    /** This user's right; absent where the brokers do not tell. */
    readonly mayWrite?: boolean
  }>
  /** Null where none was asked about. */
  readonly group: InspectedGroup | null
}

/** The edge to a partitioned log, in Kafka's own requests. It holds no opinion: it retries, rejoins, seeks and resets nothing by itself. Layers: `EmbeddedLog.transport` (in memory), `KafkaTransport.layer`. @stable */
export class Transport extends Context.Service<
  Transport,
  {
    /** A client for one group member; its connections close with the Scope. */
    readonly groupClient: (options: {
      readonly group: string
      readonly clientId: string
      /** A longer record comes without its value (see `LogRecord.tooLarge`). */
      readonly maxRecordBytes?: number
    }) => Effect.Effect<GroupClient, TransportError, Scope.Scope>
    /** A client that appends; its connections close with the Scope. */
    readonly producer: (options: {
      readonly clientId: string
      readonly acks: Acks
      readonly compression: Compression
      /** Bytes of one request, before compression, unless a single record is larger. Default: below what every broker and Event Hubs takes. */
      readonly maxRequestBytes?: number
    }) => Effect.Effect<Producer, TransportError, Scope.Scope>
    /** Reads, changes nothing. Null instead of a group: who only writes has no right to ask about any. */
    readonly inspect: (
      topics: ReadonlyArray<string>,
      group: string | null
    ) => Effect.Effect<Inspection, TransportError, Scope.Scope>
  }
>()("k2p/transport/Transport") {}
