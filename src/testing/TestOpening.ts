/** What a processor is told that is opened by hand, on a log that is empty unless it is said otherwise: without ids, and nothing of it was lost. */
import { Effect } from "effect"
import { Homes } from "../engine/growth/Homes.ts"
import type { Opening } from "../engine/PartitionProcessor.ts"
import type { TopicPartition } from "../transport/Transport.ts"
import { noTime } from "./NoTime.ts"

export const openingOf = (tp: TopicPartition, change: Partial<Opening> = {}): Opening => ({
  tp,
  plan: { start: 0, fence: 0, committed: 0, memo: "", logStart: 0, logEnd: 0, restarted: false },
  generation: 1,
  owned: () => true,
  prove: Effect.void,
  log: {
    identity: Effect.succeed({ cluster: null, topicId: null }),
    end: Effect.succeed(0),
    holds: () => Effect.succeed("same")
  },
  startOver: () => {},
  time: noTime,
  homes: new Homes(tp.partition),
  ...change
})
