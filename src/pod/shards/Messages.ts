/**
 * Messages: what the main thread and a worker say to each other about a shard. Plain data; chunks are handed over, not copied.
 * Messages of one side arrive in order, which is what puts a shard's cuts in the order of the scrapes' arrivals (rule 7).
 */
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { ShardPlan, ShardQuestions } from "../../metrics/body/BodyPlan.ts"
import type { DigestEntry } from "../../metrics/body/FamilyMeta.ts"
import type { LineChunk } from "../../metrics/body/LineChunks.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import type { ShardReport } from "./ShardView.ts"

/** Chunks that may be on their way or waiting on the other side. */
export const window = 2

/** Families, or questions about them, in one message: what is sent is written and read in one turn. */
export const familiesOfMessage = 2_000

export type ToShard =
  /** A scrape, from here on named by its id, until its end. */
  | { readonly type: "cut"; readonly id: number; readonly arrivedAt: bigint }
  | { readonly type: "fit"; readonly id: number; readonly questions: ShardQuestions }
  /** A part of the plan; the lines are made when the last one has come. */
  | { readonly type: "lines"; readonly id: number; readonly plan: ShardPlan; readonly last: boolean }
  /** Room for one more chunk, and memory for it where there is some. */
  | { readonly type: "pull"; readonly id: number; readonly memory: ArrayBuffer | undefined }
  | { readonly type: "end"; readonly id: number; readonly delivered: boolean }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  /** Leave the group and end. */
  | { readonly type: "leave" }

export type Question =
  | { readonly about: "report"; readonly sources: number }
  | { readonly about: "switch"; readonly strategy: StrategyName; readonly tp: TopicPartition | undefined }
  | { readonly about: "metrics" }
  | { readonly about: "life" }

export type Answer = ShardReport | OwnMetrics | boolean

export type FromShard =
  | { readonly type: "running" }
  /** The member ids that the group's coordinator may know the shard by now. */
  | { readonly type: "members"; readonly memberIds: ReadonlyArray<string> }
  /** A part of it. */
  | {
      readonly type: "digest"
      readonly id: number
      readonly entries: ReadonlyArray<DigestEntry>
      readonly last: boolean
    }
  | { readonly type: "fits"; readonly id: number; readonly fits: ReadonlyArray<boolean> }
  | { readonly type: "unproven"; readonly id: number; readonly why: string }
  | { readonly type: "chunk"; readonly id: number; readonly chunk: LineChunk }
  | { readonly type: "done"; readonly id: number }
  /** A defect met this scrape alone. */
  | { readonly type: "fault"; readonly id: number; readonly why: string }
  | { readonly type: "answer"; readonly id: number; readonly value: Answer }
  /** The shard cannot go on; the thread ends by itself. */
  | { readonly type: "failed"; readonly message: string }

/** Of a Worker, of a worker's parent port, of either end of a MessageChannel. */
export interface Port {
  postMessage(message: unknown, transfer?: ReadonlyArray<ArrayBuffer>): void
  on(event: "message", listener: (message: unknown) => void): unknown
}
