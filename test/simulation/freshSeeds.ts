/**
 * One half of the simulation's share of `npm test`: vitest gives each file a worker, so two files keep two cores busy. The seeds
 * are fresh each time, from the time of day, and printed; K2P_SEED plays one seed again and nothing else.
 */
import { assert, it } from "@effect/vitest"
import { simulate } from "../../src/testing/simulation/Simulate.ts"
import { noTotals, sum, tell } from "../../src/testing/simulation/Totals.ts"

const schedules = 300
/** A machine too slow for all of them plays fewer and says so. */
const budget = 150_000

export const playFreshSeeds = (half: 0 | 1): void => {
  it("no schedule of fresh seeds breaks a promise", { timeout: 2 * budget }, () => {
    const given = process.env.K2P_SEED
    const first = given === undefined ? (Date.now() % 1_000_000_000) + half * 1_000_000_000 : Number(given)
    const count = given === undefined ? schedules : 1
    const deadline = performance.now() + budget
    let totals = noTotals()
    let fewest = Number.POSITIVE_INFINITY
    for (let seed = first; seed < first + count && performance.now() < deadline; seed++) {
      const { broken, ...played } = simulate({ seeds: { from: seed, count: 1 } })
      if (broken !== undefined)
        assert.fail(`${broken.message}\nAgain: K2P_SEED=${seed} npx vitest run test/simulation/freshSeeds`)
      totals = sum([totals, played])
      fewest = Math.min(fewest, played.faults)
    }
    console.log(`simulation, seeds ${first} to ${first + totals.schedules - 1}: ${tell(totals)}`)
    if (totals.schedules < count)
      console.warn(
        `simulation: this machine played only ${totals.schedules} of ${count} schedules in ${budget / 1000} s`
      )
    assert.isAtLeast(fewest, 20, "faults in each schedule")
  })
}
