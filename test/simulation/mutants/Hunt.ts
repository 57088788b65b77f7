/**
 * Hunt: plays the schedule that the table in docs/handoff.md names for a mutant, and where that one does not find what it breaks, seeds from 1 on
 * until one does; prints the table as it is now. A mutant that survives its budget fails its test, and so does one that
 * stops the simulation itself.
 *
 * What was found counts only where the same histories without the broken rule keep all promises: the schedule that caught it
 * is played again, on the engine as it is, or on what the mutant replaces besides, and then some more are.
 */
import { readFileSync } from "node:fs"
import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { makeSchedule, type Schedule } from "../../../src/testing/simulation/Schedule.ts"
import { play as playAsItIs } from "../../../src/testing/simulation/World.ts"
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

/** Asks what is played on modules loaded anew. */
const inWorld = async <A>({ modules }: Replaced, use: (play: typeof playAsItIs) => A): Promise<A> => {
  vi.resetModules()
  const mocks = modules?.() ?? []
  try {
    const { play } = await import("../../../src/testing/simulation/World.ts")
    return use(play)
  } finally {
    for (const mock of mocks) mock[Symbol.dispose]()
  }
}

const page = readFileSync(new URL("../../../docs/handoff.md", import.meta.url), "utf8")

/** By rule, what is broken, and as what it is found: the first seed that finds it. */
export const listed: ReadonlyMap<string, number> = new Map(
  [...page.matchAll(/^\| ([^|]+ \| [^|]+ \| [^|]+) \| (\d+) \|$/gm)].map(([, row, seed]) => [row!, Number(seed)])
)
export const rowOf = ({ rule, breaks, found }: Mutant): string => `${rule} | ${breaks} | ${found}`

interface Caught {
  readonly seed: number
  readonly schedule: Schedule
  readonly finding: string
}

const scheduleOf = (mutant: Mutant, seed: number): Schedule => {
  const made = makeSchedule(seed, { profile: mutant.profile ?? "faults", often: mutant.often ?? [] })
  return mutant.histories?.(made) ?? made
}

const hunt = (mutant: Mutant): Promise<Caught | undefined> =>
  inWorld(mutant, (play) => {
    const known = listed.get(rowOf(mutant))
    const all = Array.from({ length: budget }, (_, i) => i + 1)
    for (const seed of known === undefined ? all : [known, ...all]) {
      const schedule = scheduleOf(mutant, seed)
      const { violations } = play(schedule, mutant.parts)
      const failed = violations.find((v) => broken.test(v))
      if (failed !== undefined) assert.fail(failed)
      const finding = violations.find((v) => verdicts[mutant.found].test(v))
      if (finding !== undefined) return { seed, schedule, finding }
    }
    return undefined
  })

/** What the judges say where the rule is not broken. */
const withoutIt = async (mutant: Mutant, schedule: Schedule): Promise<ReadonlyArray<string>> => {
  const { baseline } = mutant
  if (baseline === undefined) return playAsItIs(schedule).violations
  const more = Array.from({ length: baselines }, (_, i) => scheduleOf(mutant, i + 1))
  return inWorld(baseline, (play) => [schedule, ...more].flatMap((each) => play(each, baseline.parts).violations))
}

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
        const { schedule, seed, finding } = caught
        table.push(`| ${rowOf(mutant)} | ${seed} |`)
        const broken = await withoutIt(mutant, schedule)
        assert.deepStrictEqual(broken, [], `the same without it is broken, too; found was ${finding}`)
      })
  })
}
