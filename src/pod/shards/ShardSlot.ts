/** ShardSlot: a shard's place in its pod, which its threads come and go in. Its number never changes. */
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { Shard } from "./Shard.ts"

/** One of a pod's shards, whether it runs or not. @experimental */
export interface ShardSlot {
  /** From 0 on; never another one's. */
  readonly number: number
  /** Absent while the shard is not running. */
  shard: Shard | undefined
  /** What the whole pod was switched to last, which holds for threads that come later, too. */
  strategy: StrategyName | undefined
  /** How often its thread had to be started again. */
  restarts: number
}
