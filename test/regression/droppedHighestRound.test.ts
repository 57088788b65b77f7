/**
 * Found by the simulation (seed 636441849): a new owner dropped a stretch that held rounds 5 to 9 of a source and then a repeated
 * round 7. The queue told of the stretch only its first and its last record, 5 and 7, so that a late round 7 was news to it, after 8
 * had been shown by the owner before. Of a dropped stretch the highest round is told, too.
 */
import { assert, it } from "vitest"
import type { Schedule } from "../../src/testing/simulation/Schedule.ts"
import { play } from "../../src/testing/simulation/World.ts"
import { dropsWhenFull } from "../simulation/dropsWhenFull.ts"

const schedule: Schedule = {
  seed: 636441849,
  profile: "faults",
  pods: 4,
  partitions: 3,
  sources: 7,
  scrapers: 3,
  commit: "scraped",
  mixedLimits: false,
  backpressure: "adaptive",
  pace: 60,
  latency: 0,
  faults: [
    {
      at: 9275,
      fault: {
        type: "freeze",
        pod: 0,
        ms: 13445,
        suspend: true
      }
    },
    {
      at: 9436,
      fault: {
        type: "slowJoin",
        pod: 3,
        by: 4363
      }
    },
    {
      at: 9903,
      fault: {
        type: "doubt",
        pod: 0,
        how: "late",
        unfinished: false,
        by: 2980,
        burst: 82,
        later: 311,
        perRecord: 54
      }
    },
    {
      at: 10109,
      fault: {
        type: "lateEcho",
        source: 0,
        back: 2,
        after: 12434
      }
    },
    {
      at: 15196,
      fault: {
        type: "repeat",
        source: 0,
        back: 2
      }
    },
    {
      at: 21402,
      fault: {
        type: "delay",
        pod: 3,
        ms: 5787,
        by: 3487,
        side: "answer"
      }
    }
  ]
}

it("a round that was repeated within a dropped stretch does not hide a higher one from the owner that dropped both", () => {
  assert.deepStrictEqual(play(schedule, { backpressure: dropsWhenFull(schedule.backpressure) }).violations, [])
})
