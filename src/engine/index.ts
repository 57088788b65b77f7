/**
 * `kafka2prom/engine`: one member of a group with its partitions (`EngineLayer.layer`), and what a team may swap of it: what is done with records
 * (`PartitionProcessor`), what happens where too many wait (`Backpressure`), who should have which partition (`Assignor`). It runs over any
 * Transport (`kafka2prom/transport`, `kafka2prom/kafka`) and loads none.
 */

export { type OwnMetrics, SelfMetrics, type SelfMetricsShape } from "../SelfMetrics.ts"
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
} from "./Backpressure.ts"
export {
  type Cut,
  Engine,
  EngineFailed,
  type EngineStatus,
  type GrowthStatus,
  type HandoffStatus,
  NotProven,
  type PartitionPhase,
  type PartitionStatus
} from "./Engine.ts"
export * as EngineLayer from "./EngineLayer.ts"
export { Assignor } from "./group/Assignor.ts"
export type { Holder } from "./group/Balance.ts"
export type { DoubtStatus } from "./group/Doubt.ts"
export type { Wish } from "./group/Grant.ts"
export type { Homes, Verdict } from "./growth/Homes.ts"
export { defaultEngineOptions, type EngineOptions } from "./Options.ts"
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
} from "./PartitionProcessor.ts"
export type { Quarantine } from "./partition/Quarantine.ts"
export type { TroubleStatus } from "./partition/Trouble.ts"
export type { Testimony, Witness } from "./partition/Witness.ts"
