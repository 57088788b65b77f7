/**
 * Found by the simulation (seed 112 with much of `lateCommit`, `doubt` and `burst`): under back pressure an owner dropped the first
 * chunk of a round whose second never came, and took it for a round like any other: L moved up to it, past the round that was
 * shown before it. Its next owner read an unfinished round from there, knew of nothing newer, and showed a late copy of an older
 * round. What a dropped chunk takes the place of holds L; and of a dropped stretch the highest round is told, too.
 */
import { assert, it } from "vitest"
import type { Schedule } from "../../src/testing/simulation/Schedule.ts"
import { play } from "../../src/testing/simulation/World.ts"
import { dropsWhenFull } from "../simulation/dropsWhenFull.ts"

const schedule: Schedule = {
  seed: 112,
  profile: "faults",
  pods: 3,
  partitions: 4,
  sources: 8,
  scrapers: 2,
  commit: "scraped",
  mixedLimits: true,
  backpressure: "adaptive",
  pace: 60,
  latency: 0,
  faults: [
    {
      at: 16864,
      fault: { type: "doubt", pod: 0, how: "lost", unfinished: true, by: 1026, burst: 66, later: 19, perRecord: 113 }
    },
    { at: 21159, fault: { type: "lateEcho", source: 3, back: 1, after: 16379 } },
    {
      at: 25000,
      fault: { type: "doubt", pod: 1, how: "lost", unfinished: true, by: 1861, burst: 67, later: 355, perRecord: 128 }
    },
    { at: 25578, fault: { type: "relay", pod: 1, crash: true, perRecord: 112, burst: 17, later: 2304 } },
    { at: 32781, fault: { type: "dieRejoining", pod: 4, burst: 79, later: 4590, perRecord: 34 } },
    { at: 34695, fault: { type: "loseHeartbeats", pod: 0, ms: 8395 } }
  ]
}

it("an owner that dropped a chunk holds L at what was shown before it", () => {
  assert.deepStrictEqual(play(schedule, { backpressure: dropsWhenFull(schedule.backpressure) }).violations, [])
})
