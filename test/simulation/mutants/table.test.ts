/** The table in docs/handoff.md is of these mutants and of no others. Its figures are what the hunts print. */
import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { clockMutants } from "./Clocks.ts"
import { evictionMutants } from "./Eviction.ts"
import { fenceMutants } from "./Fence.ts"
import { growthMutants } from "./Growth.ts"
import { logBackMutants } from "./LogBack.ts"
import { membershipMutants } from "./Membership.ts"
import { proofMutants } from "./Proof.ts"
import { reservationMutants } from "./Reservation.ts"
import { roundsMutants } from "./Rounds.ts"

it("the handoff's page lists each rule that is broken on purpose", () => {
  const page = readFileSync(new URL("../../../docs/handoff.md", import.meta.url), "utf8")
  const listed = [...page.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| \d+ \|$/gm)].map((row) =>
    row.slice(1, 4).join(" | ")
  )
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
  ].map((m) => `${m.rule} | ${m.breaks} | ${m.found}`)
  assert.deepStrictEqual(listed.sort(), broken.sort())
})
