/**
 * Schedule: a simulated history's plan as plain data: a seed for the small things and a list of faults at times. Made from the
 * seed alone, so a seed replays; shrinks by leaving faults out. It does not know how faults are done (Deeds does).
 *
 * Profiles: `faults` is everything that P1 must survive. `calm` is joins, leaves, crashes and slow joins alone, far enough apart
 * for each to end: there P3 can be judged from outside. `logBack` and `calmLogBack` add what P1 assumes not to happen
 * and rule 9 limits. `growth` and `calmGrowth` have sources that their producers place by key, in a topic that grows, also twice in a
 * row, and producers that hear of it late. `mixedGrowth` is `growth` with producers of other partitioners beside those whose placement
 * the group knows, there before it was found out or coming later. `paused` is joins and leaves around pauses of the
 * coordinator: there it can be judged whether all is back at once afterwards. `deposed` adds coordinators that were replaced and still answer heartbeats, which is outside P1.
 * `durable` is what can happen to pods that write what comes to a store, `handedOver` joins and leaves alone.
 */
import { builtInNames, type StrategyName } from "../../engine/Backpressure.ts"
import type { Placement } from "../../transport/Placement.ts"
import { unreadableReasons } from "../../transport/Transport.ts"
import { random } from "../Random.ts"
import type { Fault } from "./Fault.ts"

/** A fault at a time. @experimental */
export interface Timed {
  /** Ms of virtual time after the start. */
  readonly at: number
  /** What happens then. */
  readonly fault: Fault
}

/** What kind of history; see the file's header. @experimental */
export type Profile =
  | "faults"
  | "calm"
  | "logBack"
  | "calmLogBack"
  | "deposed"
  | "paused"
  | "growth"
  | "calmGrowth"
  | "mixedGrowth"
  | "durable"
  | "handedOver"

/** Profiles in which pods show nothing, but make durable what comes. */
export const isDurable = (profile: Profile): boolean => profile === "durable" || profile === "handedOver"

/** Profiles in which producers place keys. */
export const isGrowth = (profile: Profile): boolean =>
  profile === "growth" || profile === "calmGrowth" || profile === "mixedGrowth"

/** A history's plan. Times in ms of virtual time. @experimental */
export interface Schedule {
  /** What it was made from; also of all chance while it is played. */
  readonly seed: number
  /** What kind of history it is, and so what is judged. */
  readonly profile: Profile
  /** That begin. */
  readonly pods: number
  /** Of the topic, at the start. */
  readonly partitions: number
  /** That send. */
  readonly sources: number
  /** That scrape the pods, each by itself. */
  readonly scrapers: number
  /** As metrics' option of this name. */
  readonly commit: "visible" | "scraped"
  /** Every second pod has stricter limits, as in the middle of a rollout. */
  readonly mixedLimits: boolean
  /** The strategy that pods begin with. */
  readonly backpressure: StrategyName
  /** Ms that each record takes in every pod: without it no scrape would meet a replay on its way. */
  readonly pace: number
  /** Ms that a group request takes on its way, at most. */
  readonly latency: number
  /** At most so many ms lie between a request's arrival and its cut, as where a shard has a thread of its own; none where absent. */
  readonly lateCuts?: number
  /** Whose time the topic's records have: the broker's, or the senders', each of whom has another idea of it. The broker's where absent. */
  readonly stamps?: "broker" | "senders"
  /** At most so many ms after a growth a producer hears of it. */
  readonly metadataAge?: number
  /** What the pods are told of how keys are placed; murmur2 where absent. */
  readonly partitioner?: Placement | "auto"
  /** In the order of their times. */
  readonly faults: ReadonlyArray<Timed>
}

/** Of mixed histories: enough for a placement to be found out by a good third of them. */
const mixedSources = 32

