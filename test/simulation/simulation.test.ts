/** What the simulation must be itself, and the histories that have runs of their own. */
import { assert, describe, it } from "@effect/vitest"
import { Oracle } from "../../src/testing/simulation/judges/Oracle.ts"
import type { Profile } from "../../src/testing/simulation/Profile.ts"
import { makeSchedule } from "../../src/testing/simulation/Schedule.ts"
import { shrink } from "../../src/testing/simulation/Shrinking.ts"
import { replay, simulate } from "../../src/testing/simulation/Simulate.ts"
import { tell } from "../../src/testing/simulation/Totals.ts"
import { play } from "../../src/testing/simulation/World.ts"
import { picksWhenFull } from "./dropsWhenFull.ts"
import { wilful, wilfulAssignor } from "./wilfulAssignors.ts"

const fresh = Date.now() % 1_000_000_000

describe("the simulation", () => {
  it("a seed gives the same history each time", () => {
    const [a, b] = [1, 2].map(() => play(makeSchedule(4711), {}, { history: true }))
    assert.deepStrictEqual(a, b)
    assert.notDeepEqual(a!.history, play(makeSchedule(4712), {}, { history: true }).history)
  })

  it("a history does not change by being written down", () => {
    const { history: _, ...silent } = play(makeSchedule(4712))
    const { history: __, ...told } = play(makeSchedule(4712), {}, { history: true })
    assert.deepStrictEqual(silent, told)
  })

  it("a schedule that was printed replays", () => {
    const schedule = makeSchedule(4713)
    assert.deepStrictEqual(replay(JSON.stringify(schedule)), play(schedule, {}, { history: true }))
  })

  it("shrinking keeps what breaks and little else", () => {
    const schedule = makeSchedule(1, { faults: 40 })
    const [a, b] = [schedule.faults[7]!, schedule.faults[31]!]
    const small = shrink(schedule, (s) => s.faults.includes(a) && s.faults.includes(b))
    assert.deepStrictEqual(small.faults, [a, b])
  })
})

describe("the oracle", () => {
  const shown = (cut: number, value: number, whole = true) => ({
    cut,
    at: cut,
    pod: "p",
    values: new Map([
      ["s/v", value],
      ["s/w", value]
    ]),
    whole
  })
  const produced = (value: number): Oracle => {
    const oracle = new Oracle()
    for (const series of ["s/v", "s/w"]) oracle.produce(series, value)
    return oracle
  }

  it("an older value after a newer one is found, in the order of the cuts", () => {
    const oracle = produced(9)
    oracle.scrape(shown(2, 5))
    oracle.scrape(shown(1, 4))
    assert.deepStrictEqual(oracle.violations, [])
    oracle.scrape(shown(0, 5))
    assert.lengthOf(oracle.violations, 2)
  })

  it("a value that was never produced is found", () => {
    const oracle = produced(3)
    oracle.scrape(shown(1, 4))
    assert.lengthOf(oracle.violations, 2)
  })

  it("a round shown half is found, unless the body itself was cut", () => {
    const oracle = produced(3)
    const half = { ...shown(1, 3), values: new Map([["s/v", 3]]) }
    oracle.scrape({ ...half, whole: false })
    assert.deepStrictEqual(oracle.violations, [])
    oracle.scrape(half)
    assert.lengthOf(oracle.violations, 1)
  })

  it("after a log went back older values are forgiven only until newer ones were shown", () => {
    const oracle = produced(5)
    oracle.scrape(shown(1, 5))
    oracle.logWentBack(["s/v", "s/w"])
    oracle.scrape(shown(2, 3))
    for (const series of ["s/v", "s/w"]) oracle.produce(series, 6)
    oracle.scrape(shown(3, 6))
    assert.deepStrictEqual(oracle.violations, [])
    oracle.scrape(shown(4, 5))
    assert.lengthOf(oracle.violations, 2)
  })
})

describe("histories of their own", () => {
  const playMany = (profile: Profile, count: number) => {
    const { broken, ...totals } = simulate({ seeds: { from: fresh, count }, profile })
    if (broken !== undefined) assert.fail(broken.message)
    console.log(`${profile}, seeds from ${fresh}: ${tell(totals)}`)
  }

  it("where a log goes back, nothing older is shown once something newer was", { timeout: 300_000 }, () => {
    playMany("logBack", 60)
  })

  it("where a log goes back under pods that are well, nothing older is shown at all", { timeout: 300_000 }, () => {
    playMany("calmLogBack", 15)
  })

  it("when a coordinator that stood still goes on, all is back at once", { timeout: 300_000 }, () => {
    playMany("paused", 20)
  })

  it("where a topic grows, nothing older is shown, whoever hears of it late", { timeout: 300_000 }, () => {
    playMany("growth", 40)
  })

  it("where a topic grows under producers of several partitioners, nothing older is shown of any", {
    timeout: 300_000
  }, () => {
    playMany("mixedGrowth", 20)
  })

  it("where a topic grows under pods that are well, who stays is not touched, and who moves is back", {
    timeout: 300_000
  }, () => {
    playMany("calmGrowth", 8)
  })

  it("what comes is made durable once, whatever freezes, dies or is handed over meanwhile", {
    timeout: 300_000
  }, () => {
    playMany("durable", 60)
  })

  it("what is handed over in good order is not read again", { timeout: 300_000 }, () => {
    playMany("handedOver", 20)
  })

  it("where a strategy drops what it likes, from the middle of what waits too, nothing older is shown", {
    timeout: 300_000
  }, () => {
    const { broken } = simulate({
      seeds: { from: fresh, count: 30 },
      profile: "faults",
      histories: (made) => ({ ...made, backpressure: "drop-front" }),
      parts: { backpressure: picksWhenFull("drop-front") }
    })
    if (broken !== undefined) assert.fail(broken.message)
  })

  for (const name of wilful)
    it(`whatever an assignor answers, nothing older is shown, and all is shown: ${name}`, { timeout: 300_000 }, () => {
      for (let seed = fresh; seed < fresh + 8; seed++) {
        const parts = { assignor: wilfulAssignor(name, seed) }
        const { broken } = simulate({ seeds: { from: seed, count: 1 }, profile: "faults", parts })
        if (broken !== undefined) assert.fail(broken.message)
      }
    })

  it("coordinators that were deposed and still answer heartbeats neither stop nor lose anything", {
    timeout: 300_000
  }, () => {
    playMany("deposed", 40)
  })
})
