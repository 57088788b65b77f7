/**
 * Stories: the histories in the brackets of the rules, told again and again with their times left to chance. A mutant whose history
 * needs several things in one second is given its story: by chance alone they would meet once in thousands of schedules.
 */

import { random } from "../../../src/testing/Random.ts"
import type { Fault, Timed } from "../../../src/testing/simulation/Fault.ts"
import type { Schedule } from "../../../src/testing/simulation/Schedule.ts"

type Int = (n: number) => number
/** Times from the story's start. */
export type Story = (int: Int) => ReadonlyArray<Timed>

const times = 4
/** Ms between two tellings: sessions run out, and everything is shown again. */
const pause = 10_000

const at = (ms: number, fault: Fault): Timed => ({ at: ms, fault })
const everyPod = (ms: number, make: (pod: number) => Fault): ReadonlyArray<Timed> =>
  Array.from({ length: 5 }, (_, pod) => at(ms, make(pod)))
/** So that scrapes meet them in the middle of what they read again. */
const heirsAreSlow = (ms: number, int: Int): ReadonlyArray<Timed> =>
  everyPod(ms, (pod) => ({ type: "slowPod", pod, ms: 10_000, perRecord: 40 + int(100) }))
/** Whatever is not in the log or in a commit is gone. */
const allDie = (ms: number, int: Int): ReadonlyArray<Timed> => [
  at(ms, { type: "restartAll", pods: 2, down: 0 }),
  ...heirsAreSlow(ms + 50, int)
]

/** Schedules that are this story and nothing else. */
export const telling =
  (story: Story, conditions: Partial<Schedule> = {}) =>
  (made: Schedule): Schedule => {
    const r = random(made.seed * 19).next
    const int = (n: number) => Math.floor(r() * n)
    const faults: Array<Timed> = []
    let start = 4_000
    for (let i = 0; i < times; i++) {
      const told = story(int)
      faults.push(...told.map(({ at, fault }) => ({ at: start + at, fault })))
      start += Math.max(...told.map(({ at }) => at)) + pause
    }
    return { ...made, pace: 0, ...conditions, faults: faults.sort((a, b) => a.at - b.at) }
  }

/** A pod is slow and hears late of the generation in which it lost a partition; who got it is already ahead. */
export const hearsLate: Story = (int) => {
  const pod = int(3)
  return [
    at(0, { type: "slowPod", pod, ms: 7_000, perRecord: 150 + int(150) }),
    at(0, { type: "burst", rounds: 20 + int(30) }),
    at(10, { type: "failSync", pod, how: "late" }),
    at(20, { type: "join" }),
    at(3_000 + int(3_000), { type: "leave", pod: int(5) })
  ]
}

/** All lag but one who comes, and who is given something that they show. */
export const lagsAndLetsGo: Story = (int) => [
  ...everyPod(0, (pod) => ({ type: "slowPod", pod, ms: 7_000, perRecord: 150 + int(250) })),
  at(10, { type: "burst", rounds: 20 + int(40) }),
  at(300, { type: "join" }),
  at(7_000, { type: "leave", pod: int(5) })
]

/** A pod that was expelled, and has not heard of it, is told to leave, and hears of it while it drains. */
export const lostWhileDraining: Story = (int) => {
  const pod = int(3)
  return [
    at(0, { type: "slowPod", pod, ms: 12_000, perRecord: 500 + int(700) }),
    at(10, { type: "cut", pod, ms: 7_500, lose: "request" }),
    at(6_900 + int(600), { type: "leave", pod }),
    at(9_000, { type: "join" })
  ]
}

/** While a slow eviction goes on another generation begins; the heir shows a lot, the last commit of the eviction comes, and all die. */
export const evictsSlowly: Story = (int) => [
  ...everyPod(0, (pod) => ({ type: "slowEviction", pod, ms: 2_400 })),
  at(0, { type: "join" }),
  at(800 + int(400), { type: "join" }),
  at(2_100 + int(400), { type: "burst", rounds: 60 }),
  ...allDie(3_000 + int(900), int)
]

/** A partition comes back to the pod that still evicts it, the last commit of the eviction is late, and when it arrives all die. */
export const getsItBack: Story = (int) => {
  const evict = 2_400
  const late = evict + 400 + int(800)
  return [
    ...everyPod(0, (pod) => ({ type: "slowEviction", pod, ms: evict })),
    at(0, { type: "join" }),
    at(900 + int(500), { type: "leave", pod: 2 }),
    ...everyPod(late, (pod) => ({ type: "lateCommit", pod, ms: 400, by: 2_000 })),
    at(late + 1_300, { type: "burst", rounds: 60 }),
    ...allDie(late + 2_000 + int(900), int)
  ]
}