/** In a mix all that is written is to be shown in the end: as the default is to producers' metadata and to the expiry. */
export const growthWindowOf = ({ profile }: Schedule): number => (profile === "mixedGrowth" ? 18_000 : 600_000)

type Int = (n: number) => number
type Maker = (r: () => number, int: Int) => Fault
type Kinds = ReadonlyArray<readonly [weight: number, make: Maker]>

const one = <A>(int: Int, all: ReadonlyArray<A>): A => all[int(all.length)]!

const pause = (ms: number, int: Int): Fault => ({
  type: "pauseCoordinator",
  ms,
  first: one(int, ["requests", "alarms"])
})

const kinds: Kinds = [
  [5, () => ({ type: "join" })],
  [4, (_, int) => ({ type: "leave", pod: int(5) })],
  [4, (_, int) => ({ type: "crash", pod: int(5) })],
  [6, (r, int) => ({ type: "freeze", pod: int(5), ms: 200 + int(r() < 0.5 ? 3_000 : 14_000), suspend: r() < 0.4 })],
  [5, (_, int) => ({ type: "cut", pod: int(5), ms: 500 + int(12_000), lose: one(int, ["request", "answer", "both"]) })],
  [
    4,
    (_, int) => ({
      type: "delay",
      pod: int(5),
      ms: 1_000 + int(5_000),
      by: 50 + int(4_000),
      side: one(int, ["request", "answer"])
    })
  ],
  [3, (_, int) => ({ type: "loseHeartbeats", pod: int(5), ms: 1_000 + int(9_000) })],
  [4, (_, int) => ({ type: "lateCommit", pod: int(5), ms: 1_000 + int(4_000), by: 500 + int(9_000) })],
  [3, (_, int) => ({ type: "lostCommitAnswers", pod: int(5), ms: 1_000 + int(5_000) })],
  [
    3,
    (_, int) => ({ type: "failSync", pod: int(5), how: one(int, ["refused", "lost", "answerLost", "late", "late"]) })
  ],
  [2, (_, int) => ({ type: "loseJoin", pod: int(5), lose: one(int, ["request", "answer"]) })],
  [3, (_, int) => ({ type: "slowJoin", pod: int(5), by: 500 + int(5_000) })],
  [3, (_, int) => ({ type: "slowEviction", pod: int(5), ms: 100 + int(2_500) })],
  [5, (_, int) => ({ type: "slowPod", pod: int(5), ms: 1_000 + int(8_000), perRecord: 5 + int(200) })],
  [3, (_, int) => ({ type: "strategy", pod: int(5), strategy: one(int, builtInNames) })],
  [2, (_, int) => ({ type: "failActor", pod: int(5), times: 1 + int(3) })],
  [
    3,
    (r, int) => {
      const evict = r() < 0.4 ? 0 : int(2_600)
      return {
        type: "zombie",
        pod: int(5),
        ms: 6_500 + int(6_000),
        suspend: r() < 0.5,
        evict,
        others: r() < 0.7 ? "crash" : "leave",
        othersAfter: r() < 0.5 ? evict + 300 + int(1_200) : int(5_000) - 1_000,
        perRecord: 20 + int(130)
      }
    }
  ],
  [
    4,
    (_, int) => ({
      type: "doubt",
      pod: int(5),
      how: one(int, ["late", "lost"]),
      unfinished: int(2) === 0,
      by: 500 + int(3_500),
      burst: 20 + int(70),
      later: int(600),
      perRecord: 20 + int(130)
    })
  ],
  [
    3,
    (r, int) => ({
      type: "relay",
      pod: int(5),
      crash: r() < 0.5,
      perRecord: 40 + int(160),
      burst: int(40),
      later: int(2_500)
    })
  ],
  [
    3,
    (_, int) => ({
      type: "dieRejoining",
      pod: int(5),
      burst: 20 + int(70),
      later: 500 + int(6_000),
      perRecord: 20 + int(130)
    })
  ],
  [
    3,
    (r, int) => ({
      type: "rollout",
      pod: int(5),
      ms: 2_000 + int(4_000),
      crash: r() < 0.5,
      later: 200 + int(3_000),
      perRecord: 40 + int(160)
    })
  ],
  [2, (_, int) => ({ type: "fadeOut", pod: int(5), by: 700 + int(1_200), ms: 6_000 + int(6_000) })],
  [2, (r, int) => ({ type: "wallJump", pod: int(5), by: Math.round((r() - 0.5) * 2 * 600_000) })],
  [2, () => ({ type: "moveCoordinator" })],
  [2, (_, int) => pause(1_000 + int(18_000), int)],
  [1, (_, int) => ({ type: "moveLeader", partition: int(6), node: 1 + int(2) })],
  [1, (_, int) => ({ type: "restartAll", pods: 1 + int(3), down: int(8_000) })],
  [1, (_, int) => ({ type: "addPartitions", count: 1 + int(2) })],
  [1, (_, int) => ({ type: "toolResets", pods: 1 + int(3), down: int(8_000) })],
  [5, (_, int) => ({ type: "burst", rounds: 10 + int(60) })],
  [5, (_, int) => ({ type: "repeat", source: int(8), back: 1 + int(6) })],
  [3, (_, int) => ({ type: "reorder", source: int(8) })],
  [3, (r, int) => ({ type: "restartAgent", source: int(8), clockBy: Math.round((r() - 0.5) * 200_000) })],
  [3, (_, int) => ({ type: "poison", source: int(8) })],
  [3, (_, int) => ({ type: "wide", source: int(8), ms: int(6_000) })],
  [3, (_, int) => ({ type: "partialRound", source: int(8) })],
  [1, (_, int) => ({ type: "end", source: int(8) })],
  [3, (_, int) => ({ type: "lateEcho", source: int(8), back: 1 + int(3), after: 10_500 + int(6_000) })],
  [2, (_, int) => ({ type: "silence", source: int(8), ms: 2_000 + int(25_000) })],
  [1, (_, int) => ({ type: "abortScrapes", ms: 1_000 + int(5_000) })],
  [2, (_, int) => ({ type: "slowScrapes", ms: 1_000 + int(5_000), by: 500 + int(5_000) })],
  [1, (_, int) => ({ type: "retention", partition: int(6) })],
  [3, (_, int) => ({ type: "unreadable", source: int(8), reason: one(int, unreadableReasons) })],
  [2, (_, int) => ({ type: "oversized", source: int(8) })]
]

