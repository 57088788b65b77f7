/**
 * Hunt: plays seeds from 1 on against a mutant until the judges find what it breaks, and prints the table of how many
 * schedules each took. A mutant that survives its budget fails its test, and so does one that stops the simulation itself.
 *
 * What was found counts only where the same histories without the broken rule keep all promises: the schedule that caught it
 * is played again, on the engine as it is, or on what the mutant replaces besides, and then some more are.
 */
import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import type { Schedule } from "../../../src/testing/simulation/Schedule.ts"
import type { Mutant, Replaced, Verdict } from "./Mutant.ts"

/** Several times what the slowest needs today: a changed schedule generator deals other histories. */
const budget = 150
/** Schedules for what is replaced besides the rule. */
const baselines = 10

const verdicts: Readonly<Record<Verdict, RegExp>> = {
  older: /older after newer/,
  torn: /a torn round/,
  "committed unseen": /commits offset/,
  absent: /out of \d+ answers|not in .*'s body of cut|in no body from/,
  durable: /durable/,
  told: /was told of|was told that|was never told|was told to nobody/,
  healing: /although everything is quiet|and all is quiet|did not leave/
}

/** The mutant is at fault, not its rule. */
const broken = /the simulation itself failed/

interface World {
  readonly play: typeof import("../../../src/testing/simulation/World.ts")["play"]
  readonly makeSchedule: typeof import("../../../src/testing/simulation/Schedule.ts")["makeSchedule"]
}

/** On modules loaded anew. */
const inWorld = async <A>({ modules }: Replaced, use: (world: World) => A): Promise<A> => {
  vi.resetModules()
  const mocks = modules?.() ?? []
  try {
    const { play } = await import("../../../src/testing/simulation/World.ts")
    const { makeSchedule } = await import("../../../src/testing/simulation/Schedule.ts")
    return use({ play, makeSchedule })
  } finally {
    for (const mock of mocks) mock[Symbol.dispose]()
  }
}

interface Caught {
  readonly schedules: number
  readonly schedule: Schedule
  readonly finding: string
}

const scheduleOf = ({ makeSchedule }: World, mutant: Mutant, seed: number): Schedule => {
  const made = makeSchedule(seed, { profile: mutant.profile ?? "faults", often: mutant.often ?? [] })
  return mutant.histories?.(made) ?? made
}

const hunt = (mutant: Mutant): Promise<Caught | undefined> =>
  inWorld(mutant, (world) => {
    for (let seed = 1; seed <= budget; seed++) {
      const schedule = scheduleOf(world, mutant, seed)
      const { violations } = world.play(schedule, mutant.parts)
      const failed = violations.find((v) => broken.test(v))
      if (failed !== undefined) assert.fail(failed)
      const finding = violations.find((v) => verdicts[mutant.found].test(v))
      if (finding !== undefined) return { schedules: seed, schedule, finding }
    }
    return undefined
  })

export const breaksEach = (about: string, mutants: ReadonlyArray<Mutant>): void => {
  describe(`broken on purpose: ${about}`, () => {
    const table: Array<string> = []
    afterAll(() => {
      console.log(["| rule | what is broken | found | schedules |", "| --- | --- | --- | --- |", ...table].join("\n"))
    })
    for (const mutant of mutants)
      it(`is found: ${mutant.breaks}`, { timeout: 300_000 }, async () => {
        const caught = await hunt(mutant)
        if (caught === undefined) assert.fail(`survived ${budget} schedules`)
        const { schedule, schedules, finding } = caught
        table.push(`| ${mutant.rule} | ${mutant.breaks} | ${mutant.found} | ${schedules} |`)
        const { baseline } = mutant
        const broken = await inWorld(baseline ?? {}, (world) => {
          const more = Array.from({ length: baseline === undefined ? 0 : baselines }, (_, i) => i + 1)
          return [schedule, ...more.map((seed) => scheduleOf(world, mutant, seed))].flatMap(
            (each) => world.play(each, baseline?.parts).violations
          )
        })
        assert.deepStrictEqual(broken, [], `the same without it is broken, too; found was ${finding}`)
      })
  })
}
