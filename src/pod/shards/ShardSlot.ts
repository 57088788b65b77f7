/** ShardSlot: a shard's place in its pod, which its threads come and go in. Its number never changes. */
import type { Shard } from "./Shard.ts"

export interface ShardSlot {
  readonly number: number
  /** Absent while the shard is not running. */
  shard: Shard | undefined
  /** How often its thread had to be started again. */
  restarts: number
}