/** Commits are late or their outcome is unknown while a lot is shown; they arrive, and everybody dies. */
export const commitsLate: Story = (int) => {
  const by = 1_500 + int(2_500)
  return [
    ...everyPod(0, (pod) => ({ type: "lateCommit", pod, ms: 700 + int(500), by })),
    at(900, { type: "burst", rounds: 60 }),
    ...allDie(by + int(1_200), int)
  ]
}

/** After a burst smaller reservations will do; their answers are lost, as much is shown as the larger one allowed, and all die. */
export const reservesLess: Story = (int) => [
  at(0, { type: "burst", rounds: 80 }),
  ...everyPod(1_200 + int(500), (pod) => ({ type: "lostCommitAnswers", pod, ms: 3_000 })),
  at(2_600, { type: "burst", rounds: 80 }),
  ...allDie(2_800 + int(1_500), int)
]

/** An owner dies; the first commits of its heirs are late, and the heirs die when they have shown more than it had reserved. */
export const firstCommitLate: Story = (int) => [
  at(0, { type: "crash", pod: int(5) }),
  ...everyPod(5_400, (pod) => ({ type: "lateCommit", pod, ms: 3_500, by: 9_000 })),
  at(7_000, { type: "burst", rounds: 40 }),
  ...allDie(7_300 + int(1_200), int)
]

/** An owner dies, its heirs are slow, and die while they are still behind its fence. */
export const heirsDie: Story = (int) => [
  at(0, { type: "burst", rounds: 60 }),
  at(1_000, { type: "crash", pod: int(5) }),
  ...heirsAreSlow(1_100, int),
  ...allDie(6_700 + int(1_500), int)
]

/** Rounds are begun that nobody ends: they hold C back while others are shown. */
const begun = (ms: number): ReadonlyArray<Timed> =>
  [0, 1, 3, 4].flatMap((source) => [at(0, { type: "partialRound", source }), at(10, { type: "silence", source, ms })])

/** Much more is shown before the next commit arrives, which is too late for those who come after all died. */
export const begunAndNotEnded: Story = (int) => [
  ...begun(4_000),
  ...everyPod(300, (pod) => ({ type: "lateCommit", pod, ms: 2_500, by: 9_000 })),
  at(700 + int(300), { type: "burst", rounds: 60 }),
  ...allDie(1_200 + int(1_500), int)
]

/** The owner goes in order, and its heirs are slow. */
export const begunAndHandedOver: Story = (int) => [
  ...begun(6_000),
  at(200, { type: "burst", rounds: 30 + int(30) }),
  at(1_200, { type: "join" }),
  ...heirsAreSlow(1_300, int),
  at(1_500 + int(1_500), { type: "leave", pod: int(5) })
]

/** A machine is suspended until others show what it had. */
export const suspended: Story = (int) => [
  at(0, { type: "freeze", pod: int(5), ms: 7_500 + int(3_000), suspend: true }),
  at(7_000, { type: "burst", rounds: 20 })
]

/** The same, with a heartbeat under way whose answer, from before, arrives only after the machine is awake again. */
export const answeredWhenAwake: Story = (int) => {
  const pod = int(5)
  const ms = 7_500 + int(2_000)
  return [
    at(0, { type: "delay", pod, ms: 600, by: ms + 1_200, side: "answer" }),
    at(620, { type: "freeze", pod, ms, suspend: true }),
    at(7_000, { type: "burst", rounds: 20 })
  ]
}

/** An expelled member is back under a new id before it has evicted what it had; then its heirs die. */
export const backWhileEvicting: Story = (int) => {
  const evict = 1_500 + int(1_000)
  const pod = int(5)
  const ms = 7_000 + int(1_000)
  return [
    ...everyPod(0, (pod) => ({ type: "slowEviction", pod, ms: evict })),
    at(10, { type: "freeze", pod, ms, suspend: false }),
    at(ms + evict - 300, { type: "burst", rounds: 40 }),
    ...allDie(ms + evict + int(900), int)
  ]
}

/** Of a source only the newest round is more than some pods accept; its owner goes to one of those, and an older one comes again. */
export const widest: Story = (int) => {
  const source = int(8)
  return [
    at(0, { type: "wide", source, ms: 100 }),
    at(50, { type: "silence", source, ms: 9_000 }),
    at(1_200, { type: "join" }),
    at(1_500 + int(1_000), { type: "leave", pod: int(5) }),
    at(4_000 + int(1_000), { type: "repeat", source, back: 1 }),
    at(5_500 + int(1_000), { type: "repeat", source, back: 2 })
  ]
}

/** A pod wakes that was put out of the group, the others leave, and it gets back what it had. */
export const getsTheSameBack: Story = (int) => [
  at(0, {
    type: "zombie",
    pod: int(5),
    ms: 7_000 + int(2_000),
    suspend: false,
    evict: 0,
    others: "leave",
    othersAfter: 100 + int(900),
    perRecord: 100 + int(100)
  }),
  at(8_000, { type: "burst", rounds: 30 }),
  at(14_000, { type: "join" })
]

