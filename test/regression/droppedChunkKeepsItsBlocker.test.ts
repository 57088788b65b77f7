/**
 * Found by the simulation (seed 635594192): under drop-front an owner dropped the first chunk of a source's round and with it the
 * rounds before; it committed L at the round's last chunk. Its successor, which dropped nothing, never saw a whole round of
 * the source from there on, took a late echo of an old round for news, and showed 2 after 3 had been shown. One dropped chunk
 * is no proof of a round: L stays at what was known whole before.
 */
import { assert, it } from "vitest"
import { Rounds } from "../../src/metrics/rounds/Rounds.ts"
import type { Schedule } from "../../src/testing/simulation/Schedule.ts"
import { play } from "../../src/testing/simulation/World.ts"
import { dropsWhenFull } from "../simulation/dropsWhenFull.ts"

const schedule: Schedule = {
  seed: 635594192,
  profile: "faults",
  pods: 4,
  partitions: 4,
  sources: 10,
  scrapers: 2,
  commit: "scraped",
  mixedLimits: true,
  backpressure: "drop-front",
  pace: 5,
  latency: 5,
  faults: [
    { at: 4329, fault: { type: "crash", pod: 4 } },
    { at: 4472, fault: { type: "crash", pod: 2 } },
    { at: 5116, fault: { type: "cut", pod: 2, ms: 2538, lose: "both" } },
    { at: 16416, fault: { type: "cut", pod: 3, ms: 12138, lose: "answer" } },
    { at: 22932, fault: { type: "crash", pod: 1 } },
    { at: 25562, fault: { type: "lateEcho", source: 7, back: 3, after: 12715 } },
    {
      at: 33152,
      fault: { type: "dieRejoining", pod: 4, burst: 84, later: 708, perRecord: 125 }
    },
    { at: 39431, fault: { type: "wallJump", pod: 1, by: -518586 } }
  ]
}

it("a late echo stays unseen after its newer rounds were dropped chunk by chunk and the partition moved", () => {
  assert.deepStrictEqual(play(schedule, { backpressure: dropsWhenFull(schedule.backpressure) }).violations, [])
})

it("who begins at L after chunks were dropped ignores the same late round as the owner that dropped them", () => {
  const options = { gatherBytes: 1_000_000, sourceBytes: 1_000_000, maxSources: 10 }
  const bounds = { kept: () => 0, settled: () => 0, outlived: () => 0, period: () => 0 }
  const chunk = (round: number, index: number) => ({ source: "s", number: { epoch: 1, round }, index, count: 2 })
  const log = [chunk(3, 1), chunk(3, 2), chunk(4, 1), chunk(4, 2), chunk(5, 1), chunk(5, 2)]
  const echo = [chunk(2, 1), chunk(2, 2)]
  for (let taken = 0; taken <= log.length; taken += 1) {
    const dropper = new Rounds<string>(options, bounds)
    for (const [offset, id] of log.entries())
      if (offset < taken) dropper.take(id, { offset }, 1, "x")
      else dropper.skip(id, { offset }, offset, true)
    const successor = new Rounds<string>(options, bounds)
    for (let offset = dropper.lowest(log.length); offset < log.length; offset++)
      successor.take(log[offset]!, { offset }, 1, "x")
    for (const owner of [dropper, successor]) {
      const [, last] = echo.map((id, i) => owner.take(id, { offset: log.length + i }, 1, "x"))
      assert.deepInclude(last, { _tag: "Ignored", reason: "older" }, `${taken} taken`)
    }
  }
})
