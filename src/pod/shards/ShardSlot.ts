/** ShardSlot: a shard's place in its pod, which its threads come and go in. Its number never changes. */
import type { ShardView } from "./ShardView.ts"

export interface ShardSlot {
  readonly shard: number
  /** Absent while the shard is not running. */
  view: ShardView | undefined
  /** How often its thread had to be started again. */
  restarts: number
}
