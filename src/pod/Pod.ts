/**
 * Pod: one pod in its right order. The server listens first, so that probes are answered while the group is being joined;
 * then the shards run; at the end the pod is unready at once, the shards leave the group, and only then the server
 * closes. Where the shards run is the caller's (see pod/shards/Shards), what they are is the application's (see App).
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { type Address, formatAddress } from "../config/Kind.ts"
import type { SettingStatus } from "../config/Resolve.ts"
import { namesWith, type Strategy } from "../engine/Backpressure.ts"
import type { EngineFailed } from "../engine/Engine.ts"
import { indexRoute } from "../http/IndexRoute.ts"
import type { Route } from "../http/Route.ts"
import { Server, type ServerError } from "../http/Server.ts"
import { SelfMetrics, type SelfMetricsShape } from "../SelfMetrics.ts"
import type { AppParts, Surface } from "./App.ts"
import { backpressureRoute } from "./BackpressureRoute.ts"
import { healthRoute, readyRoute } from "./HealthRoutes.ts"
import { PodState } from "./PodState.ts"
import { podMetricsRoute } from "./SelfMetricsRoute.ts"
import { statusRoute } from "./StatusRoute.ts"
import type { Shards } from "./shards/Shards.ts"
import { Totals } from "./shards/Totals.ts"

export interface PodOptions {
  readonly listen: Address
  readonly version: string
  readonly adminToken: string | undefined
  /** Shown in status; without secrets. */
  readonly settings: ReadonlyArray<SettingStatus>
  /** Of back pressure, beside the built-in ones. */
  readonly strategies?: ReadonlyArray<Strategy>
  /** Told once, when the server listens. */
  readonly onListening?: (address: Address) => void
}

/** The application's first, whose paths are none of the pod's own. */
export const podRoutes = (
  pod: PodState,
  metrics: SelfMetricsShape,
  options: Pick<PodOptions, "version" | "adminToken" | "settings" | "strategies">,
  surface: Surface
): ReadonlyArray<Route> => {
  const routes = [
    ...surface.routes,
    podMetricsRoute(pod, metrics, new Totals()),
    healthRoute,
    readyRoute(pod),
    statusRoute(pod, { ...options, application: surface.status }),
    backpressureRoute(pod, options.adminToken, namesWith(options.strategies ?? []))
  ]
  return [indexRoute("kafka2prom pod", routes), ...routes]
}

/** Runs until it is interrupted (then it leaves cleanly) or fails. */
export const runPod = <R>(
  options: PodOptions,
  { surface: surfaceOf }: Pick<AppParts<never>, "surface">,
  shards: Shards<R>
): Effect.Effect<never, EngineFailed | ServerError, SelfMetrics | Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const pod = new PodState(now, shards.count)
    for (const why of ["idle", "busy", "refused", "pipelined"]) metrics.connectionsClosed.inc({ why }, 0)
    const surface = surfaceOf(pod, metrics)
    const server = yield* Layer.build(
      Server.layer({
        listen: options.listen,
        routes: podRoutes(pod, metrics, options, surface),
        draining: () => pod.phase === "leaving" || pod.phase === "left",
        onClosed: (why) => metrics.connectionsClosed.inc({ why })
      })
    )
    const { address } = Context.get(server, Server)
    yield* Effect.logInfo(`listening on http://${formatAddress(address)}${surface.routes[0]?.path ?? "/"}`)
    options.onListening?.(address)
    const running = Effect.gen(function* () {
      const failed = yield* shards.start(pod.places)
      pod.running()
      // Registered last, so it runs first: unready before the first partition goes.
      yield* Effect.addFinalizer(() => Effect.sync(() => pod.leaving()))
      return yield* failed
    })
    return yield* Effect.scoped(running).pipe(Effect.ensuring(Effect.sync(() => pod.left())))
  }).pipe(Effect.scoped)
