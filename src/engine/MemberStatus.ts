/** MemberStatus: a member's state as plain data for the status page and the metrics. Pure; copies, so that nobody holds on to live state. */
import type { EngineStatus, PartitionStatus } from "./Engine.ts"
import { leaseEnds, membershipValid } from "./group/Lease.ts"
import type { Membership } from "./group/Membership.ts"
import type { Member } from "./Member.ts"
import type { Partition } from "./partition/Partition.ts"
import { outlives } from "./partition/Quarantine.ts"
import { freshFor } from "./partition/Timekeeper.ts"
import type { TroubleStatus } from "./partition/Trouble.ts"

/** A partition that no broker leads is not even asked for: nothing fails, and nothing is known. */
const unled = (p: Partition, now: number): TroubleStatus => ({
  code: "NOT_LEADER",
  detail: "no broker leads it",
  tries: 0,
  sinceMs: Math.round(now - p.acquiredAt)
})

const partitionStatus = (p: Partition, { now, options, topology }: Member, leased: boolean): PartitionStatus => {
  const led = topology.leader(p.key) !== undefined
  const trouble = p.trouble?.status(now()) ?? (led ? null : unled(p, now()))
  const age = p.logEnd.age(now())
  const end = led && age !== undefined && age <= freshFor(options) ? p.logEnd.last : -1
  const working = p.processing !== undefined
  const remainder = p.queue.remainder(options.queueRecords, options.queueBytes)
  return {
    topic: p.tp.topic,
    partition: p.tp.partition,
    phase: p.phase,
    visible: p.visible && leased,
    position: p.position,
    committed: p.reservation.confirmed === null ? null : p.committed,
    reservation: p.reservation.confirmed,
    fence: working ? p.fence : null,
    highWatermark: end < 0 ? null : end,
    lag: end < 0 || !working ? null : Math.max(0, end - p.position),
    lagMs: age === undefined || !working ? null : Math.round(p.lagMs(now()) || age),
    lagAgeMs: age === undefined ? null : Math.round(age),
    queue: {
      records: p.queue.records - remainder.records,
      bytes: p.queue.bytes - remainder.bytes,
      paused: p.paused,
      pausedMs: p.pausedSince === undefined ? 0 : Math.round(now() - p.pausedSince)
    },
    remainder,
    backpressure: p.strategy.name,
    dropped: p.drops.total,
    droppingSince: p.drops.since ?? null,
    restarts: p.restartCount,
    trouble,
    quarantine: outlives(p.quarantine, p.lowest),
    skipped: { batches: p.skipped.count, last: p.skipped.last ?? null },
    growth: {
      counts: p.homes.steps.map(({ count }) => count),
      placement: p.homes.placement ?? null,
      waitingFor: p.homes.open
    },
    holds: p.processing?.status() ?? {}
  }
}

export const memberStatus = ({ admission, assigning, leads, member, settingsDiffer }: Membership): EngineStatus => {
  const { bounds, options, state: s } = member
  const leased = member.leaseValid
  const now = member.now()
  // A member without partitions has nothing to commit, so only its membership counts.
  const membership = membershipValid(s.lease, bounds, now)
  const leaseMs = leaseEnds(s.lease, bounds) - now
  const partitions = [...member.partitions.values()]
  return {
    group: options.group,
    memberId: s.memberId,
    generation: s.generation,
    leader: leads,
    state: s.leaving || s.phase === "left" ? "leaving" : s.synced < 0 ? "joining" : "member",
    leaseMs: Number.isFinite(leaseMs) ? Math.round(leaseMs) : -1,
    refused: admission.problem,
    doubt: member.doubt.status(now, member.topology.missing),
    wishes: { assignor: assigning.name, refused: assigning.refusals, last: assigning.lastRefusal },
    ready: s.synced >= 0 && !s.leaving && (partitions.length === 0 ? membership : leased),
    settingsHash: options.settingsHash,
    settingsDiffer,
    partitions: partitions.map((p) => partitionStatus(p, member, leased)).sort(byPartition),
    handoffs: [...member.handoffs.entries]
  }
}

const byPartition = (a: PartitionStatus, b: PartitionStatus): number =>
  a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
