/**
 * World: plays one schedule: an embedded log, pods, agents and scrapers on virtual time, with the faults as planned, and an end in which
 * everything heals. Answers the judges' findings.
 *
 * A seed and a list of faults give the same history each time; it is only written down where it is asked for.
 */
import { Effect, Fiber, Logger } from "effect"
import { random } from "../Random.ts"
import { VirtualTime } from "../VirtualTime.ts"
import { carryOut, startPod } from "./Deeds.ts"
import { end, heal } from "./Ending.ts"
import type { Happening, HistoryJudge } from "./Happening.ts"
import { Oracle } from "./judges/Oracle.ts"
import { makeSim } from "./Making.ts"
import { type Schedule, scripted } from "./Schedule.ts"
import { scraper } from "./Scraping.ts"
import { type Sim, wallNow } from "./Sim.ts"
import type { SimSource } from "./SimAgent.ts"
import type { Parts } from "./SimPod.ts"

/** Where nothing tells how old records are, those before a group's first commit are not its own. By then it has committed. */
const groupBegins = 3_000

/** What came of one history. @experimental */
export interface Outcome {
  /** Empty where all promises were kept. */
  readonly violations: ReadonlyArray<string>
  /** What happened, in lines for people; empty where it was not written down. */
  readonly history: ReadonlyArray<string>
  /** How long the history took. */
  readonly virtualMs: number
  /** How long its pods ran, together. */
  readonly podMs: number
  /** Bodies that were judged. */
  readonly scrapes: number
  /** Values in them. */
  readonly values: number
  /** That were played. */
  readonly faults: number
  /** Ms of virtual time until everything was whole again after the last fault. */
  readonly healedIn: number
  /** In calm histories: the longest that a source was in no body, ms. */
  readonly longestGap: number
}

const dumping = (sim: Sim, source: SimSource, index: number) => {
  const r = random(sim.schedule.seed * 17 + index).next
  return Effect.gen(function* () {
    yield* Effect.sleep(source.every * (0.7 + 0.6 * r()))
    if (sim.time.now >= source.silentUntil) yield* source.dump(sim.producer, wallNow(sim))
  }).pipe(Effect.forever, Effect.delay(100 * index + (sim.schedule.stamps === "senders" ? groupBegins : 0)))
}

export interface PlayOptions {
  /** Whether it is written down for people what happens. */
  readonly history?: boolean
  /** The caller's own, beside the promises' judges. */
  readonly judge?: HistoryJudge
  /** False: the promises are not judged, only what the caller's judge says, and that the simulation comes to an end. Default: true. */
  readonly promises?: boolean
}

export const play = (schedule: Schedule, parts: Parts = {}, options: PlayOptions = {}): Outcome => {
  const time = new VirtualTime(schedule.seed)
  const oracle = new Oracle(schedule.profile !== "deposed")
  const history: Array<string> = []
  const tell: Sim["tell"] = (text) => {
    if (options.history === true) history.push(`${String(Math.round(time.now)).padStart(7)} ms  ${text()}`)
  }
  const happenings: Array<Happening> = []
  const happened: Sim["happened"] = (happening) => {
    if (options.judge !== undefined) happenings.push(happening)
  }
  const stats = { podMs: 0, faults: 0, healedIn: 0, longestGap: 0 }

  const world = Effect.gen(function* () {
    const sim = yield* makeSim(schedule, parts, { time, oracle, tell, happened })
    for (let i = 0; i < schedule.pods; i++) yield* startPod(sim)
    for (const [i, source] of sim.sources.entries()) yield* Effect.forkScoped(dumping(sim, source, i))
    const scrapers: Array<Fiber.Fiber<never>> = []
    for (let i = 0; i < schedule.scrapers; i++) scrapers.push(yield* Effect.forkScoped(scraper(sim, i)))
    const census = Effect.sync(() => {
      for (const pod of sim.pods) {
        if (pod.state === "gone") continue
        stats.podMs += 250
        sim.actors.looked(pod.name, pod.engine.status().partitions)
      }
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(250), census)))

    for (const { at, fault } of [...scripted(schedule), ...schedule.faults]) {
      yield* Effect.sleep(Math.max(0, at - time.now))
      yield* carryOut(sim, fault)
    }
    stats.faults = sim.faults
    yield* Effect.sleep(3_000)
    sim.presence?.end(time.now)
    sim.scraping = false
    stats.healedIn = yield* heal(sim)
    stats.longestGap = sim.presence?.longestGap ?? 0
    for (const fiber of scrapers) yield* Fiber.interrupt(fiber)
    yield* end(sim)
  }).pipe(Effect.scoped)

  const logger = Logger.make<unknown, void>(({ message, logLevel }) => {
    if (logLevel !== "Debug") tell(() => `        ${[message].flat().map(String).join(" ")}`)
  })
  const failed = (() => {
    try {
      const exit = time.run(Effect.provide(world, Logger.layer([logger])))
      return exit._tag === "Failure" ? String(exit.cause) : undefined
    } catch (error) {
      // The program got stuck: that is a finding like any other.
      return String(error)
    }
  })()
  const violations = options.promises === false ? [] : [...oracle.violations]
  violations.push(...(options.judge?.(happenings) ?? []))
  if (failed !== undefined) violations.push(`the simulation itself failed: ${failed}`)
  return {
    violations,
    history,
    virtualMs: time.now,
    scrapes: oracle.scrapes,
    values: oracle.values,
    ...stats
  }
}
