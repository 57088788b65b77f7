/** ShardStatus: a shard's state as plain data for the status page and the metrics. Pure; copies, so that nobody holds on to live state. */
import type { EngineStatus, HandoffStatus, PartitionStatus } from "./Engine.ts"
import type { HandoffState } from "./Handoff.ts"
import { type LeaseBounds, leaseEnds, leaseValid, membershipValid } from "./Lease.ts"
import type { EngineOptions } from "./Options.ts"
import type { Partition } from "./Partition.ts"

export interface StatusInput {
  readonly options: EngineOptions
  readonly state: HandoffState
  readonly leader: boolean
  readonly settingsDiffer: ReadonlyArray<string>
  readonly bounds: LeaseBounds
  readonly now: number
  readonly partitions: ReadonlyArray<Partition>
  readonly handoffs: ReadonlyArray<HandoffStatus>
}

const partitionStatus = (p: Partition, leased: boolean): PartitionStatus => {
  const working = p.processing !== undefined
  const size = p.processing?.size() ?? { sources: 0, series: 0, bytes: 0 }
  return {
    topic: p.tp.topic,
    partition: p.tp.partition,
    phase: p.phase,
    visible: p.visible && leased,
    position: p.position,
    committed: p.reservation.confirmed === null ? null : p.committed,
    reservation: p.reservation.confirmed,
    fence: working ? p.fence : null,
    highWatermark: p.highWatermark < 0 ? null : p.highWatermark,
    lag: p.lag < 0 ? null : p.lag,
    queue: { records: p.queue.records, bytes: p.queue.bytes, paused: p.paused },
    backpressure: p.strategy,
    dropped: p.dropped,
    restarts: p.restartCount,
    growth: {
      counts: p.homes.steps.map(({ count }) => count),
      placement: p.homes.placement ?? null,
      waitingFor: p.homes.open
    },
    ...size
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
    ready: s.synced >= 0 && !s.leaving && (i.partitions.length === 0 ? membership : leased),
    settingsHash: options.settingsHash,
    settingsDiffer: i.settingsDiffer,
    partitions: i.partitions.map((p) => partitionStatus(p, leased)).sort(byPartition),
    handoffs: [...i.handoffs]
  }
}

const byPartition = (a: PartitionStatus, b: PartitionStatus): number =>
  a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
