/**
 * HealthRoutes: liveness and readiness. Alive is a process that answers: restarting a pod does not bring the brokers back.
 * Ready is a pod whose shards have all joined and whose leases are valid; a partition behind its fence does not make it unready.
 */
import { Effect } from "effect"
import type { PodState } from "./PodState.ts"
import { get, type Route, replyText } from "./Route.ts"

export const healthRoute: Route = get("/healthz", "alive or not", ({ response }) => replyText(response, 200, "ok"))

export const readyRoute = (pod: PodState): Route => ({
  method: "GET",
  path: "/readyz",
  about: "ready or not, and why not",
  handle: ({ response }) =>
    Effect.map(pod.reports(0), (shards) => {
      const reason = pod.unready(shards)
      replyText(response, reason === undefined ? 200 : 503, reason ?? "ready")
    })
})
