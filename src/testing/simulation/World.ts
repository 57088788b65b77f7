/**
 * World: plays one schedule: an embedded log, pods, agents and scrapers on virtual time, with the faults as planned. At the end
 * everything heals, and what is left must be shown whole and newest by exactly one pod. Answers the judges' findings.
 *
 * A seed and a list of faults give the same history each time; it is only written down where it is asked for.
 */
import { Effect, Fiber, Logger } from "effect"
import { EmbeddedLog } from "../../transport/embedded/EmbeddedLog.ts"
import { placing } from "../../transport/Placement.ts"
import { partitionKey } from "../../transport/Transport.ts"
import { random } from "../Random.ts"
import { VirtualTime } from "../VirtualTime.ts"
import { placementOf, roleOf } from "./Cast.ts"
import { carryOut, startPod } from "./Deeds.ts"
import type { Happening, HistoryJudge } from "./Happening.ts"
import { ActorJudge } from "./judges/ActorJudge.ts"
import { CommitJudge } from "./judges/CommitJudge.ts"
import { GrowthPresence } from "./judges/GrowthPresence.ts"
import { Oracle } from "./judges/Oracle.ts"
import { type Acquired, PresenceJudge } from "./judges/PresenceJudge.ts"
import { growthWindowOf, isDurable, isGrowth, type Schedule, scripted } from "./Schedule.ts"
import { scrape, scraper } from "./Scraping.ts"
import { running, type Sim, wallNow } from "./Sim.ts"
import { type Hearer, SimSource, topic } from "./SimAgent.ts"
import { SimArchive } from "./SimArchive.ts"
import { type Parts, type SimPod, simEngine, simExpiry } from "./SimPod.ts"

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

/** What the end gets to heal in: dead sessions, rebalances and doubts all have to run out. */
const healing = 60_000
/** Half a session timeout for the evictions, a quarter for the farewell, and some for pods that were told to leave while slow. */
const leaving = 30_000
/** Session timeout 6 s, a slow rejoin 7.5 s, the replay, and until the next scrape comes by. */
const longestAbsence = 20_000
/** The leader looks at the topic every 30 s, producers up to 12 s later than the growth; a crash and a slow rejoin on top of it. */
const longestMove = 30_000 + 12_000 + longestAbsence
/** No record is shorter than 25 bytes. */
const mostHeld = { queued: simEngine.queueRecords, fetched: simEngine.fetchMaxBytesPartition / 25 }

/** Where nothing tells how old records are, those before a group's first commit are not its own. By then it has committed. */
const groupBegins = 3_000

/** By the pods' own handoff logs, those of dead pods included. */
const acquired =
  (pods: ReadonlyArray<SimPod>, time: VirtualTime): Acquired =>
  (partition, other, from, to) =>
    pods.some(
      (pod) =>
        pod.name !== other &&
        pod.engine.status().handoffs.some((h) => {
          const at = time.now - (time.currentTimeMillisUnsafe() - h.at)
          return h.kind === "acquired" && h.partition === partition && at >= from - 1 && at <= to
        })
    )

/** All that the topic has in the course of the history. */
const countsOf = ({ partitions, faults }: Schedule): ReadonlyArray<number> => {
  const counts = [partitions]
  for (const { fault } of faults) if (fault.type === "addPartitions") counts.push(counts.at(-1)! + fault.count)
  return counts
}

const judgeCommits = (schedule: Schedule, parts: Parts): boolean =>
  // Who shows something else than metrics says itself what may be committed.
  parts.subject === undefined &&
  schedule.commit === "scraped" &&
  !isDurable(schedule.profile) &&
  schedule.profile !== "logBack" &&
  schedule.profile !== "calmLogBack" &&
  // What moved is passed over unseen until all know.
  !isGrowth(schedule.profile) &&
  schedule.backpressure === "pause" &&
  // What comes in a quarantine is counted and passed over unseen.
  schedule.faults.every(
    ({ fault }) =>
      fault.type !== "strategy" &&
      fault.type !== "toolResets" &&
      !(fault.type === "unreadable" && fault.reason === "checksum")
  )

/** What senders make of the time: fast by minutes, in microseconds, in seconds, slow, far ahead, and right. */
const clocks: ReadonlyArray<(now: number) => number> = [
  (now) => now + 240_000,
  (now) => now,
  (now) => now * 1_000,
  (now) => Math.floor(now / 1_000),
  (now) => now - 600_000,
  () => Date.UTC(9999, 0)
]

const oddStamp = (record: { readonly key: Uint8Array | null }, now: number): number =>
  clocks[
    Number(
      Buffer.from(record.key ?? [])
        .toString()
        .slice(1)
    ) % clocks.length
  ]!(now)

