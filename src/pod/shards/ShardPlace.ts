/** ShardPlace: a shard's place in its pod, which its threads come and go in. Its number never changes. */
import type { ShardView } from "./ShardView.ts"

/** One of a pod's shards, whether it runs or not. @experimental */
export interface ShardPlace {
  readonly shard: number
  /** Absent while the shard is not running. */
  view: ShardView | undefined
  /** How often its thread had to be started again. */
  restarts: number
}
