/**
 * GuardedProcessing: a processor's plain functions, such that none throws into the engine and none answers what it may not. A mistake
 * is told, and what is answered instead changes nothing; whoever is told ends the incarnation. What are Effects may fail or die
 * as they are: they run in the actor's fiber.
 */
import { Effect } from "effect"
import { type Gap, type Processing, ProcessorError } from "../PartitionProcessor.ts"
import { maxMemo, memoBytes } from "./CommitMetadata.ts"

/** Those of a processor's that may fail, by the names that the metrics have. */
export const guardedFunctions = [
  "open",
  "process",
  "unreadable",
  "gap",
  "drain",
  "committable",
  "memo",
  "lowest",
  "grown",
  "keys",
  "status"
]

/** `name`: of the function. */
export type Failed = (name: string, cause: unknown) => void

/** Nobody wants to know any more: the incarnation ends. */
const forgetful: Gap = { add: () => {}, pass: () => Effect.void }

const isOffset = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0

export const guarded = (inner: Processing, failed: Failed): Processing => {
  const attempt = <A>(name: string, otherwise: A, run: () => A): A => {
    try {
      return run()
    } catch (cause) {
      failed(name, cause)
      return otherwise
    }
  }
  const offset = (name: "committable" | "lowest", position: number): number =>
    attempt(name, 0, () => {
      const answer: unknown = inner[name](position)
      if (!isOffset(answer)) throw new ProcessorError({ message: `it answered ${String(answer)}, which is no offset` })
      return Math.min(answer, position)
    })
  const memo = (committed: number): string =>
    attempt("memo", "", () => {
      const answer: unknown = inner.memo!(committed)
      if (typeof answer !== "string")
        throw new ProcessorError({ message: `it answered ${typeof answer}, where a commit keeps text only` })
      const bytes = memoBytes(answer)
      if (bytes > maxMemo)
        throw new ProcessorError({
          message: `its ${bytes} bytes do not fit into a commit, ${maxMemo} do: nothing is committed`
        })
      return answer
    })
  const beginGap = (): Gap => {
    const gap = attempt("gap", forgetful, () => inner.gap!())
    return {
      add: (record) => attempt("gap", undefined, () => gap.add(record)),
      pass: (next, fence) => gap.pass(next, fence)
    }
  }
  const from = (answer: number): number => {
    if (isOffset(answer)) return answer
    failed("open", new ProcessorError({ message: `it begins at ${String(answer)}, which is no offset` }))
    return 0
  }
  return {
    ...(inner.from === undefined ? {} : { from: from(inner.from) }),
    borrows: inner.borrows === true,
    process: (batch) => inner.process(batch),
    ...(inner.unreadable === undefined ? {} : { unreadable: (stretch) => inner.unreadable!(stretch) }),
    ...(inner.gap === undefined ? {} : { gap: beginGap }),
    ...(inner.drain === undefined ? {} : { drain: inner.drain }),
    committable: (position) => offset("committable", position),
    ...(inner.memo === undefined ? {} : { memo }),
    lowest: (position) => offset("lowest", position),
    ...(inner.grown === undefined ? {} : { grown: () => attempt("grown", undefined, () => inner.grown!()) }),
    ...(inner.keys === undefined ? {} : { keys: () => attempt("keys", [], () => [...inner.keys!()]) }),
    status: () => attempt("status", {}, () => ({ ...inner.status() }))
  }
}
