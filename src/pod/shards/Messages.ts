/**
 * Messages: what the main thread and a worker say to each other about a shard. Plain data; memory is handed over, not copied.
 * Messages of one side arrive in order, which is what puts a shard's cuts in the order of the requests' arrivals (rule 7). What an
 * application says goes along as it is.
 */
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import type { ShardReport } from "./Shard.ts"

/** A channel's credit at its opening: pieces that may be on their way or waiting on the other side. */
export const window = 2

export type ToShard =
  /** Takes a cut for a channel, from here on named by its id, until its end. */
  | { readonly type: "open"; readonly id: number; readonly request: unknown; readonly arrivedAt: bigint }
  | { readonly type: "send"; readonly id: number; readonly message: unknown }
  /** Credit for one more piece, and memory for it where there is some. */
  | { readonly type: "pull"; readonly id: number; readonly memory: ArrayBuffer | undefined }
  | { readonly type: "end"; readonly id: number; readonly message: unknown }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  /** Leave the group and end. */
  | { readonly type: "leave" }

export type Question =
  | { readonly about: "report"; readonly entries: number }
  | { readonly about: "switch"; readonly strategy: StrategyName; readonly tp: TopicPartition | undefined }
  | { readonly about: "metrics" }
  | { readonly about: "life" }
  /** For the application. */
  | { readonly about: "application"; readonly question: unknown }

/** Of each question; the type of an application's answer is known to it alone. */
export type Answer = ShardReport | OwnMetrics | boolean | unknown

export type FromShard =
  | { readonly type: "running" }
  /** The member ids that the group's coordinator may know the shard by now. */
  | { readonly type: "members"; readonly memberIds: ReadonlyArray<string> }
  | { readonly type: "piece"; readonly id: number; readonly message: unknown }
  /** The channel has no further piece. */
  | { readonly type: "done"; readonly id: number }
  /** A defect met this channel alone. */
  | { readonly type: "fault"; readonly id: number; readonly why: string }
  | { readonly type: "answer"; readonly id: number; readonly value: Answer }
  /** The shard cannot go on; the thread ends by itself. */
  | { readonly type: "failed"; readonly message: string }

/** Of a Worker, of a worker's parent port, of either end of a MessageChannel. */
export interface Port {
  postMessage(message: unknown, transfer?: ReadonlyArray<ArrayBuffer>): void
  on(event: "message", listener: (message: unknown) => void): unknown
}