/** What a group does by itself. Joins and leaves are even, so that it neither grows nor ends. */
const calmKinds: Kinds = [
  [4, () => ({ type: "join" })],
  [2, (_, int) => ({ type: "leave", pod: int(5) })],
  [2, (_, int) => ({ type: "crash", pod: int(5) })]
]

const logBack: Maker = (r, int) => ({
  type: "logBack",
  partition: int(6),
  how: r() < 0.7 ? "truncate" : "recreate",
  by: 1 + int(20)
})

const pickFrom = (from: Kinds, r: () => number, int: Int): Fault => {
  let pick = r() * from.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, make] of from) {
    pick -= weight
    if (pick < 0) return make(r, int)
  }
  return { type: "join" }
}

/** When, in mixed histories, sources of other partitioners may come after all others'. */
export const foreignersCome = 14_000

/**
 * What happens besides the faults, whichever of them are left out: before others come the placement is found out, for with the join of one
 * more pod all keys are asked for. While it is not known nothing is promised of a growth (docs/growth.md).
 */
export const scripted = ({ partitioner }: Schedule): ReadonlyArray<Timed> =>
  partitioner === "auto" ? [{ at: foreignersCome - 2_000, fault: { type: "join" } }] : []

/** Of a kind that a history shall meet often; all others together weigh about a hundred. */
const oftenWeight = 25
const typeOf = (make: Maker): Fault["type"] =>
  make(
    () => 0,
    () => 0
  ).type

