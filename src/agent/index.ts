/**
 * `kafka2prom/agent`: the way of metrics into the log: an agent of dump files and endpoints (`Agent`), or a service that publishes its own
 * registry without a file (`publishRegistry`).
 */
export { Agent, type AgentStatus } from "./Agent.ts"
export { AgentFailed } from "./AgentFailed.ts"
export { type AgentOptions, defaultAgentOptions } from "./AgentOptions.ts"
export type { FileStatus } from "./files/Files.ts"
export type { FileState, Refused } from "./files/Wire.ts"
export type { LaneStatus } from "./Lane.ts"
export { type PublishOptions, publishRegistry } from "./PublishRegistry.ts"
export type { FailureReason } from "./scrape/Exchange.ts"
export type { ScrapeState, TargetStatus } from "./scrape/ScrapeSource.ts"
export type { Authorization, ScrapeTarget, Secret, TargetTls } from "./scrape/ScrapeTarget.ts"
