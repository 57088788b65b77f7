/**
 * Making: a simulated world as it stands before anything happens: the log, the sources with their agents, who judges what, and what becomes of
 * requests on their way. Nothing runs in it yet.
 */
import { Effect, type Scope } from "effect"
import { EmbeddedLog } from "../../transport/embedded/EmbeddedLog.ts"
import type { Request } from "../../transport/embedded/Faults.ts"
import { random } from "../Random.ts"
import type { VirtualTime } from "../VirtualTime.ts"
import { roleOf } from "./Cast.ts"
import { ActorJudge } from "./judges/ActorJudge.ts"
import { CommitJudge } from "./judges/CommitJudge.ts"
import { DurableJudge } from "./judges/DurableJudge.ts"
import { GrowthPresence } from "./judges/GrowthPresence.ts"
import type { Oracle } from "./judges/Oracle.ts"
import { type Acquired, PresenceJudge } from "./judges/PresenceJudge.ts"
import { TapJudge } from "./judges/TapJudge.ts"
import { isDurable, isGrowth } from "./Profile.ts"
import { countsOf, type Schedule } from "./Schedule.ts"
import type { Sim } from "./Sim.ts"
import { type Hearer, SimSource, topic } from "./SimAgent.ts"
import { SimArchive } from "./SimArchive.ts"
import { SimOutside } from "./SimOutside.ts"
import { type Parts, type SimPod, simEngine, simExpiry } from "./SimPod.ts"
import { cannotBeTold } from "./Strangers.ts"

/** Session timeout 6 s, a slow rejoin 7.5 s, the replay, and until the next scrape comes by. */
const longestAbsence = 20_000
/** The leader looks at the topic every 30 s, producers up to 12 s later than the growth; a crash and a slow rejoin on top of it. */
const longestMove = 30_000 + 12_000 + longestAbsence
/** No record is shorter than 25 bytes. */
const mostHeld = { queued: simEngine.queueRecords, fetched: simEngine.fetchMaxBytesPartition / 25 }

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

/** Whether it can be said from outside of each round below C that some pod must have accepted it. */
const accountable = (schedule: Schedule, parts: Parts): boolean =>
  // Who shows something else than metrics says itself what may be committed.
  parts.subject === undefined &&
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

/** What a history is judged by. */
const judges = (schedule: Schedule, parts: Parts, time: VirtualTime, oracle: Oracle) =>
  Effect.gen(function* () {
    const { violations } = oracle
    const counted = accountable(schedule, parts)
    const taps =
      schedule.profile === "tapped" && parts.subject === undefined
        ? new TapJudge(schedule, violations, time)
        : undefined
    const shown = { violations, newest: (series: string) => oracle.newestShown(series), what: "shown" }
    const told = { violations, newest: (series: string) => taps?.newestTold(series) ?? 0, what: "told" }
    const byCommit = [
      ...(counted && schedule.commit === "scraped" ? [new CommitJudge(shown, simExpiry)] : []),
      ...(counted && taps !== undefined ? [new CommitJudge(told, simExpiry)] : [])
    ]
    return {
      actors: new ActorJudge(violations, mostHeld),
      byCommit,
      taps,
      durable: yield* stores(schedule, parts, time, oracle)
    }
  })

/** What all pods of a durable history write to. */
const stores = (schedule: Schedule, { durable }: Parts, time: VirtualTime, { violations }: Oracle) =>
  Effect.gen(function* () {
    if (!isDurable(schedule.profile)) return undefined
    const subject =
      durable === undefined
        ? new SimArchive(violations, schedule.profile === "handedOver").subject
        : yield* Effect.orDie(durable)
    // The simulation's own drains without a proof: it is to find an engine that lets go on what was lost.
    const until = durable === undefined ? "hears" : subject.proves === true ? "owns" : "ever"
    const outside = new SimOutside(time, schedule.seed, until, violations)
    return { judge: new DurableJudge(subject, violations), outside }
  })

type Judges = Effect.Success<ReturnType<typeof judges>>

const hearing = (
  { log, time, oracle, happened }: Pick<Sim, "log" | "time" | "oracle" | "happened">,
  { byCommit, taps, durable }: Judges
): Hearer => ({
  sending: (source) => {
    for (const series of source.series) oracle.produce(series, source.value)
    taps?.produced(source.name, source.value)
  },
  sent: (source, whole, records) => {
    const { partition, name, value } = source
    const end = log.end({ topic, partition })
    const chunks = source.kind === "chunked" && records === 2
    happened({ type: "sent", at: time.now, source: name, n: value, partition, end, accepted: whole })
    durable?.judge.sent(partition, { source: name, n: value, end })
    const round = { first: end - records, end, value, at: time.now, chunks }
    for (const judge of byCommit)
      for (const series of source.series)
        if (whole) judge.produced(partition, series, round)
        else judge.ended(partition, series)
  }
})

