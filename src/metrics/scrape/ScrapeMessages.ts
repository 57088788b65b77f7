/**
 * ScrapeMessages: what the two ends of a scrape say to each other, see ShardScrape and ScrapeChannel: proof and digest, questions where
 * there are some, the plan, lines. What goes over families goes in parts, so that no part is long to write or to read.
 */
import type { ShardPlan, ShardQuestions } from "../body/BodyPlan.ts"
import type { DigestEntry } from "../body/FamilyMeta.ts"
import type { LineChunk } from "../body/LineChunks.ts"

/** Families, or questions about them, in one message: what is sent is written and read in one turn. */
export const familiesOfMessage = 2_000

export type ToShard =
  | { readonly type: "fit"; readonly id: number; readonly questions: ShardQuestions }
  /** A part of the plan; the lines are made when the last one has come. */
  | { readonly type: "plan"; readonly plan: ShardPlan; readonly last: boolean }

export type FromShard =
  /** The ownership of the cut could not be proved: nothing else comes. */
  | { readonly type: "unproven"; readonly why: string }
  /** A part of it, of a cut whose ownership is proved. */
  | { readonly type: "digest"; readonly entries: ReadonlyArray<DigestEntry>; readonly last: boolean }
  | { readonly type: "fits"; readonly id: number; readonly fits: ReadonlyArray<boolean> }
  | { readonly type: "chunk"; readonly chunk: LineChunk }

/** The last word: whether a body with the lines was sent whole to a Prometheus. */
export type End = boolean
