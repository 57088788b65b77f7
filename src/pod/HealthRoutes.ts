/**
 * HealthRoutes: liveness and readiness. Alive is a process that answers: restarting a pod does not bring the brokers back.
 * Ready is a pod whose shards have all joined and whose leases are valid; a partition behind its fence does not make it unready, nor does one
 * that cannot be read now: it is named.
 */
import { Effect } from "effect"
import { get, type Route, replyText } from "../http/Route.ts"
import { missingOf, type PodState } from "./PodState.ts"
import type { ShardReport } from "./shards/Shard.ts"

export const healthRoute: Route = get("/healthz", "alive or not", ({ response }) => replyText(response, 200, "ok"))

export const readyRoute = (pod: PodState): Route => ({
  method: "GET",
  path: "/readyz",
  about: "ready or not, and why not",
  handle: ({ response }) =>
    Effect.map(pod.reports(0), (shards) => {
      const reason = pod.unready(shards)
      replyText(response, reason === undefined ? 200 : 503, reason ?? `ready${troubles(shards)}`)
    })
})

/** So many are named, the others counted. */
const named = 3

const troubles = (shards: ReadonlyArray<ShardReport>): string => {
  const all = shards.flatMap(({ partitions }) => partitions.filter(({ trouble }) => trouble !== null))
  const missing = shards.map(missingOf).find((text) => text !== "")
  if (missing !== undefined) return `, but ${missing}: nothing of it can be read`
  if (all.length === 0) return ""
  const list = all
    .slice(0, named)
    .map((p) => `${p.topic}/${p.partition} for ${Math.round(p.trouble!.sinceMs / 1000)} s (${p.trouble!.code})`)
  const more = all.length > named ? ` and ${all.length - named} more` : ""
  return `, but cannot read ${list.join(", ")}${more}: see /api/v1/status`
}
