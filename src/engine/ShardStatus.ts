/** ShardStatus: a shard's state as plain data for the status page and the metrics. Pure; copies, so that nobody holds on to live state. */
import type { EngineStatus, HandoffStatus, PartitionStatus } from "./Engine.ts"
import type { HandoffState } from "./group/Handoff.ts"
import { type LeaseBounds, leaseEnds, leaseValid, membershipValid } from "./group/Lease.ts"
import type { EngineOptions } from "./Options.ts"
import type { Partition } from "./partition/Partition.ts"
import { outlives } from "./partition/Quarantine.ts"
import type { TroubleStatus } from "./partition/Trouble.ts"

export interface StatusInput {
  readonly options: EngineOptions
  readonly state: HandoffState
  readonly leader: boolean
  readonly settingsDiffer: ReadonlyArray<string>
  readonly refused: string | null
  readonly wishes: EngineStatus["wishes"]
  readonly bounds: LeaseBounds
  readonly now: number
  readonly partitions: ReadonlyArray<Partition>
  readonly handoffs: ReadonlyArray<HandoffStatus>
  /** Whether a leader of the partition is known. */
  readonly led: (key: string) => boolean
}

/** A partition that no broker leads is not even asked for: nothing fails, and nothing is known. */
const unled = (p: Partition, now: number): TroubleStatus => ({
  code: "NOT_LEADER",
  detail: "no broker leads it",
  tries: 0,
  sinceMs: Math.round(now - p.acquiredAt)
})

const partitionStatus = (p: Partition, i: StatusInput, leased: boolean): PartitionStatus => {
  const trouble = p.trouble?.status(i.now) ?? (i.led(p.key) ? null : unled(p, i.now))
  const known = i.led(p.key) && p.highWatermark >= 0
  const working = p.processing !== undefined
  const remainder = p.queue.remainder(i.options.queueRecords, i.options.queueBytes)
  return {
    topic: p.tp.topic,
    partition: p.tp.partition,
    phase: p.phase,
    visible: p.visible && leased,
    position: p.position,
    committed: p.reservation.confirmed === null ? null : p.committed,
    reservation: p.reservation.confirmed,
    fence: working ? p.fence : null,
    highWatermark: known ? p.highWatermark : null,
    lag: known && p.lag >= 0 ? p.lag : null,
    queue: {
      records: p.queue.records - remainder.records,
      bytes: p.queue.bytes - remainder.bytes,
      paused: p.paused
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

export const shardStatus = (i: StatusInput): EngineStatus => {
  const { state: s, options } = i
  const leased = leaseValid(s.lease, i.bounds, i.now)
  // A member without partitions has nothing to commit, so only its membership counts.
  const membership = membershipValid(s.lease, i.bounds, i.now)
  const leaseMs = leaseEnds(s.lease, i.bounds) - i.now
  return {
    group: options.group,
    memberId: s.memberId,
    generation: s.generation,
    leader: i.leader,
    state: s.leaving || s.phase === "left" ? "leaving" : s.synced < 0 ? "joining" : "member",
    leaseMs: Number.isFinite(leaseMs) ? Math.round(leaseMs) : -1,
    refused: i.refused,
    wishes: i.wishes,
    ready: s.synced >= 0 && !s.leaving && (i.partitions.length === 0 ? membership : leased),
    settingsHash: options.settingsHash,
    settingsDiffer: i.settingsDiffer,
    partitions: i.partitions.map((p) => partitionStatus(p, i, leased)).sort(byPartition),
    handoffs: [...i.handoffs]
  }
}

const byPartition = (a: PartitionStatus, b: PartitionStatus): number =>
  a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
