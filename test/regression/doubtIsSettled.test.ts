/**
 * Found by the simulation (seed 1399954547): a commit of unknown outcome, then a confirmed one with a larger R in the same
 * generation, then a rebalance. The partition's next commit said what the confirmed one had said, so it was never sent; but only a
 * commit of a later generation ends the doubt, so the small R bound for ever and the partition stood still. A partition in
 * doubt commits again although nothing changed.
 */
import { assert, it } from "vitest"
import type { Schedule } from "../../src/testing/simulation/Schedule.ts"
import { play } from "../../src/testing/simulation/World.ts"

const schedule: Schedule = {
  seed: 1399954547,
  profile: "faults",
  pods: 3,
  partitions: 4,
  sources: 6,
  scrapers: 3,
  commit: "visible",
  mixedLimits: true,
  backpressure: "pause",
  pace: 0,
  latency: 0,
  faults: [
    { at: 7355, fault: { type: "leave", pod: 3 } },
    { at: 28447, fault: { type: "lateCommit", pod: 3, ms: 1305, by: 5019 } },
    { at: 29052, fault: { type: "crash", pod: 4 } },
    { at: 31850, fault: { type: "poison", source: 3 } }
  ]
}

it("a partition whose R is in doubt commits again in the next generation, although nothing changed", () => {
  assert.deepStrictEqual(play(schedule).violations, [])
})