const make = (
  schedule: Schedule,
  parts: Parts,
  time: VirtualTime,
  oracle: Oracle,
  { tell, happened }: Pick<Sim, "tell" | "happened">
) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog.make({ nodes: 2, requestTimeout: 4_000 })
    yield* log.createTopic(
      topic,
      schedule.partitions,
      schedule.stamps === "senders" ? { sendersTime: oddStamp, retentionMs: Number.MAX_SAFE_INTEGER } : {}
    )
    const producer = yield* Effect.orDie(
      log.transport.producer({ clientId: "agents", acks: "all", compression: "none" })
    )
    const commits = new CommitJudge(oracle, simExpiry)
    const actors = new ActorJudge(oracle.violations, mostHeld)
    const hearer: Hearer = {
      sending: (source) => {
        for (const series of source.series) oracle.produce(series, source.value)
      },
      sent: (source, whole, records) => {
        const { partition } = source
        const end = log.end({ topic, partition })
        const chunks = source.kind === "chunked" && records === 2
        happened({ type: "sent", at: time.now, source: source.name, n: source.value, partition, end, accepted: whole })
        const round = { first: end - records, end, value: source.value, at: time.now, chunks }
        for (const series of source.series)
          if (whole) commits.produced(partition, series, round)
          else commits.ended(partition, series)
      }
    }
    const started = time.currentTimeMillisUnsafe()
    const { partitions } = schedule
    // Each partition has a slow source, so that a new owner reads it again from far back.
    const isSlow = (i: number) => i >= partitions && i < 2 * partitions && !roleOf(schedule, i).foreign
    const every = (i: number) => (isSlow(i) ? 4_500 : 1_000)
    const sources = Array.from({ length: schedule.sources }, (_, i) => {
      const { kind, partitioner, from, foreign } = roleOf(schedule, i)
      const named = (name: number) =>
        new SimSource({
          index: name,
          partition: i % partitions,
          every: every(i),
          now: started,
          hearer,
          clock: () => time.now,
          kind,
          partitioner,
          says: parts.subject?.says
        })
      // Of a mix the names differ from seed to seed, or the same few would move in all of them.
      let name = schedule.profile === "mixedGrowth" ? i + 100 * (schedule.seed % 97) : i
      while (foreign && cannotBeTold(schedule, named(name))) name += 9_700
      const source = named(name)
      if (isGrowth(schedule.profile) && source.kind === "plain") source.placeAmong(partitions)
      source.silentUntil = from
      return source
    })
    const pods: Array<SimPod> = []
    const byName = new Map(sources.map((source) => [source.name, source]))
    const sourceOf = (series: string) => byName.get(series.slice(0, series.indexOf("/")))!
    const partitionOf = (series: string) => sourceOf(series).partition
    const presence =
      schedule.profile === "calm" || schedule.profile === "paused" || schedule.profile === "calmGrowth"
        ? new PresenceJudge(oracle, partitionOf, acquired(pods, time), longestAbsence)
        : undefined
    const counts = countsOf(schedule)
    const moves = (series: string) => {
      const source = sourceOf(series)
      return source.kind === "plain" && new Set(counts.map((count) => source.homeAmong(count))).size > 1
    }
    const sim: Sim = {
      schedule,
      parts,
      time,
      log,
      producer,
      oracle,
      commits,
      actors,
      archive: isDurable(schedule.profile)
        ? new SimArchive(oracle.violations, schedule.profile === "handedOver")
        : undefined,
      presence:
        presence !== undefined && schedule.profile === "calmGrowth"
          ? new GrowthPresence(presence, oracle, moves, longestMove)
          : presence,
      healthy:
        schedule.profile === "calmGrowth" ||
        schedule.profile === "paused" ||
        schedule.profile === "calm" ||
        schedule.profile === "calmLogBack",
      pods,
      sources,
      rules: [],
      tell,
      happened,
      partitions: schedule.partitions,
      cuts: 0,
      scraping: true,
      abortsUntil: -1,
      slowScrapes: { until: -1, by: 0 },
      faults: 0,
      latency: schedule.latency
    }
    const judging = judgeCommits(schedule, parts)
    const r = random(schedule.seed * 13).next
    yield* log.intercept((request) => {
      if (request.op === "offsetCommit")
        for (const { tp, offset } of request.commits)
          happened({ type: "committed", at: time.now, pod: request.clientId, partition: tp.partition, offset })
      if (judging && request.op === "offsetCommit")
        commits.committed(request.clientId, request.commits, time.now, (partition) => log.start({ topic, partition }))
      if (sim.pods.find((p) => p.name === request.clientId)?.state === "gone") return { lose: "request" }
      for (const rule of sim.rules) {
        if (time.now > rule.until || rule.times <= 0) continue
        const plan = rule.plan(request)
        if (plan === undefined) continue
        rule.times -= 1
        return plan
      }
      const { latency } = sim
      if (latency === 0 || request.op === "produce") return undefined
      // Only some pods read late.
      if (request.op === "fetch") return request.clientId.endsWith("2") ? { delayAnswer: 3 * latency * r() } : undefined
      return { delayRequest: latency * r(), delayAnswer: latency * r() }
    })
    return sim
  })