const stormy = (
  count: number,
  { profile, often }: { readonly profile: Profile; readonly often: ReadonlyArray<Fault["type"]> },
  r: () => number,
  int: Int
): ReadonlyArray<Timed> => {
  // A swarm: each history has its own favourites and lacks some kinds, so that rare combinations meet often somewhere.
  const own: Kinds = kinds.map(([weight, make]) => {
    const share = weight * one(int, [0, 1, 1, 4])
    return [often.includes(typeOf(make)) ? share + oftenWeight : share, make]
  })
  const faults: Array<Timed> = []
  let at = profile === "mixedGrowth" ? foreignersCome : 4_000
  for (let i = 0; i < count; i++) {
    // Faults come in clusters: a rebalance inside a rebalance, two faults at once.
    at += r() < 0.4 ? int(300) : 300 + int(4_000)
    let fault = pickFrom(own, r, int)
    // What retention takes early is no matter of growth.
    if (isGrowth(profile) && (fault.type === "retention" || r() < 0.12))
      fault = { type: "addPartitions", count: 1 + int(3) }
    if (profile === "logBack" && r() < 0.15) fault = logBack(r, int)
    if (profile === "deposed" && r() < 0.15) fault = { type: "deposed", pod: int(5), ms: 2_000 + int(15_000) }
    faults.push({ at, fault })
  }
  return faults
}

/** Each change of the group, with a member that is slow to follow, ends before the next one begins. */
const calm = (count: number, profile: Profile, r: () => number, int: Int): ReadonlyArray<Timed> => {
  const faults: Array<Timed> = []
  let at = 6_000
  for (let i = 0; i < count; i += 2) {
    // Longer, and the others' leases run out before the group stops waiting for it: the rebalance timeout is 9 s.
    faults.push({ at, fault: { type: "slowJoin", pod: int(5), by: 500 + int(6_000) } })
    faults.push({
      at: at + 10 + int(200),
      fault:
        profile === "calmLogBack" && r() < 0.6
          ? logBack(r, int)
          : profile === "calmGrowth" && r() < 0.4
            ? { type: "addPartitions", count: 1 + int(3) }
            : pickFrom(calmKinds, r, int)
    })
    if (r() < 0.3) faults.push({ at: at + 500, fault: { type: "burst", rounds: 10 + int(40) } })
    // The group may hear of a growth, and rejoin slowly for it, some time after it.
    at += profile === "calmGrowth" ? 18_000 : 14_000
  }
  return faults
}

/** What may happen where nothing is shown, and nothing in the log is lost. */
const ofDurable: ReadonlySet<Fault["type"]> = new Set([
  ...([
    "join",
    "leave",
    "crash",
    "freeze",
    "cut",
    "delay",
    "loseHeartbeats",
    "lateCommit",
    "lostCommitAnswers"
  ] as const),
  ...([
    "failSync",
    "loseJoin",
    "slowJoin",
    "slowEviction",
    "slowPod",
    "failActor",
    "moveCoordinator",
    "burst"
  ] as const),
  ...(["zombie", "relay", "dieRejoining", "pauseCoordinator", "moveLeader", "wallJump"] as const)
])

/** Joins and leaves, each of which ends before the next one begins. */
const orderly = (count: number, r: () => number, int: Int): ReadonlyArray<Timed> =>
  Array.from({ length: count }, (_, i) => ({
    at: 5_000 + 7_000 * i + int(1_000),
    fault: r() < 0.5 ? { type: "join" } : { type: "leave", pod: int(5) }
  }))

