/**
 * Assignor: who gets which partition, decided by the group's leader from everyone's claims (rule 6 of the handoff).
 *
 * Moves take two steps: a partition that shall change hands is given to nobody for one generation; its owner evicts it,
 * rejoins without the claim, and the next generation gives it to the new owner. Partitions that stay are never touched.
 * Sticky, and balanced by load: see Balance. What is being evicted counts as nobody's there: it is gone from its owner's scrapes
 * anyway, and every leader that is asked while evictions go on then comes to the same end.
 *
 * The protocol's name carries the version of these rules: members of another version form no group with this one.
 */
import { Context, Layer } from "effect"
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { balance } from "./Balance.ts"
import type { Claims } from "./Claims.ts"

export interface Claimant {
  readonly memberId: string
  readonly claims: Claims
}

export type Assignments = ReadonlyMap<string, ReadonlyArray<TopicPartition>>

/** Who holds each partition by the claims. The highest generation's claim wins; an equal one by two members is nobody's until both let go. */
const holders = (members: ReadonlyArray<Claimant>): Map<string, Claimant | null> => {
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
  return holder
}

/** Every partition is given to at most one member, and never to one while another claims it. */
export const assignTwoStep = (
  members: ReadonlyArray<Claimant>,
  partitions: ReadonlyArray<TopicPartition>,
  loads: ReadonlyMap<string, number> = new Map()
): Assignments => {
  const byKey = new Map(partitions.map((tp) => [partitionKey(tp), tp]))
  const holder = holders(members)
  const kept = members.map((m) => ({
    memberId: m.memberId,
    keys: m.claims.live.filter((key) => holder.get(key) === m)
  }))
  const target = balance(kept, [...byKey.keys()], loads)
  const result = new Map<string, Array<TopicPartition>>(members.map((m) => [m.memberId, []]))
  for (const [key, tp] of byKey) {
    const owner = holder.get(key)
    const to = target.get(key)!
    const free = owner === undefined
    if (free || owner?.memberId === to) result.get(to)!.push(tp)
  }
  return result
}

/** Partitions that this assignment left to nobody because they are about to move: another generation must follow. */
export const unassigned = (assignments: Assignments, partitions: ReadonlyArray<TopicPartition>): number => {
  let given = 0
  for (const tps of assignments.values()) given += tps.length
  return partitions.length - given
}

export class Assignor extends Context.Service<
  Assignor,
  {
    /** The group protocol's name; with the version of the handoff's rules in it. */
    readonly protocol: string
    /** Called by the leader only. Must keep: at most one owner each, none while another member claims it. */
    readonly assign: (
      members: ReadonlyArray<Claimant>,
      partitions: ReadonlyArray<TopicPartition>,
      /** Bytes a second by partition key, where they are known. */
      loads: ReadonlyMap<string, number>
    ) => Assignments
  }
>()("k2p/engine/group/Assignor") {
  static readonly layer = Layer.succeed(Assignor, { protocol: "k2p-sticky-v1", assign: assignTwoStep })
}
