/**
 * Found by the simulation (seed 640472719): a member that was frozen got its assignment of two partitions when it had been put out
 * of the group long before. The first partition's actor started at once, its first commit was refused, and everything was to be
 * evicted, before the second partition was in the table of what is owned: nobody evicted it, nobody reported it, and the
 * member waited for it for ever instead of joining again. All that is acquired is owned before the first actor starts.
 *
 * And once more (seed 641554211): the loss came so early that the actor's fiber was not in its Scope yet. The Scope closed without it,
 * the partition counted as evicted and was acquired again, while the first actor was still at work. An actor begins a step later.
 */
import { assert, it } from "vitest"
import type { Schedule } from "../../src/testing/simulation/Schedule.ts"
import { play } from "../../src/testing/simulation/World.ts"

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

const early: Schedule = {
  seed: 641554211,
  profile: "faults",
  pods: 3,
  partitions: 3,
  sources: 7,
  scrapers: 2,
  commit: "visible",
  mixedLimits: true,
  backpressure: "pause",
  pace: 20,
  latency: 150,
  faults: [
    { at: 9922, fault: { type: "burst", rounds: 12 } },
    { at: 11270, fault: { type: "delay", pod: 2, ms: 1855, by: 526, side: "request" } },
    { at: 14152, fault: { type: "lateCommit", pod: 0, ms: 1928, by: 5239 } },
    { at: 24251, fault: { type: "cut", pod: 2, ms: 6680, lose: "both" } },
    { at: 24526, fault: { type: "loseHeartbeats", pod: 3, ms: 5072 } },
    { at: 27073, fault: { type: "cut", pod: 0, ms: 8183, lose: "both" } },
    { at: 29257, fault: { type: "rollout", pod: 4, ms: 4203, crash: false, later: 2504, perRecord: 144 } },
    { at: 29395, fault: { type: "delay", pod: 3, ms: 5066, by: 2841, side: "answer" } },
    { at: 32527, fault: { type: "abortScrapes", ms: 4353 } },
    { at: 34491, fault: { type: "silence", source: 7, ms: 7929 } },
    { at: 38152, fault: { type: "delay", pod: 3, ms: 5178, by: 592, side: "answer" } },
    { at: 46289, fault: { type: "leave", pod: 1 } },
    {
      at: 46776,
      fault: {
        type: "zombie",
        pod: 3,
        ms: 8744,
        suspend: true,
        evict: 968,
        others: "leave",
        othersAfter: 1565,
        perRecord: 120
      }
    },
    { at: 50198, fault: { type: "addPartitions", count: 2 } }
  ],
  lateCuts: 400
}

it("an actor that is evicted at its very start is stopped before it counts as evicted", () => {
  assert.deepStrictEqual(play(early).violations, [])
})

it("a membership that is lost while its partitions are acquired leaves none of them behind", () => {
  assert.deepStrictEqual(play(schedule).violations, [])
})
