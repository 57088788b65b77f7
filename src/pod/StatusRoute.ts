/**
 * StatusRoute: GET /api/v1/status, the pod's whole state as JSON: each shard's own view, and per partition what the
 * application has to say of it. Bounded: an application may hold thousands of things, the answer names the first of them.
 */
import { Effect } from "effect"
import type { SettingStatus } from "../config/Resolve.ts"
import { type Route, replyJson } from "../http/Route.ts"
import type { PodState } from "./PodState.ts"

const entriesPerPod = 1_000

export interface StatusOptions {
  readonly version: string
  /** Without secrets. */
  readonly settings: ReadonlyArray<SettingStatus>
  /** The application's own part. */
  readonly application: () => object
}

export const statusOf = (pod: PodState, options: StatusOptions, now: number) =>
  Effect.map(pod.reports(entriesPerPod), (shards) => {
    const reason = pod.unready(shards)
    return {
      version: options.version,
      phase: pod.phase,
      ready: reason === undefined,
      reason: reason ?? null,
      startedAt: pod.startedAt,
      uptimeSeconds: Math.round((now - pod.startedAt) / 1000),
      settings: options.settings,
      ...options.application(),
      shards
    }
  })

export const statusRoute = (pod: PodState, options: StatusOptions): Route => ({
  method: "GET",
  path: "/api/v1/status",
  about: "this pod's state as JSON",
  handle: ({ response }) => Effect.map(statusOf(pod, options, Date.now()), (status) => replyJson(response, 200, status))
})
