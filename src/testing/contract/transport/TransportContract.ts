/**
 * The Transport's contract as tests: what every Layer of it must do, whether the log is in memory or a real cluster.
 * A test file calls this with an effect that starts its harness (see harness.ts) and stops it with the Scope.
 *
 * All tests run on the real clock and wait for conditions. Where a test asserts a time it is a lower bound, or an
 * upper one far from what it tells apart.
 */
import { layer } from "@effect/vitest"
import type { Effect, Scope } from "effect"
import { commitContract } from "./Commits.ts"
import { type ContractHarness, Harness } from "./Harness.ts"
import { groupContract } from "./Membership.ts"
import { dataContract } from "./Records.ts"

export const transportContract = (name: string, start: Effect.Effect<ContractHarness, never, Scope.Scope>): void => {
  layer(Harness.layer(start), { excludeTestServices: true, timeout: 120_000 })(name, (it) => {
    dataContract(it)
    groupContract(it)
    commitContract(it)
  })
}
