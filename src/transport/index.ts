/** `kafka2prom/transport`: the contract of a log, for who brings another one, and the log in memory. Loads no client of Kafka. */
export type { GroupDescription } from "./embedded/Coordinator.ts"
export {
  EmbeddedLog,
  type EmbeddedLogOptions,
  type EmbeddedLogShape,
  type EmbeddedLogStats,
  type TopicOptions
} from "./embedded/EmbeddedLog.ts"
export type { Plan, Request, Script } from "./embedded/Faults.ts"
export type { GroupState } from "./embedded/Group.ts"
export type { Retention } from "./embedded/PartitionLog.ts"
export type { First } from "./embedded/Pause.ts"
export type { TopicSettings } from "./embedded/Topics.ts"
export { type Placement, placements } from "./Placement.ts"
export {
  type Acks,
  type At,
  type Commit,
  type Committed,
  type Compression,
  defaultMaxRecordBytes,
  defaultMaxRequestBytes,
  type FetchErrorCode,
  type Fetched,
  type FetchRequest,
  type GroupClient,
  Held,
  type InspectedGroup,
  type Inspection,
  type Joined,
  type JoinRequest,
  type LogIdentity,
  type LogRecord,
  type Member,
  type OutgoingRecord,
  type PartitionInfo,
  type Producer,
  partitionKey,
  retriableCodes,
  type TopicInfo,
  type TopicPartition,
  Transport,
  TransportError,
  TransportErrorCode,
  type Unreadable,
  type UnreadableReason
} from "./Transport.ts"
