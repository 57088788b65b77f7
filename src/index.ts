/** What other programs import: the service's side (`dumpRegistry`), the services and layers that teams swap, and what an application or an extension of their own is made of (docs/extending.md). */
export { Agent, AgentFailed } from "./agent/Agent.ts"
export { type AgentOptions, defaultAgentOptions } from "./agent/AgentOptions.ts"
export { dumpRegistry, type RegistryDumpOptions } from "./agent/service/RegistryDump.ts"
export { RegistryDump } from "./agent/service/RegistryDumpLayer.ts"
export * as Kind from "./config/Kind.ts"
export { type Setting, settings, type Table } from "./config/Setting.ts"
export {
  Backpressure,
  type Decision,
  type Drop,
  decideAdaptive,
  decideDropFront,
  decidePause,
  type Pressure,
  type Queued,
  type RecordHead,
  type Strategy,
  type StrategyName
} from "./engine/Backpressure.ts"
export { type Cut, Engine, EngineFailed, type EngineStatus, NotProven, type PartitionStatus } from "./engine/Engine.ts"
export * as EngineLayer from "./engine/EngineLayer.ts"
export { Assignor } from "./engine/group/Assignor.ts"
export type { Holder } from "./engine/group/Balance.ts"
export type { Wish } from "./engine/group/Grant.ts"
export { defaultEngineOptions, type EngineOptions } from "./engine/Options.ts"
export {
  type Batch,
  type Beginning,
  durable,
  type Gap,
  type LogTime,
  type Needs,
  type OpenedLog,
  type Opening,
  PartitionProcessor,
  type Processing,
  ProcessorError,
  shown
} from "./engine/PartitionProcessor.ts"
export type { Handle } from "./http/Handler.ts"
export { get, type Route, reply, replyJson, replyText } from "./http/Route.ts"
export { Admission, type AdmissionSettings } from "./metrics/admission/Admission.ts"
export { MetricsCache, type PartitionContent } from "./metrics/cache/MetricsCache.ts"
export * as MetricsProcessor from "./metrics/cache/MetricsProcessor.ts"
export { default as metricsApp } from "./metrics/MetricsApp.ts"
export { metricsParts } from "./metrics/MetricsParts.ts"
export type { SeriesLabels } from "./metrics/relabel/SeriesReader.ts"
export type { SeriesRule } from "./metrics/relabel/Verdict.ts"
export type { Dump, Family } from "./metrics/text/Dump.ts"
export type { App, AppLayer, AppParts, Configured, Surface } from "./pod/App.ts"
export { type Extension, extended } from "./pod/Extension.ts"
export { type EmbeddedPod, openPod, type PodOptions, runPod } from "./pod/Pod.ts"
export { ShardService } from "./pod/ShardService.ts"
export type { Channel, Piece } from "./pod/shards/Channel.ts"
export { Inbox } from "./pod/shards/Inbox.ts"
export type { Shard, ShardReport } from "./pod/shards/Shard.ts"
export type { ShardSlot } from "./pod/shards/ShardSlot.ts"
export { inThisThread, type Shards } from "./pod/shards/Shards.ts"
export { type MainOptions, main } from "./run.ts"
export { SelfMetrics } from "./SelfMetrics.ts"
export { EmbeddedLog, type EmbeddedLogOptions } from "./transport/embedded/EmbeddedLog.ts"
export type { KafkaOptions } from "./transport/kafka/connection/KafkaOptions.ts"
export { KafkaTransport } from "./transport/kafka/KafkaTransport.ts"
export {
  type Acks,
  type Commit,
  type Compression,
  type GroupClient,
  type LogRecord,
  type OutgoingRecord,
  type Producer,
  type TopicPartition,
  Transport,
  TransportError,
  TransportErrorCode
} from "./transport/Transport.ts"
