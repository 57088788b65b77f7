/**
 * Loads: what one member knows of the partitions' loads: what it said of its own in the last join, and, where it leads, what it heard
 * of all. A leader remembers the load of a partition that nobody holds just now (it is moving, or its owner left).
 *
 * It also says when loads are worth a look, which takes a generation: every member's claims carry them and nothing else does.
 */

import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import type { Assignments, Claimant } from "./Grant.ts"
import { leastLoad } from "./Load.ts"

type BytesPerSecond = ReadonlyMap<string, number>

/** How much of what a member carries must have come or gone. */
const worthwhile = 0.2

/** By what was claimed and what is so now, of the same partitions. */
export const drifted = (claimed: BytesPerSecond, now: BytesPerSecond): boolean => {
  let before = 0
  let after = 0
  for (const [key, load] of now) {
    before += claimed.get(key) ?? 0
    after += load
  }
  return Math.abs(after - before) > worthwhile * (Math.max(before, after) + leastLoad * now.size)
}

/** Each owner's own word; where two claim the same partition the larger; what nobody claims as it was before. */
export const heardFrom = (
  members: ReadonlyArray<Claimant>,
  partitions: ReadonlyArray<TopicPartition>,
  before: BytesPerSecond
): BytesPerSecond => {
  const told = new Map<string, number>()
  for (const { claims } of members)
    for (const [key, load] of claims.loads) told.set(key, Math.max(load, told.get(key) ?? 0))
  const known = new Map<string, number>()
  for (const tp of partitions) {
    const key = partitionKey(tp)
    const load = told.get(key) ?? before.get(key)
    if (load !== undefined) known.set(key, load)
  }
  return known
}

/** Whether the assignment leaves everything where it is. */
export const settled = (
  members: ReadonlyArray<Claimant>,
  partitions: ReadonlyArray<TopicPartition>,
  given: Assignments
): boolean => {
  let kept = 0
  for (const { memberId, claims } of members) {
    const live = new Set(claims.live)
    for (const tp of given.get(memberId) ?? []) if (live.has(partitionKey(tp))) kept += 1
  }
  return kept === partitions.length
}

export class Loads {
  private claimed: BytesPerSecond = new Map()
  private heard: BytesPerSecond = new Map()
  /** As leader: partitions moved since all loads were looked at. */
  private unsettled = false
  private alone = false
  private readonly measure: () => BytesPerSecond

  constructor(measure: () => BytesPerSecond) {
    this.measure = measure
  }

  /** For the claims of a join that is sent now. */
  claim(): BytesPerSecond {
    this.claimed = this.measure()
    return this.claimed
  }

  hear(members: ReadonlyArray<Claimant>, partitions: ReadonlyArray<TopicPartition>): BytesPerSecond {
    this.heard = heardFrom(members, partitions, this.heard)
    return this.heard
  }

  assigned(members: ReadonlyArray<Claimant>, partitions: ReadonlyArray<TopicPartition>, given: Assignments): void {
    this.alone = members.length === 1
    this.unsettled = !settled(members, partitions, given)
  }

  /** Another member leads: it hears everything itself. */
  follow(): void {
    this.heard = new Map()
    this.unsettled = this.alone = false
  }

  get worthALook(): boolean {
    return !this.alone && (this.unsettled || drifted(this.claimed, this.measure()))
  }
}
