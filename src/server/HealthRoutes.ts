/**
 * HealthRoutes: liveness and readiness. Alive is a process that answers: restarting a pod does not bring the brokers back.
 * Ready is a pod that has joined and whose lease is valid; a partition behind its fence does not make it unready.
 */
import type { PodState } from "./PodState.ts"
import { get, type Route, replyText } from "./Route.ts"

export const healthRoute: Route = get("/healthz", "alive or not", ({ response }) => replyText(response, 200, "ok"))

export const readyRoute = (pod: PodState): Route =>
  get("/readyz", "ready or not, and why not", ({ response }) => {
    const reason = pod.unready
    replyText(response, reason === undefined ? 200 : 503, reason ?? "ready")
  })
