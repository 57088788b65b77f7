/** Cases under vitest: each is a test of its own, and what they share is there for as long as the tests run. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { Case, CaseFailed } from "../../src/testing/contract/Case.ts"

export const eachCase = (cases: ReadonlyArray<Case>): void => {
  for (const { name, run } of cases) it(name, { timeout: 120_000 }, () => Effect.runPromise(run))
}

/** Opened before the first test of the block and closed after the last. */
export const whileTested = <A>(open: Effect.Effect<A, unknown, Scope.Scope>): (() => A) => {
  const scope = Scope.makeUnsafe()
  let opened: A
  beforeAll(async () => {
    opened = await Effect.runPromise(Scope.provide(open, scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return () => opened
}

/** The case of this rule fails, of a part that breaks it; what it says. */
export const finding = async (cases: ReadonlyArray<Case>, rule: RegExp): Promise<CaseFailed> => {
  const own = cases.filter(({ name }) => rule.test(name))
  assert.lengthOf(own, 1, `cases that ${rule} names`)
  return Effect.runPromise(Effect.flip(own[0]!.run))
}
