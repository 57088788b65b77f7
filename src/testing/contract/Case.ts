/**
 * Case: one rule of a contract as a plain value: a name and an Effect that succeeds where the rule is kept. It needs nothing
 * from outside and no test runner; cases of a suite may run in any order, and each runs as often as it is asked.
 *
 * ```ts
 * for (const { name, run } of assignorContract(ours)) test(name, () => Effect.runPromise(run))
 * ```
 */
import { type Cause, Effect, Schema, type Scope } from "effect"
import { Broken } from "./Must.ts"

/** A rule that was not kept. `message` has all of it, in lines: the rule, what was expected, what was found. @experimental */
export class CaseFailed extends Schema.TaggedError<CaseFailed>()("CaseFailed", {
  /** The contract's name and the case's: what must hold. */
  rule: Schema.String,
  /** Which of the case's comparisons, or what happened instead of one. */
  happened: Schema.String,
  /** "" where nothing was compared: the part under test failed, died, or did not come to an end. */
  expected: Schema.String,
  /** "" likewise. */
  found: Schema.String
}) {
  /** The rule, what was compared, what was expected and what was found, in lines. */
  override get message(): string {
    const lines = [this.rule]
    if (this.happened !== "") lines.push(`  what:     ${this.happened}`)
    if (this.expected !== "") lines.push(`  expected: ${this.expected}`, `  found:    ${this.found}`)
    return lines.join("\n")
  }
}

/** One rule of a contract: its sentence, and how it is tried. @experimental */
export interface Case {
  /** The rule, in one sentence. Unique in its suite. */
  readonly name: string
  /** Succeeds where the rule is kept. Ends by itself: a part under test that hangs is a failure after a minute. */
  readonly run: Effect.Effect<void, CaseFailed>
}

/** Ms that a case may take. */
const patience = 60_000

const because = (cause: Cause.Cause<unknown>): unknown => {
  const reason = cause.reasons.find((r) => r._tag === "Die") ?? cause.reasons.find((r) => r._tag === "Fail")
  if (reason === undefined) return "it was interrupted"
  return reason._tag === "Die" ? reason.defect : reason.error
}

const failure = (rule: string, cause: Cause.Cause<unknown>): CaseFailed => {
  const why = because(cause)
  if (why instanceof Broken)
    return new CaseFailed({ rule, happened: why.what, expected: why.expected, found: why.found })
  const told = why instanceof Error ? `${why.name}: ${why.message}` : String(why)
  return new CaseFailed({ rule, happened: told, expected: "", found: "" })
}

/** `contract`: what the rule belongs to, as people call it. `body` uses `must`, and its Scope ends with the case. @experimental */
export const caseOf = (contract: string, name: string, body: Effect.Effect<void, unknown, Scope.Scope>): Case => {
  const rule = `${contract}: ${name}`
  return {
    name,
    run: Effect.scoped(body).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.die(new Broken("", `an end within ${patience / 1_000} s`, "none"))
      }),
      Effect.catchCause((cause) => Effect.fail(failure(rule, cause)))
    )
  }
}
