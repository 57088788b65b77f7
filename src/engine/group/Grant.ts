/**
 * Grant: what the group's leader makes of a wish (rule 6 of the handoff). Pure. Whatever the wish is, every partition is given to at most one
 * member, and to none while another one claims it.
 *
 * Moves take two steps: a partition that shall change hands is given to nobody for one generation; its owner evicts it,
 * rejoins without the claim, and the next generation gives it to the new owner. Partitions that stay are never touched.
 * What is being evicted counts as nobody's for the wish: it is gone from its owner's scrapes anyway, and every leader
 * that is asked while evictions go on then comes to the same end.
 */
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import type { Holder } from "./Balance.ts"
import type { Claims } from "./Claims.ts"

export interface Claimant {
  readonly memberId: string
  readonly claims: Claims
}

export type Assignments = ReadonlyMap<string, ReadonlyArray<TopicPartition>>

/** Of each partition's key the member that it should come to. @experimental */
export type Wish = ReadonlyMap<string, string>

/** Who claims what. */
export interface Standing {
  /** Of what is claimed; null where two claim it with equal right: nobody's until both let go. */
  readonly holder: ReadonlyMap<string, Claimant | null>
  /** What each member holds and is not about to let go. */
  readonly kept: ReadonlyArray<Holder>
}

/** The highest generation's claim wins. */
export const standing = (members: ReadonlyArray<Claimant>): Standing => {
  const holder = new Map<string, Claimant | null>()
  const generation = new Map<string, number>()
  for (const member of members)
    for (const key of [...member.claims.live, ...member.claims.evicting]) {
      const best = generation.get(key) ?? -Infinity
      if (member.claims.generation > best) {
        generation.set(key, member.claims.generation)
        holder.set(key, member)
      } else if (member.claims.generation === best && holder.get(key)?.memberId !== member.memberId)
        holder.set(key, null)
    }
  const kept = members.map((m) => ({
    memberId: m.memberId,
    keys: m.claims.live.filter((key) => holder.get(key) === m)
  }))
  return { holder, kept }
}

export interface Granted {
  readonly assignments: Assignments
  /** Partitions that are to move, and still held: they are nobody's in this generation. */
  readonly moves: number
}

/** `mayMove`: false where only what is free is placed. The wish names a member of the group for each partition. */
export const grant = (
  wish: Wish,
  { holder, kept }: Standing,
  partitions: ReadonlyArray<TopicPartition>,
  mayMove = true
): Granted => {
  const keeps = new Map(kept.flatMap(({ memberId, keys }) => keys.map((key) => [key, memberId] as const)))
  const assignments = new Map<string, Array<TopicPartition>>(kept.map(({ memberId }) => [memberId, []]))
  let moves = 0
  for (const tp of partitions) {
    const key = partitionKey(tp)
    const keeper = keeps.get(key)
    const to = keeper !== undefined && !mayMove ? keeper : wish.get(key)!
    if (keeper !== undefined && keeper !== to) moves += 1
    else if (keeper === to || !holder.has(key) || holder.get(key)?.memberId === to) assignments.get(to)!.push(tp)
  }
  return { assignments, moves }
}
