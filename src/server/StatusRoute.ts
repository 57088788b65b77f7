/**
 * StatusRoute: GET /api/v1/status, the pod's whole state as JSON: the engine's own view, and per partition the sources
 * and refusals that an operator asks for. Bounded: a pod may carry thousands of sources, the answer names the first of
 * each partition and `sources` counts them all.
 */
import type { SettingStatus } from "../config/Resolve.ts"
import type { PartitionStatus } from "../engine/Engine.ts"
import { partitionKey } from "../transport/Transport.ts"
import type { PodState, Served } from "./PodState.ts"
import { get, type Route, replyJson } from "./Route.ts"

const sourcesPerPartition = 100
const sourcesPerPod = 1_000

export interface StatusOptions {
  readonly version: string
  /** Without secrets. */
  readonly settings: ReadonlyArray<SettingStatus>
}

const partitionStatus = (p: PartitionStatus, { cache }: Served, limit: number) => {
  const content = cache.get(partitionKey(p))
  return {
    ...p,
    sourceList: content?.sources(Math.min(limit, sourcesPerPartition)) ?? [],
    refusals: content?.refusals() ?? []
  }
}

export const statusOf = (pod: PodState, options: StatusOptions, now: number) => {
  const served = pod.served
  const status = served?.engine.status()
  let left = sourcesPerPod
  return {
    version: options.version,
    phase: pod.phase,
    ready: pod.unready === undefined,
    reason: pod.unready ?? null,
    startedAt: pod.startedAt,
    uptimeSeconds: Math.round((now - pod.startedAt) / 1000),
    settings: options.settings,
    engine:
      status === undefined || served === undefined
        ? null
        : {
            ...status,
            partitions: status.partitions.map((p) => {
              const partition = partitionStatus(p, served, left)
              left -= partition.sourceList.length
              return partition
            })
          }
  }
}

export const statusRoute = (pod: PodState, options: StatusOptions): Route =>
  get("/api/v1/status", "this pod's state as JSON", ({ response }) =>
    replyJson(response, 200, statusOf(pod, options, Date.now()))
  )
