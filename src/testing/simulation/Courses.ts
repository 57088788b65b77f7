/** Courses: when what happens in a history of each profile: all at once, each thing for itself, and what comes on top of it. */
import type { Fault, Timed } from "./Fault.ts"
import { calmKinds, type Int, type Kinds, kinds, logBack, oftenWeight, one, pause, pickFrom, typeOf } from "./Kinds.ts"
import { isGrowth, type Profile } from "./Profile.ts"

/** When, in mixed histories, sources of other partitioners may come after all others'. */
export const foreignersCome = 14_000

export const stormy = (
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
export const calm = (count: number, profile: Profile, r: () => number, int: Int): ReadonlyArray<Timed> => {
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

/** Joins and leaves, each of which ends before the next one begins. */
export const orderly = (count: number, r: () => number, int: Int): ReadonlyArray<Timed> =>
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

/** What becomes of a store outside of all pods, and of writes to it. */
export const withStoreTroubles = (faults: ReadonlyArray<Timed>, r: () => number): ReadonlyArray<Timed> => {
  const int: Int = (n) => Math.floor(r() * n)
  const last = faults.at(-1)?.at ?? 0
  const at = () => 3_000 + int(last)
  const some = (count: number, make: () => Fault): ReadonlyArray<Timed> =>
    Array.from({ length: count }, () => ({ at: at(), fault: make() }))
  const troubles = some(int(4), () => ({
    type: "storeTrouble",
    ms: 1_000 + int(12_000),
    share: one(int, [0.1, 0.5, 1])
  }))
  const stranded = some(1 + int(4), () => ({
    type: "strandedWrite",
    pod: int(5),
    there: 500 + int(20_000),
    fate: one(int, ["crash", "freeze", "cut"])
  }))
  return [...faults, ...troubles, ...stranded].sort((a, b) => a.at - b.at)
}

/** Shorter or longer than a session, or than anybody waits for a join; the next one when all is long back. */
export const pauses = (r: () => number, int: Int): ReadonlyArray<Timed> => {
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