/** What drop-front is for: pods that cannot process all that comes. */
export const withFloods = (faults: ReadonlyArray<Timed>, r: () => number): ReadonlyArray<Timed> => {
  const int = (n: number) => Math.floor(r() * n)
  const last = faults.at(-1)?.at ?? 0
  const floods: ReadonlyArray<Timed> = Array.from({ length: 1 + int(3) }, () => ({
    at: 3_000 + int(last),
    fault: { type: "flood", ms: 2_000 + int(5_000), every: 60 + int(140), perRecord: 60 + int(140) }
  }))
  return [...faults, ...floods].sort((a, b) => a.at - b.at)
}

/** Shorter or longer than a session, or than anybody waits for a join; the next one when all is long back. */
const pauses = (r: () => number, int: Int): ReadonlyArray<Timed> => {
  const faults: Array<Timed> = []
  let at = 6_000
  for (let i = 3 + int(3); i > 0; i--) {
    const ms = one(int, [1_000 + int(5_000), 6_500 + int(6_000), 15_000 + int(5_000)])
    faults.push({ at, fault: pause(ms, int) })
    if (r() < 0.8)
      faults.push({
        at: at - 300 + int(600),
        fault: r() < 0.6 ? { type: "join" } : { type: "leave", pod: int(5) }
      })
    at += ms + 14_000
  }
  return faults.sort((a, b) => a.at - b.at)
}

export const makeSchedule = (
  seed: number,
  options: {
    readonly faults?: number
    readonly profile?: Profile
    /** Kinds that this history meets much more often than by chance. */
    readonly often?: ReadonlyArray<Fault["type"]>
  } = {}
): Schedule => {
  const r = random(seed).next
  const int = (n: number) => Math.floor(r() * n)
  const profile = options.profile ?? "faults"
  const count = options.faults ?? 20 + int(14)
  const partitions = (profile === "mixedGrowth" ? 3 : 2) + int(profile === "mixedGrowth" ? 2 : 3)
  const quiet = profile === "calm" || profile === "calmLogBack" || profile === "paused" || profile === "calmGrowth"
  const made: Schedule = {
    seed,
    profile,
    pods: 2 + int(3),
    partitions,
    sources: profile === "mixedGrowth" ? mixedSources + int(3) : (isGrowth(profile) ? 3 : 2) * partitions + int(3),
    scrapers: 2 + int(3),
    commit: r() < 0.6 ? "visible" : "scraped",
    mixedLimits: r() < 0.5,
    // What is dropped goes from a replay with its source, which would look like a cold start.
    backpressure: r() < 0.5 || quiet ? "pause" : one(int, builtInNames),
    // Slow replays and requests would look like a group that waits.
    pace: one(int, profile === "paused" ? [0, 0, 2, 2] : [0, 5, 20, 60]),
    latency: one(int, profile === "paused" ? [0, 5, 5, 20] : [0, 5, 40, 150]),
    faults:
      profile === "handedOver"
        ? orderly(count, r, int)
        : profile === "paused"
          ? pauses(r, int)
          : quiet
            ? calm(count, profile, r, int)
            : stormy(count, { profile, often: options.often ?? [] }, r, int).filter(
                ({ fault }) => profile !== "durable" || ofDurable.has(fault.type)
              ),
    // Drawn last: the rest of a seed's history is as it was.
    lateCuts: one(int, [0, 0, 30, 400]),
    stamps: one(int, ["broker", "senders"]),
    ...(isGrowth(profile)
      ? { metadataAge: one(int, profile === "mixedGrowth" ? [500, 4_000] : [500, 4_000, 12_000]) }
      : {}),
    ...(profile === "mixedGrowth" ? { partitioner: one(int, ["murmur2", "crc32", "auto"] as const) } : {})
  }
  // Nothing of it may be dropped.
  const flooded =
    made.backpressure === "pause" || isDurable(profile) ? made : { ...made, faults: withFloods(made.faults, r) }
  // Whoever has to find the placement out again finds the others there: a mix leaves it open.
  return made.partitioner === "auto"
    ? { ...flooded, faults: flooded.faults.filter(({ fault }) => fault.type !== "toolResets") }
    : flooded
}
