/**
 * Found by the simulation (seed 640472719): a member that was frozen got its assignment of two partitions when it had been put out
 * of the group long before. The first partition's actor started at once, its first commit was refused, and everything was to be
 * evicted, before the second partition was in the table of what is owned: nobody evicted it, nobody reported it, and the
 * member waited for it for ever instead of joining again. All that is acquired is owned before the first actor starts.
 */
import { assert, it } from "vitest"
import type { Schedule } from "../simulation/Schedule.ts"
import { play } from "../simulation/World.ts"

const schedule: Schedule = {
  seed: 640472719,
  profile: "faults",
  pods: 2,
  partitions: 2,
  sources: 4,
  scrapers: 2,
  commit: "scraped",
  mixedLimits: true,
  backpressure: "pause",
  pace: 0,
  latency: 5,
  faults: [
    { at: 28564, fault: { type: "leave", pod: 1 } },
    {
      at: 29013,
      fault: { type: "doubt", pod: 1, how: "lost", unfinished: true, by: 3864, burst: 42, later: 551, perRecord: 106 }
    },
    { at: 33919, fault: { type: "cut", pod: 2, ms: 2654, lose: "answer" } },
    { at: 38458, fault: { type: "freeze", pod: 2, ms: 3129, suspend: false } },
    { at: 39029, fault: { type: "failSync", pod: 0, how: "late" } },
    { at: 43780, fault: { type: "freeze", pod: 1, ms: 12095, suspend: true } },
    { at: 51333, fault: { type: "freeze", pod: 4, ms: 6118, suspend: false } }
  ]
}

it("a membership that is lost while its partitions are acquired leaves none of them behind", () => {
  assert.deepStrictEqual(play(schedule).violations, [])
})
