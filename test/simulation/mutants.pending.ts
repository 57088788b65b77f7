/**
 * Each rule of the handoff, broken on purpose, is found by the simulation from seed 1 on within its budget. The table of how
 * many schedules each took is printed.
 */
import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { type Mutant, mutants } from "./Mutants.ts"
import type { Schedule } from "./Schedule.ts"

const budget = Number(process.env.MB ?? 60)

interface Caught {
  readonly schedules: number
  readonly found: string
}

/** Plays seed after seed on modules loaded anew. Undefined: nothing was found. */
const hunt = async (
  mutant: Mutant,
  how: Pick<Mutant, "modules" | "parts">,
  limit: number
): Promise<Caught | undefined> => {
  vi.resetModules()
  const mocks = how.modules?.() ?? []
  try {
    const { play } = await import("./World.ts")
    const { makeSchedule } = await import("./Schedule.ts")
    for (let seed = 1; seed <= limit; seed++) {
      const made: Schedule = makeSchedule(seed, { profile: mutant.profile ?? "faults" })
      const schedule = { ...made, faults: made.faults.filter(({ fault }) => mutant.without?.(fault) !== true) }
      const { violations } = play(schedule, how.parts)
      if (violations.length > 0) return { schedules: seed, found: violations[0]! }
    }
    return undefined
  } finally {
    for (const mock of mocks) mock[Symbol.dispose]()
  }
}

describe("the test of the tests", () => {
  const table: Array<string> = []
  afterAll(() => {
    console.log(["| rule | mutant | schedules | found |", "| --- | --- | --- | --- |", ...table].join("\n"))
  })

  for (const mutant of mutants)
    it(`found: ${mutant.breaks} (${mutant.rule})`, { timeout: 300_000 }, async () => {
      const caught = await hunt(mutant, mutant, budget)
      if (caught === undefined) assert.fail(`survived ${budget} schedules`)
      table.push(`| ${mutant.rule} | ${mutant.breaks} | ${caught.schedules} | ${caught.found} |`)
      if (mutant.baseline === undefined) return
      const alone = await hunt(mutant, mutant.baseline, caught.schedules)
      assert.isUndefined(alone?.found, "what is replaced besides the rule breaks something by itself")
    })
})