const dumping = (sim: Sim, source: SimSource, index: number) => {
  const r = random(sim.schedule.seed * 17 + index).next
  return Effect.gen(function* () {
    yield* Effect.sleep(source.every * (0.7 + 0.6 * r()))
    if (sim.time.now >= source.silentUntil) yield* source.dump(sim.producer, wallNow(sim))
  }).pipe(Effect.forever, Effect.delay(100 * index + (sim.schedule.stamps === "senders" ? groupBegins : 0)))
}

/**
 * Moving, it comes from where it is at home now, by chance, or to where it was and is: no hash tells it from one that belongs there, and
 * P1 is not promised of it (docs/growth.md, strangers).
 */
const cannotBeTold = (schedule: Schedule, source: SimSource): boolean => {
  const hash = placing[placementOf(schedule)](Buffer.from(source.name))
  const counts = countsOf(schedule)
  return counts.some((after, k) =>
    counts.slice(0, k).some((before) => {
      const [left, came] = [source.homeAmong(before), source.homeAmong(after)]
      const home = hash % after
      return left !== came && (left === home || (came === home && hash % before === home))
    })
  )
}

/** It is where another partitioner than its own would have placed it before the topic grew: nobody can tell it from one who hears late. */
const looksMisplaced = (schedule: Schedule, source: SimSource, i: number): boolean => {
  if (!roleOf(schedule, i).foreign) return false
  const hash = placing[placementOf(schedule)](Buffer.from(source.name))
  const counts = countsOf(schedule)
  return hash % counts.at(-1)! !== source.partition && counts.some((count) => hash % count === source.partition)
}

/** In durable histories: what more than `most` records are missing of. */
const notDurable = (sim: Sim, most?: number): ReadonlyArray<string> =>
  Array.from({ length: sim.partitions }, (_, partition) => ({ topic, partition })).flatMap(
    (tp) => sim.archive?.missing(partitionKey(tp), sim.log.end(tp), most) ?? []
  )

/** What is not as it must be when everything is quiet. */
const unsettled = (sim: Sim) =>
  Effect.gen(function* () {
    if (sim.archive !== undefined) return notDurable(sim)
    const last = new Map<string, Array<{ pod: string; value: number }>>()
    for (const pod of running(sim)) {
      const values = yield* scrape(sim, pod, { slow: 0, abort: "never" })
      for (const [series, value] of values ?? [])
        last.set(series, [...(last.get(series) ?? []), { pod: pod.name, value }])
    }
    const live = sim.sources.flatMap((s) => s.series.map((series) => [series, s.value] as const))
    const away = new Set(sim.sources.filter((s, i) => looksMisplaced(sim.schedule, s, i)).flatMap((s) => s.series))
    return sim.oracle.unsettled(new Map(live), last, away)
  })

/** Agents go on with dumps; every second it is looked whether all is well. Answers how long it took. */
const heal = (sim: Sim) =>
  Effect.gen(function* () {
    sim.slowScrapes = { until: -1, by: 0 }
    sim.abortsUntil = -1
    sim.latency = 0
    sim.tell(() => "everything heals")
    const since = sim.time.now
    for (const source of sim.sources) source.wideUntil = -1
    for (;;) {
      // What was planned for later may still happen while it heals.
      sim.rules.length = 0
      for (const pod of sim.pods)
        if (pod.state !== "gone") {
          pod.clock.thaw()
          pod.evictionDelay = pod.recordDelay = pod.pace = pod.failures = 0
          pod.deposedUntil = -1
        }
      if (running(sim).length === 0) yield* startPod(sim)
      for (const source of sim.sources) source.silentUntil = -1
      yield* Effect.sleep(500)
      for (const source of sim.sources) yield* source.dump(sim.producer, wallNow(sim))
      yield* Effect.sleep(1_000)
      for (const source of sim.sources) source.silentUntil = Number.POSITIVE_INFINITY
      yield* Effect.sleep(400)
      const wrong = yield* unsettled(sim)
      const took = sim.time.now - since
      if (wrong.length === 0) return took
      if (took > healing + (sim.schedule.profile === "mixedGrowth" ? 3 * growthWindowOf(sim.schedule) : 0)) {
        sim.oracle.violations.push(...wrong)
        return took
      }
    }
  })

/** All pods leave at once. One that a plot kills on its way out never finishes, which is no fault of its own. */
const leaveAll = (sim: Sim) =>
  Effect.gen(function* () {
    for (const pod of running(sim)) yield* Effect.forkDetach(pod.stop, { startImmediately: true })
    const since = sim.time.now
    while (sim.pods.some((p) => p.state === "leaving")) {
      yield* Effect.sleep(100)
      if (sim.time.now - since < leaving) continue
      const stuck = sim.pods.filter((p) => p.state === "leaving").map((p) => p.name)
      sim.oracle.violations.push(`${stuck.join(", ")} did not leave within ${leaving / 1000} s`)
      return
    }
  })

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
    const sim = yield* make(schedule, parts, time, oracle, { tell, happened })
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
    yield* leaveAll(sim)
    // All have drained what they held, unless one died late.
    if (schedule.profile === "handedOver") oracle.violations.push(...notDurable(sim, 0))
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
