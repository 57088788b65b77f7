/**
 * kafka2prom/testing: what the project tests itself with, for parts of a team's own: a log in memory with faults at the level of requests,
 * virtual time, pods that are killed, frozen and cut off, histories with a judge, and the contracts of what may be swapped, as plain values for
 * any test runner. It needs none. See docs/testing-kit.md.
 */
export type { GroupDescription } from "../transport/embedded/Coordinator.ts"
export {
  EmbeddedLog,
  type EmbeddedLogOptions,
  type EmbeddedLogStats,
  type TopicOptions
} from "../transport/embedded/EmbeddedLog.ts"
export type { Plan, Request, Script } from "../transport/embedded/Faults.ts"
export { assignorContract } from "./contract/AssignorContract.ts"
export { backpressureContract } from "./contract/BackpressureContract.ts"
export { type Case, CaseFailed, caseOf } from "./contract/Case.ts"
export { must } from "./contract/Must.ts"
export { durableContract } from "./contract/processor/DurableContract.ts"
export { processorContract } from "./contract/processor/ProcessorContract.ts"
export type { TransportHarness } from "./contract/transport/Harness.ts"
export { transportContract } from "./contract/transport/TransportContract.ts"
export type { DurableSubject, Stored } from "./DurableSubject.ts"
export { outside, type Reach, Unheard } from "./pods/Outside.ts"
export { type PodParts, type TestPod, testPod } from "./pods/TestPod.ts"
export { type Random, random, shuffled } from "./Random.ts"
export type { Said, Subject } from "./Subject.ts"
export type { Fault, Timed } from "./simulation/Fault.ts"
export type { Happening, HistoryJudge } from "./simulation/Happening.ts"
export type { Profile } from "./simulation/Profile.ts"
export type { Schedule } from "./simulation/Schedule.ts"
export type { Swapped } from "./simulation/SimPod.ts"
export {
  type Broken,
  type ReplayOptions,
  replay,
  type Simulated,
  type SimulateOptions,
  simulate
} from "./simulation/Simulate.ts"
export type { Totals } from "./simulation/Totals.ts"
export type { Outcome } from "./simulation/World.ts"
export { virtualTime } from "./VirtualTime.ts"
