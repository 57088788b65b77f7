/** What a processor is told that is opened by a test, on a log that is empty unless it is said otherwise. */
import { Effect } from "effect"
import { Homes } from "../../src/engine/growth/Homes.ts"
import type { Opening } from "../../src/engine/PartitionProcessor.ts"
import { noTime } from "../../src/testing/NoTime.ts"
import type { TopicPartition } from "../../src/transport/Transport.ts"

export const openingOf = (tp: TopicPartition, change: Partial<Opening> = {}): Opening => ({
  tp,
  plan: { start: 0, fence: 0, committed: 0, memo: "", logStart: 0, logEnd: 0, restarted: false },
  generation: 1,
  owned: () => true,
  prove: Effect.void,
  log: { identity: Effect.succeed({ cluster: null, topicId: null }), holds: () => Effect.succeed("same") },
  startOver: () => {},
  time: noTime,
  homes: new Homes(tp.partition),
  ...change
})