/** A pod is slow to rejoin for one that comes, goes on showing and committing meanwhile, and dies. */
export const diesRejoining: Story = (int) => [
  at(0, { type: "dieRejoining", pod: int(5), burst: 40 + int(50), later: 500 + int(5_000), perRecord: 80 + int(100) }),
  at(16_000, { type: "join" })
]

/** What a pod was given in a generation whose sync it gave up has moved on when the answer comes. */
export const answeredLate: Story = (int) => [
  ...everyPod(0, (pod) => ({ type: "failSync", pod, how: "late" })),
  ...everyPod(0, (pod) => ({ type: "slowPod", pod, ms: 10_000, perRecord: 150 + int(150) })),
  at(10, { type: "leave", pod: int(5) }),
  at(1_500 + int(1_500), { type: "join" }),
  at(5_000, { type: "burst", rounds: 40 })
]

/** Answers come later and later, then none, and others take over. */
export const fadesOut: Story = (int) => [
  at(0, { type: "fadeOut", pod: int(5), by: 1_500 + int(500), ms: 8_000 }),
  at(7_000, { type: "burst", rounds: 30 })
]

/** A pod's join does not arrive until it is put out for that, and by then it hears nothing any more. */
export const joinsTooLate: Story = (int) => {
  const pod = int(2)
  return [
    at(0, { type: "slowJoin", pod, by: 16_000 }),
    at(10, { type: "join" }),
    at(7_500 + int(700), { type: "cut", pod, ms: 8_000, lose: "both" }),
    at(9_500, { type: "burst", rounds: 30 })
  ]
}

/** A pod is cut off and its wall clock goes back. */
export const cutOffAndPutBack: Story = (int) => {
  const pod = int(5)
  return [
    at(0, { type: "cut", pod, ms: 11_000, lose: "both" }),
    at(10, { type: "wallJump", pod, by: -(60_000 + int(60_000)) }),
    at(8_000, { type: "burst", rounds: 30 })
  ]
}

/** A pod is cut off from all but a coordinator that was deposed and knows nothing of what goes on. */
export const deposed: Story = (int) => {
  const pod = int(5)
  return [
    at(0, { type: "cut", pod, ms: 11_000, lose: "both" }),
    at(0, { type: "deposed", pod, ms: 11_000 }),
    at(8_000, { type: "burst", rounds: 30 })
  ]
}

/** An agent restarts, and a round of before arrives again. */
export const olderEpoch: Story = (int) => {
  const source = int(8)
  return [
    at(0, { type: "restartAgent", source, clockBy: int(100_000) }),
    ...[1_500, 2_500, 5_000].map((ms) => at(ms + int(500), { type: "repeat", source, back: 1 + int(2) }))
  ]
}

/** A source says that it has ended, and a round of before arrives again. */
export const endsAndRepeats: Story = (int) => {
  const source = int(8)
  return [at(0, { type: "end", source }), at(50 + int(300), { type: "repeat", source, back: 1 })]
}

/** A source is silent until it has expired, its partition moves, and an older round arrives. */
export const silentAndMoved: Story = (int) => {
  const source = int(8)
  return [
    at(0, { type: "silence", source, ms: 18_500 }),
    at(12_000 + int(2_000), { type: "join" }),
    at(13_500 + int(1_500), { type: "leave", pod: int(5) }),
    at(16_500 + int(800), { type: "repeat", source, back: 1 })
  ]
}

/** The epoch falls behind, and an older round of the higher one arrives while all of that is moved about. */
export const fallsBehind: Story = (int) => {
  const source = int(8)
  return [
    at(0, { type: "repeat", source, back: 1 + int(3) }),
    at(int(2_000), { type: "silence", source, ms: 30_000 }),
    ...[9_000, 14_000, 17_500].map((ms) => at(ms + int(900), { type: "repeat", source, back: 1 + int(3) })),
    ...[18_500, 20_500, 22_500, 24_500].map((ms) => at(ms + int(1_500), { type: "join" })),
    ...[19_500, 21_500, 23_500, 25_500].map((ms) => at(ms + int(1_500), { type: "leave", pod: int(5) }))
  ]
}

/** A pod reads nothing for longer than versions are remembered; what it reads then has an older round in it. */
export const stallsAndReads: Story = (int) => {
  const source = int(8)
  return [
    at(0, { type: "silence", source, ms: 45_000 }),
    ...everyPod(10, (pod) => ({ type: "slowPod", pod, ms: 28_000, perRecord: 700 + int(600) })),
    at(20, { type: "burst", rounds: 30 }),
    at(3_000 + int(9_000), { type: "repeat", source, back: 1 + int(3) })
  ]
}

