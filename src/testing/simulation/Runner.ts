/**
 * Runner: plays a seed and, where a promise was broken, finds the smallest history that still breaks one and says it for people:
 * the seed, the schedule as JSON that `replay` takes, and the history of what happened.
 */
import { makeSchedule, type Profile, type Schedule } from "./Schedule.ts"
import type { Parts } from "./SimPod.ts"
import { type Outcome, play } from "./World.ts"

export interface Totals {
  schedules: number
  faults: number
  scrapes: number
  values: number
  podHours: number
  virtualHours: number
  longestHealing: number
  longestGap: number
}

export const noTotals = (): Totals => ({
  schedules: 0,
  faults: 0,
  scrapes: 0,
  values: 0,
  podHours: 0,
  virtualHours: 0,
  longestHealing: 0,
  longestGap: 0
})

export const count = (t: Totals, o: Outcome): void => {
  t.schedules += 1
  t.faults += o.faults
  t.scrapes += o.scrapes
  t.values += o.values
  t.podHours += o.podMs / 3_600_000
  t.virtualHours += o.virtualMs / 3_600_000
  t.longestHealing = Math.max(t.longestHealing, o.healedIn)
  t.longestGap = Math.max(t.longestGap, o.longestGap)
}

export const sum = (all: ReadonlyArray<Totals>): Totals => {
  const total = noTotals()
  for (const t of all) {
    for (const key of ["schedules", "faults", "scrapes", "values", "podHours", "virtualHours"] as const)
      total[key] += t[key]
    total.longestHealing = Math.max(total.longestHealing, t.longestHealing)
    total.longestGap = Math.max(total.longestGap, t.longestGap)
  }
  return total
}

export const tell = (t: Totals): string =>
  `${t.schedules} schedules, ${t.faults} faults, ${t.scrapes} scrapes, ${t.values} values judged, ` +
  `${t.podHours.toFixed(1)} pod-hours simulated; healed within ${(t.longestHealing / 1000).toFixed(1)} s` +
  (t.longestGap > 0 ? `, no source away for more than ${(t.longestGap / 1000).toFixed(1)} s` : "")

/** One in twelve histories is calm, for what can only be judged there, and in one the topic grows under keyed producers, in every second of those of several partitioners. */
export const profileOf = (seed: number): Profile => {
  if (seed % 12 === 0) return "calm"
  return seed % 24 === 6 ? "growth" : seed % 24 === 18 ? "mixedGrowth" : "faults"
}

/** Leaves out faults, halves first, as long as something is still found; at most `tries` times. */
export const shrink = (schedule: Schedule, broken: (s: Schedule) => boolean, tries = 120): Schedule => {
  let best = schedule
  let left = tries
  for (let size = Math.ceil(best.faults.length / 2); size >= 1 && left > 0; ) {
    let smaller: Schedule | undefined
    for (let from = 0; from < best.faults.length && left > 0; from += size) {
      const candidate = { ...best, faults: [...best.faults.slice(0, from), ...best.faults.slice(from + size)] }
      left -= 1
      if (!broken(candidate)) continue
      smaller = candidate
      break
    }
    if (smaller !== undefined) best = smaller
    else if (size === 1) break
    size = Math.min(smaller === undefined ? Math.ceil(size / 2) : size, Math.max(1, best.faults.length))
  }
  return best
}

const lastLines = 400

/** What a person needs to see and to repeat the failure. */
export const explain = (schedule: Schedule, parts: Parts = {}): string => {
  const small = shrink(schedule, (s) => play(s, parts).violations.length > 0)
  const { violations, history } = play(small, parts, { history: true })
  const cut = history.length > lastLines ? [`(${history.length - lastLines} lines before)`] : []
  return [
    `A promise was broken. Seed ${schedule.seed}, ${small.faults.length} of ${schedule.faults.length} faults are left.`,
    `Again: K2P_SEED=${schedule.seed} npx vitest run test/simulation, or replay this schedule (test/simulation/Runner.ts):`,
    JSON.stringify(small),
    "What happened:",
    ...cut,
    ...history.slice(-lastLines),
    "What was found:",
    ...violations.slice(0, 20)
  ].join("\n")
}

/** A schedule as `explain` printed it. */
export const replay = (json: string, parts: Parts = {}): Outcome =>
  play(JSON.parse(json) as Schedule, parts, { history: true })

/** Plays one seed. The text is of a broken promise, shrunk. */
export const runSeed = (seed: number, profile: Profile, totals: Totals, faults?: number): string | undefined => {
  const schedule = makeSchedule(seed, { profile, ...(faults === undefined ? {} : { faults }) })
  const outcome = play(schedule)
  count(totals, outcome)
  return outcome.violations.length === 0 ? undefined : explain(schedule)
}
