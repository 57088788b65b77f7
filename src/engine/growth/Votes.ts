/**
 * Votes: which placement the keys of a topic agree with, for `--partitioner auto`. Pure.
 *
 * Under a wrong hash a key is where it should be by chance, about once in as many times as there are partitions. So each key
 * that agrees is worth log2(partitions) bits, and enough keys that all agree with the same placement leave no doubt. One key that
 * agrees with none (a producer that chooses partitions itself) leaves nothing to tell. Neither does a topic of one partition.
 */
import { type Placement, placements, placing } from "../../transport/Placement.ts"

export interface Vote {
  /** What the keys are worth together. */
  readonly bits: number
  /** What all of them agree with. */
  readonly agree: ReadonlyArray<Placement>
}

export const noVote: Vote = { bits: 0, agree: placements }

/** Wrong once in a million: ten keys on 4 partitions, seven on 8, four on 64. */
const enough = 20

/** Beyond it the sum is taken for the chance, which is a little more. */
const longest = 100_000

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** How likely a hash at random is at home in the partition under one of the counts. */
export const chance = (partition: number, counts: ReadonlyArray<number>): number => {
  const having = counts.filter((count) => count > partition)
  const period = having.reduce((lcm, count) => Math.min(longest + 1, (lcm / gcd(lcm, count)) * count), 1)
  if (period > longest)
    return Math.min(
      1,
      having.reduce((sum, count) => sum + 1 / count, 0)
    )
  let hits = 0
  for (let hash = 0; hash < period; hash++) if (having.some((count) => hash % count === partition)) hits++
  return hits / period
}

/** Keys that live in a partition of a topic that had these counts. */
export const vote = (partition: number, counts: ReadonlyArray<number>, keys: Iterable<Uint8Array>): Vote => {
  let agree: ReadonlyArray<Placement> = placements
  let voters = 0
  for (const key of keys) {
    voters++
    agree = agree.filter((placement) => {
      const hash = placing[placement](key)
      return counts.some((count) => hash % count === partition)
    })
    if (agree.length === 0) break
  }
  const each = chance(partition, counts)
  return { bits: each > 0 ? voters * -Math.log2(each) : 0, agree }
}

export const together = (votes: Iterable<Vote>): Vote => {
  let all = noVote
  for (const { bits, agree } of votes)
    all = { bits: all.bits + bits, agree: all.agree.filter((placement) => agree.includes(placement)) }
  return all
}

export const decided = ({ bits, agree }: Vote): Placement | undefined =>
  bits >= enough && agree.length === 1 ? agree[0] : undefined