/** A tool sets the group's offsets, whoever comes then is followed by others, and rounds that were late arrive. */
export const toolAndLate: Story = (int) => {
  const source = int(8)
  return [
    at(0, { type: "restartAgent", source, clockBy: 0 }),
    at(1_200, { type: "burst", rounds: 10 }),
    at(2_000, { type: "silence", source, ms: 9_000 }),
    at(2_100, { type: "toolResets", pods: 2, down: int(300) }),
    at(4_700 + int(200), { type: "join" }),
    ...[0, 0].map((pod) => at(4_900 + int(200), { type: "leave", pod } as const)),
    ...[4_400, 5_600, 5_900, 6_200].map((ms) =>
      at(ms + int(250), { type: "repeat", source, back: 1 + int(3) } as const)
    )
  ]
}

/** The same of several sources, and the last that came of each is a chunk that its owner had to drop. */
export const droppedAndMoved: Story = (int) => {
  const sources = [0, 1, 3, 4, 6, 7]
  const busy = 1_500
  return [
    ...everyPod(0, (pod) => ({ type: "strategy", pod, strategy: "pause" })),
    ...sources.map((source) => at(10, { type: "silence", source, ms: 18_500 } as const)),
    // All that they sent is shown by now. What comes next waits behind what the actor has in hand.
    ...everyPod(busy, (pod) => ({ type: "slowPod", pod, ms: 4_000, perRecord: 200 })),
    at(busy + 5, { type: "burst", rounds: 9 }),
    ...sources.map((source) => at(busy + 250, { type: "partialRound", source } as const)),
    at(busy + 260, { type: "burst", rounds: 90 }),
    ...everyPod(busy + 300 + int(300), (pod) => ({ type: "strategy", pod, strategy: "drop-front" })),
    at(12_000 + int(2_000), { type: "join" }),
    at(13_500 + int(1_500), { type: "leave", pod: int(5) }),
    ...sources.map((source) => at(16_500 + int(800), { type: "repeat", source, back: 1 } as const))
  ]
}

/** A log is cut, its owner hears of it, and before that looks where it ends it is longer than it was; what some sources sent is not in it. */
export const cutAndGrown: Story = (int) => [
  at(0, { type: "burst", rounds: 10 }),
  ...[0, 1, 2, 3, 4].map((source) => at(10, { type: "silence", source, ms: 6_000 } as const)),
  at(400, { type: "logBack", partition: int(6), how: "truncate", by: 1 + int(6) }),
  at(405 + int(150), { type: "burst", rounds: 60 })
]

/** More comes than anybody can process, and in the middle of it a partition changes hands. */
export const floodedAndMoved: Story = (int) => {
  const perRecord = 100 + int(100)
  const moves = 1_500 + int(2_500)
  return [
    at(0, { type: "flood", ms: 10_000, every: 60 + int(80), perRecord }),
    at(moves, int(2) === 0 ? { type: "leave", pod: int(5) } : { type: "crash", pod: int(5) }),
    at(moves + 10, { type: "join" })
  ]
}

/** A topic grows twice, and pods are slow to rejoin when it does: some have heard of it, others go on with what they know. */
export const growsTwice: Story = (int) => [
  at(0, { type: "addPartitions", count: 1 }),
  at(100 + int(300), { type: "join" }),
  ...everyPod(5_000, (pod) => ({ type: "slowJoin", pod, by: 2_500 + int(3_000) })),
  at(5_100 + int(500), { type: "addPartitions", count: 1 + int(3) }),
  at(5_200 + int(600), { type: "join" }),
  at(8_000, { type: "burst", rounds: 20 })
]

/** A topic of two partitions has four for a while, which only some producers hear of, and then more; then a pod comes. */
export const growsUnheard: Story = (int) => [
  at(0, { type: "addPartitions", count: 2 }),
  at(4_000 + int(2_000), { type: "addPartitions", count: 1 + int(3) }),
  at(6_500 + int(3_000), { type: "join" }),
  at(12_000, { type: "burst", rounds: 20 })
]

/** Who owns the place that a source of another partitioner leaves lags until the window is over. */
export const growsMixedAndLags: Story = (int) => [
  at(20_000, { type: "addPartitions", count: 1 + int(3) }),
  at(20_000, { type: "burst", rounds: 60 }),
  ...everyPod(20_050, (pod) => ({ type: "slowPod", pod, ms: 30_000, perRecord: 700 + int(500) })),
  at(52_000, { type: "burst", rounds: 10 })
]

/** Sources of another partitioner are shown, then the topic grows. */
export const growsMixed: Story = (int) => [
  at(20_000, { type: "addPartitions", count: 1 + int(3) }),
  at(20_200 + int(300), { type: "join" }),
  at(24_000 + int(2_000), { type: "burst", rounds: 30 })
]
