/**
 * wilfulAssignors: assignors such as a team might bring by mistake: in one step, at random, by who asks, throwing, leaving partitions out, naming
 * strangers. No promise may depend on what an assignor answers.
 */
import { Layer } from "effect"
import { Assignor } from "../../src/engine/group/Assignor.ts"
import type { Holder } from "../../src/engine/group/Balance.ts"
import { random } from "../../src/testing/Random.ts"

type Place = (typeof Assignor)["Service"]["place"]

const inTurn = (members: ReadonlyArray<Holder>, keys: ReadonlyArray<string>, shift: (i: number) => number) =>
  new Map(keys.map((key, i) => [key, members[shift(i) % members.length]!.memberId]))

/** Drawn anew for each pod: leaders need not agree. */
const places = (seed: number): Readonly<Record<string, Place>> => {
  const { next } = random(seed)
  const int = (n: number) => Math.floor(next() * n)
  const atRandom: Place = (members, keys) => inTurn(members, keys, () => int(100))
  return {
    "in turn, at once": (members, keys) =>
      inTurn(
        [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
        keys,
        (i) => i
      ),
    "at random": atRandom,
    "all to one": (members, keys) => inTurn(members, keys, () => 0),
    "throws now and then": (members, keys, loads) => {
      if (next() < 0.5) throw new Error("no idea")
      return atRandom(members, keys, loads)
    },
    nonsense: (members, keys, loads) => {
      const wish = new Map(atRandom(members, keys, loads))
      for (const key of keys) if (next() < 0.1) wish.delete(key)
      if (next() < 0.3) wish.set(keys[0]!, "nobody")
      return wish
    }
  }
}

export const wilful = Object.keys(places(0))

export const wilfulAssignor = (name: string, seed: number): Layer.Layer<Assignor> =>
  Layer.sync(Assignor, () => Assignor.of({ name, protocol: "k2p-wilful", place: places(seed)[name]! }))
