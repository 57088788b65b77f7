/** The table in docs/handoff.md is of these mutants and of no others. Its figures are what the hunts print. */
import { assert, it } from "@effect/vitest"
import { clockMutants } from "./Clocks.ts"
import { evictionMutants } from "./Eviction.ts"
import { fenceMutants } from "./Fence.ts"
import { growthMutants } from "./Growth.ts"
import { listed, rowOf } from "./Hunt.ts"
import { logBackMutants } from "./LogBack.ts"
import { membershipMutants } from "./Membership.ts"
import { proofMutants } from "./Proof.ts"
import { reservationMutants } from "./Reservation.ts"
import { roundsMutants } from "./Rounds.ts"

it("the handoff's page lists each rule that is broken on purpose", () => {
  const broken = [
    ...evictionMutants,
    ...fenceMutants,
    ...reservationMutants,
    ...proofMutants,
    ...membershipMutants,
    ...roundsMutants,
    ...clockMutants,
    ...logBackMutants,
    ...growthMutants
  ].map(rowOf)
  assert.deepStrictEqual([...listed.keys()].sort(), broken.sort())
})
