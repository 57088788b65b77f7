/**
 * Simulate: plays histories of whole pods on virtual time, seed after seed, and judges what scrapers see of them. Where a promise was
 * broken it finds the smallest history that still breaks one and says it for people: the seed, the options that repeat it,
 * the schedule as JSON that `replay` takes, and what happened. Synchronous: some 15 to 40 histories a second and core.
 */
import type { Effect, Scope } from "effect"
import type { DurableSubject } from "../DurableSubject.ts"
import type { Subject } from "../Subject.ts"
import type { HistoryJudge } from "./Happening.ts"
import { isDurable, type Profile } from "./Profile.ts"
import { makeSchedule, type Schedule } from "./Schedule.ts"
import { shrink } from "./Shrinking.ts"
import type { Parts, Swapped } from "./SimPod.ts"
import { count, noTotals, type Totals } from "./Totals.ts"
import { type Outcome, type PlayOptions, play } from "./World.ts"

/** What is simulated, how often, and who judges it. @experimental */
export interface SimulateOptions<R = never> {
  /** `count` seeds from `from` on. A seed gives the same history each time, as long as the program is the same. */
  readonly seeds: { readonly from: number; readonly count: number }
  /** What is simulated instead of metrics. Its sources say one record each time; it must not wait for promises. */
  readonly subject?: Subject<R>
  /**
   * What is simulated instead that makes records durable: a store of its own for each history, in memory, reached through `outside`. Judged is that
   * nothing is committed before it is durable and that all of it is in the end, as the subject promises.
   */
  readonly durable?: Effect.Effect<DurableSubject<R, unknown>, unknown, Scope.Scope>
  /** What is swapped of every pod. */
  readonly parts?: Swapped
  /** Default: `faults`; with `durable` that, which with `handedOver` is where one can be played; of metrics a mix of all in which P1 is promised. */
  readonly profile?: Profile
  /** Faults a history, where its profile leaves that open. Default: 20 to 33. */
  readonly faults?: number
  /** What all histories are like besides. */
  readonly histories?: (made: Schedule) => Schedule
  /** A judge of the caller's own, of each history. */
  readonly judge?: HistoryJudge
  /** False: the promises are not judged, only what \`judge\` says. */
  readonly promises?: boolean
}

/** What a history is played with. @experimental */
export type ReplayOptions<R = never> = Pick<SimulateOptions<R>, "subject" | "durable" | "parts" | "judge" | "promises">

/** The first history that broke something, shrunk. @experimental */
export interface Broken {
  /** Of the history that it was found in. */
  readonly seed: number
  /** What is left of the history's plan. */
  readonly schedule: Schedule
  /** One sentence each, in the order in which they were found. */
  readonly findings: ReadonlyArray<string>
  /** All of it for people, in lines. */
  readonly message: string
}

/** The totals of what was played, and the first broken history: none is played after it. @experimental */
export interface Simulated extends Readonly<Totals> {
  /** undefined where nothing was found. */
  readonly broken: Broken | undefined
}

/**
 * One in twelve histories is calm, for what can only be judged there, in one the pods are tapped, and in one the topic grows under keyed producers,
 * in every second of those of several partitioners.
 */
export const profileOf = (seed: number): Profile => {
  if (seed % 12 === 0) return "calm"
  if (seed % 12 === 3) return "tapped"
  return seed % 24 === 6 ? "growth" : seed % 24 === 18 ? "mixedGrowth" : "faults"
}

const lastLines = 400

/** What a person needs to see and to repeat the failure. */
const explain = (schedule: Schedule, parts: Parts, options: PlayOptions): Broken => {
  const { seed, profile } = schedule
  const small = shrink(schedule, (s) => play(s, parts, options).violations.length > 0)
  const { violations, history } = play(small, parts, { ...options, history: true })
  const cut = history.length > lastLines ? [`(${history.length - lastLines} lines before)`] : []
  const message = [
    `A promise was broken. Seed ${seed}, ${small.faults.length} of ${schedule.faults.length} faults are left.`,
    `Again: simulate({ seeds: { from: ${seed}, count: 1 }, profile: "${profile}", … }) with the same other options, or \`replay\` of this schedule:`,
    JSON.stringify(small),
    "What happened:",
    ...cut,
    ...history.slice(-lastLines),
    "What was found:",
    ...violations.slice(0, 20)
  ].join("\n")
  return { seed, schedule: small, findings: violations, message }
}

const playingOf = <R>({
  subject,
  durable,
  judge,
  promises,
  parts
}: ReplayOptions<R>): readonly [Parts, PlayOptions] => [
  // Whatever `shown` asks for is what `app` brings: the two come together.
  {
    ...parts,
    ...(subject === undefined ? {} : { subject: subject as Subject<unknown> }),
    ...(durable === undefined ? {} : { durable })
  },
  { ...(judge === undefined ? {} : { judge }), ...(promises === undefined ? {} : { promises }) }
]

const profileIn = <R>({ profile, subject, durable }: SimulateOptions<R>, seed: number): Profile => {
  const played = profile ?? (durable !== undefined ? "durable" : subject !== undefined ? "faults" : profileOf(seed))
  if ((durable !== undefined && !isDurable(played)) || (subject !== undefined && isDurable(played)))
    throw new Error(
      `the profiles durable and handedOver are for what is given as \`durable\`, all others for what shows something; ${played} was asked for`
    )
  return played
}

/** Plays the seeds one after the other, and stops at the first broken history. @experimental */
export const simulate = <R = never>(options: SimulateOptions<R>): Simulated => {
  const { seeds, faults, histories } = options
  const [parts, playing] = playingOf(options)
  const totals = noTotals()
  for (let seed = seeds.from; seed < seeds.from + seeds.count; seed++) {
    const profile = profileIn(options, seed)
    const made = makeSchedule(seed, { profile, ...(faults === undefined ? {} : { faults }) })
    const schedule = histories?.(made) ?? made
    const outcome = play(schedule, parts, playing)
    count(totals, outcome)
    if (outcome.violations.length > 0) return { ...totals, broken: explain(schedule, parts, playing) }
  }
  return { ...totals, broken: undefined }
}

/** A schedule as it was printed, with the same other options; its history is written down. @experimental */
export const replay = <R = never>(json: string, options: ReplayOptions<R> = {}): Outcome => {
  const [parts, playing] = playingOf(options)
  return play(JSON.parse(json) as Schedule, parts, { ...playing, history: true })
}
