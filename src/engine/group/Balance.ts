/**
 * Balance: which member each partition should come to, by what each holds now and by the partitions' loads. Pure and the same for
 * every order of members and partitions. It knows nothing of claims and steps: Assignor keeps to rule 6.
 *
 * A partition weighs its bytes a second (unknown: the mean) plus a third of the mean for being there at all, so that no member
 * collects all the idle ones. Partitions stay where they are, with three exceptions, each made only where it helps:
 * 1. what nobody holds goes to whoever carries least;
 * 2. while a member carries less than 0.8 fair shares and another one more, in at least two partitions more: that is a member
 *    that came. Where all weigh the same this goes on until counts differ by one at most;
 * 3. when nothing else moves and a member carries over 1.2 fair shares: a few partitions, and only such that the receiver
 *    ends up little above the giver. What would tip the scales back must be as large as what tipped them.
 */
import { leastLoad } from "./Load.ts"

/** A member of the group, and the partitions (by key) that it has now. @experimental */
export interface Holder {
  /** As the coordinator named it. */
  readonly memberId: string
  /** What it holds and is not about to let go. */
  readonly keys: ReadonlyArray<string>
}

interface Part {
  readonly key: string
  readonly weight: number
}

interface Side {
  readonly memberId: string
  readonly parts: Array<Part>
  weight: number
}

/** Of a fair share: what a member may carry more or less without anything being moved. */
const tolerance = 0.2
/** Once moving for load: until nobody carries more than this above a fair share. */
const goodEnough = 0.1

/** Moves for load alone, in one generation. */
export const mostLoadMoves = (partitions: number): number => Math.max(2, Math.ceil(partitions / 50))

/** Whole numbers: sums must not depend on the order of summing. */
export const weights = (
  keys: ReadonlyArray<string>,
  loads: ReadonlyMap<string, number>
): ReadonlyMap<string, number> => {
  let sum = 0
  let known = 0
  for (const key of keys) {
    const load = loads.get(key)
    if (load === undefined) continue
    sum += load
    known += 1
  }
  const mean = known === 0 ? 0 : sum / known
  const presence = Math.max(mean / 3, leastLoad)
  return new Map(keys.map((key) => [key, Math.round((loads.get(key) ?? mean) + presence)]))
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const lightestFirst = (a: Side, b: Side): number =>
  a.weight - b.weight || a.parts.length - b.parts.length || byText(a.memberId, b.memberId)
const heaviestFirst = (a: Part, b: Part): number => b.weight - a.weight || byText(a.key, b.key)

const lightest = (sides: ReadonlyArray<Side>): Side =>
  sides.reduce((best, side) => (lightestFirst(side, best) < 0 ? side : best))

const give = (to: Side, part: Part): void => {
  to.parts.push(part)
  to.weight += part.weight
}

const move = (from: Side, to: Side, part: Part): void => {
  from.parts.splice(from.parts.indexOf(part), 1)
  from.weight -= part.weight
  give(to, part)
}

/** The part that comes nearest to evening the two out, of those that do not make the receiver the much heavier one. */
const bestPart = (from: Side, to: Side): Part | undefined => {
  const gap = from.weight - to.weight
  const miss = (part: Part): number => Math.abs(gap / 2 - part.weight)
  let best: Part | undefined
  for (const part of from.parts) {
    if (part.weight * 1.5 > gap) continue
    const by = best === undefined ? -1 : miss(part) - miss(best)
    if (best === undefined || by < 0 || (by === 0 && part.key > best.key)) best = part
  }
  return best
}

/** The second exception: one such move, the heaviest giver and the lightest receiver first. */
const evenOut = (sides: ReadonlyArray<Side>, enough: number): boolean => {
  const ordered = [...sides].sort(lightestFirst)
  for (let i = ordered.length - 1; i > 0; i--)
    for (let j = 0; j < i; j++) {
      const [from, to] = [ordered[i]!, ordered[j]!]
      if (to.weight >= enough) break
      if (from.parts.length - to.parts.length < 2) continue
      const part = bestPart(from, to)
      if (part === undefined) continue
      move(from, to, part)
      return true
    }
  return false
}

/** The third exception: one such move, away from the heaviest one that can be relieved. */
const relieve = (sides: ReadonlyArray<Side>, limit: number): boolean => {
  const ordered = [...sides].sort(lightestFirst)
  const to = ordered[0]!
  for (let i = ordered.length - 1; i > 0 && ordered[i]!.weight > limit; i--) {
    const part = bestPart(ordered[i]!, to)
    if (part === undefined) continue
    move(ordered[i]!, to, part)
    return true
  }
  return false
}

/** Of each key of `keys` the member that it should come to. There must be a member. */
export const balance = (
  holders: ReadonlyArray<Holder>,
  keys: ReadonlyArray<string>,
  loads: ReadonlyMap<string, number>
): ReadonlyMap<string, string> => {
  const weightOf = weights(keys, loads)
  const free = new Map([...weightOf].map(([key, weight]) => [key, { key, weight }]))
  const sides = holders.map((holder): Side => {
    const side: Side = { memberId: holder.memberId, parts: [], weight: 0 }
    for (const key of holder.keys) {
      const part = free.get(key)
      if (part !== undefined) give(side, part)
      free.delete(key)
    }
    return side
  })
  const total = sides.reduce((sum, side) => sum + side.weight, 0) + [...free.values()].reduce((s, p) => s + p.weight, 0)
  const share = total / sides.length
  const alike = new Set(weightOf.values()).size <= 1

  let calm = free.size === 0
  // Where somebody left, what is free evens it out as well as it can; the rest waits until all is at rest.
  const mayEvenOut = alike || calm || sides.some((side) => side.parts.length === 0)
  for (const part of [...free.values()].sort(heaviestFirst)) give(lightest(sides), part)
  while (mayEvenOut && evenOut(sides, alike ? share : share * (1 - tolerance))) calm = false
  if (calm && sides.some((side) => side.weight > share * (1 + tolerance)))
    for (let moves = mostLoadMoves(keys.length); moves > 0 && relieve(sides, share * (1 + goodEnough)); moves--);
  return new Map(sides.flatMap((side) => side.parts.map((part) => [part.key, side.memberId] as const)))
}