const cast = (schedule: Schedule, says: SimSourceSays, hearer: Hearer, time: VirtualTime): ReadonlyArray<SimSource> => {
  const started = time.currentTimeMillisUnsafe()
  const { partitions } = schedule
  // Each partition has a slow source, so that a new owner reads it again from far back.
  const isSlow = (i: number) => i >= partitions && i < 2 * partitions && !roleOf(schedule, i).foreign
  return Array.from({ length: schedule.sources }, (_, i) => {
    const { kind, partitioner, from, foreign } = roleOf(schedule, i)
    const named = (name: number) =>
      new SimSource({
        index: name,
        partition: i % partitions,
        every: isSlow(i) ? 4_500 : 1_000,
        now: started,
        hearer,
        clock: () => time.now,
        kind,
        partitioner,
        says
      })
    // Of a mix the names differ from seed to seed, or the same few would move in all of them.
    let name = schedule.profile === "mixedGrowth" ? i + 100 * (schedule.seed % 97) : i
    while (foreign && cannotBeTold(schedule, named(name))) name += 9_700
    const source = named(name)
    if (isGrowth(schedule.profile) && source.kind === "plain") source.placeAmong(partitions)
    source.silentUntil = from
    return source
  })
}

type SimSourceSays = ConstructorParameters<typeof SimSource>[0]["says"]

const presenceOf = (
  schedule: Schedule,
  { time, oracle }: Pick<Sim, "time" | "oracle">,
  pods: ReadonlyArray<SimPod>,
  sources: ReadonlyArray<SimSource>
): Sim["presence"] => {
  const { profile } = schedule
  if (profile !== "calm" && profile !== "paused" && profile !== "calmGrowth") return undefined
  const byName = new Map(sources.map((source) => [source.name, source]))
  const sourceOf = (series: string) => byName.get(series.slice(0, series.indexOf("/")))!
  const staying = new PresenceJudge(
    oracle,
    (series) => sourceOf(series).partition,
    acquired(pods, time),
    longestAbsence
  )
  if (profile !== "calmGrowth") return staying
  const counts = countsOf(schedule)
  const moves = (series: string) => {
    const source = sourceOf(series)
    return source.kind === "plain" && new Set(counts.map((count) => source.homeAmong(count))).size > 1
  }
  return new GrowthPresence(staying, oracle, moves, longestMove)
}

/** What becomes of a request on its way. */
const underway = (sim: Sim, byCommit: ReadonlyArray<CommitJudge>) => {
  const { durable, happened, log, time } = sim
  const r = random(sim.schedule.seed * 13).next
  return (request: Request) => {
    if (request.op === "offsetCommit") {
      const { clientId, commits } = request
      for (const { tp, offset } of commits)
        happened({ type: "committed", at: time.now, pod: clientId, partition: tp.partition, offset })
      for (const judge of byCommit)
        judge.committed(clientId, commits, time.now, (partition) => log.start({ topic, partition }))
      durable?.judge.committed(clientId, commits, time.now)
    }
    if (sim.pods.find((p) => p.name === request.clientId)?.state === "gone") return { lose: "request" } as const
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
  }
}

export const makeSim = (
  schedule: Schedule,
  parts: Parts,
  seen: Pick<Sim, "time" | "oracle" | "tell" | "happened">
): Effect.Effect<Sim, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { time, oracle, tell, happened } = seen
    const log = yield* EmbeddedLog.make({ nodes: 2, requestTimeout: 4_000 })
    yield* log.createTopic(
      topic,
      schedule.partitions,
      schedule.stamps === "senders" ? { sendersTime: oddStamp, retentionMs: Number.MAX_SAFE_INTEGER } : {}
    )
    const producer = yield* Effect.orDie(
      log.transport.producer({ clientId: "agents", acks: "all", compression: "none" })
    )
    const judging = yield* judges(schedule, parts, time, oracle)
    const { actors, byCommit, taps, durable } = judging
    const says = durable?.judge.subject.says ?? parts.subject?.says
    const sources = cast(schedule, says, hearing({ log, time, oracle, happened }, judging), time)
    const pods: Array<SimPod> = []
    const sim: Sim = {
      ...{ schedule, parts, time, log, producer, oracle, actors, taps, durable, pods, sources, tell, happened },
      presence: presenceOf(schedule, seen, pods, sources),
      healthy: ["calmGrowth", "paused", "calm", "calmLogBack"].includes(schedule.profile),
      rules: [],
      partitions: schedule.partitions,
      cuts: 0,
      scraping: true,
      abortsUntil: -1,
      slowScrapes: { until: -1, by: 0 },
      faults: 0,
      latency: schedule.latency
    }
    yield* log.intercept(underway(sim, byCommit))
    return sim
  })
