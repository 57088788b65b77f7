/** `kafka2prom/pod`: a pod of any application, with a server of its own (`runPod`) or within another one (`openPod`). */
export type { Address } from "../config/Kind.ts"
export type { Origin, SettingStatus } from "../config/Resolve.ts"
export type { Handle } from "../http/Handler.ts"
export { ServerError } from "../http/ServerError.ts"
export { type EmbeddedPod, openPod, type PodOptions, runPod } from "./Pod.ts"
export type { ShardSettings } from "./shards/ShardSettings.ts"
export { inThisThread, type Named, type Shards } from "./shards/Shards.ts"
