/** Kinds: what may happen by chance in a history, how often, and how bad it is. */
import { builtInNames } from "../../engine/Backpressure.ts"
import { unreadableReasons } from "../../transport/Transport.ts"
import type { Fault } from "./Fault.ts"

export type Int = (n: number) => number
export type Maker = (r: () => number, int: Int) => Fault
export type Kinds = ReadonlyArray<readonly [weight: number, make: Maker]>

export const one = <A>(int: Int, all: ReadonlyArray<A>): A => all[int(all.length)]!

export const pause = (ms: number, int: Int): Fault => ({
  type: "pauseCoordinator",
  ms,
  first: one(int, ["requests", "alarms"])
})

export const kinds: Kinds = [
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
export const calmKinds: Kinds = [
  [4, () => ({ type: "join" })],
  [2, (_, int) => ({ type: "leave", pod: int(5) })],
  [2, (_, int) => ({ type: "crash", pod: int(5) })]
]

export const logBack: Maker = (r, int) => ({
  type: "logBack",
  partition: int(6),
  how: r() < 0.7 ? "truncate" : "recreate",
  by: 1 + int(20)
})

export const pickFrom = (from: Kinds, r: () => number, int: Int): Fault => {
  let pick = r() * from.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, make] of from) {
    pick -= weight
    if (pick < 0) return make(r, int)
  }
  return { type: "join" }
}

/** What may happen where nothing is shown, and nothing in the log is lost. */
export const ofDurable: ReadonlySet<Fault["type"]> = new Set([
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

/** Of a kind that a history shall meet often; all others together weigh about a hundred. */
export const oftenWeight = 25
export const typeOf = (make: Maker): Fault["type"] =>
  make(
    () => 0,
    () => 0
  ).type
