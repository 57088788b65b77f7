/**
 * TopicCounts: what a member knows of its topics' partition counts, as it is told to others: a member to the leader in its
 * claims, the leader to all in their assignments. Pure codec. Whatever cannot be read says nothing.
 */
import { type Placement, placements } from "../../transport/Placement.ts"
import { decodePlacement, encodePlacement, isCount, maxCounts } from "./Homes.ts"
import type { Vote } from "./Votes.ts"

export interface TopicCounts {
  readonly placement: Placement | undefined
  /** Ascending. */
  readonly counts: ReadonlyArray<number>
  /** Of the keys in the partitions that the member owns. */
  readonly vote: Vote
}

export type Counts = ReadonlyMap<string, TopicCounts>

/** The placement's letter, the vote's bits, the letters of what it agrees with, then the counts. */
export const packCounts = (all: Counts): Record<string, ReadonlyArray<string | number>> => {
  const packed: Record<string, ReadonlyArray<string | number>> = {}
  for (const [topic, { placement, counts, vote }] of all)
    packed[topic] = [
      encodePlacement(placement),
      Math.floor(vote.bits),
      vote.agree.map(encodePlacement).join(""),
      ...counts
    ]
  return packed
}

export const unpackCounts = (x: unknown): Counts => {
  const all = new Map<string, TopicCounts>()
  if (typeof x !== "object" || x === null) return all
  for (const [topic, list] of Object.entries(x)) {
    if (!Array.isArray(list) || list.length > 3 + maxCounts) continue
    const [code, bits, letters, ...counts] = list as ReadonlyArray<unknown>
    if (typeof bits !== "number" || !(bits >= 0) || typeof letters !== "string" || !counts.every(isCount)) continue
    const agree = placements.filter((placement) => letters.includes(encodePlacement(placement)))
    all.set(topic, { placement: decodePlacement(code), counts: ascending(counts), vote: { bits, agree } })
  }
  return all
}

export const ascending = (counts: Iterable<number>): ReadonlyArray<number> => [...new Set(counts)].sort((a, b) => a - b)
