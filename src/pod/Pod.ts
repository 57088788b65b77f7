/**
 * Pod: one pod in its right order. The server listens first, so that probes are answered while the group is being joined;
 * then the shards run; at the end the pod is unready at once, the shards leave the group, and only then the server
 * closes. Where the shards run is the caller's (see pod/shards/Shards), what they are is the application's (see App).
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { type Address, formatAddress } from "../config/Kind.ts"
import type { SettingStatus } from "../config/Resolve.ts"
import { namesWith, type Strategy } from "../engine/Backpressure.ts"
import { EngineFailed } from "../engine/Engine.ts"
import { type Handle, handler } from "../http/Handler.ts"
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

/** What a pod with a server of its own is told. @stable */
export interface PodOptions {
  /** Port 0: any free one, see `onListening`. */
  readonly listen: Address
  /** For the status. */
  readonly version: string
  /** What a request that switches something must bring as its bearer token; undefined: nothing can be switched. */
  readonly adminToken: string | undefined
  /** Shown in status; without secrets. */
  readonly settings: ReadonlyArray<SettingStatus>
  /** Of back pressure, beside the built-in ones. */
  readonly strategies?: ReadonlyArray<Strategy>
  /** Told once, when the server listens. */
  readonly onListening?: (address: Address) => void
}

/** The application's first. */
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

/** A path answers one thing: why these routes cannot stand beside each other, where that is so. */
const clashOf = (routes: ReadonlyArray<Route>, { routes: own }: Surface): string | undefined => {
  const pods = routes.filter((route) => !own.includes(route)).map(({ path }) => path)
  for (const [i, { method, path }] of own.entries()) {
    if (pods.includes(path)) return `its route ${method} ${path} has a path of the pod's own (${pods.join(", ")})`
    if (own.slice(0, i).some((other) => other.path === path && other.method === method))
      return `it has two routes ${method} ${path}`
  }
  return undefined
}

/** The shards, for the Scope's life; at its close the pod is unready at once, then they leave. Answers what fails when the pod cannot go on. */
const started = <R>(pod: PodState, shards: Shards<R>) =>
  Effect.gen(function* () {
    yield* Effect.addFinalizer(() => Effect.sync(() => pod.left()))
    const failed = yield* shards.start(pod.slots)
    pod.running()
    // Registered last, so it runs first: unready before the first partition goes.
    yield* Effect.addFinalizer(() => Effect.sync(() => pod.leaving()))
    return failed
  })

const prepared = <R>(
  options: Pick<PodOptions, "version" | "adminToken" | "settings">,
  { surface: surfaceOf }: Pick<AppParts<never>, "surface">,
  shards: Shards<R>
) =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const pod = new PodState(now, shards.count)
    const surface = surfaceOf(pod, metrics)
    const routes = podRoutes(pod, metrics, options, surface)
    const clash = clashOf(routes, surface)
    if (clash !== undefined)
      return yield* new EngineFailed({ message: `the application could not start: ${clash}: give it another path` })
    return { pod, metrics, surface, routes }
  })

/** A pod within somebody else's HTTP server. @experimental */
export interface EmbeddedPod {
  /** With the pod's own bodies, gzip and proofs. The server's owner bounds its connections and bodies, and lets nobody in who is not to see them. */
  readonly handle: Handle
  /** Fails when the pod cannot go on; never succeeds. To be raced with what else runs: a pod that has failed shows nothing. */
  readonly failed: Effect.Effect<never, EngineFailed>
}

/** Runs for the Scope's life, and leaves the group at its close. @experimental */
export const openPod = <R>(
  options: Pick<PodOptions, "version" | "adminToken" | "settings">,
  parts: Pick<AppParts<never>, "surface">,
  shards: Shards<R>
): Effect.Effect<EmbeddedPod, EngineFailed, SelfMetrics | R | Scope.Scope> =>
  Effect.gen(function* () {
    const { pod, routes } = yield* prepared(options, parts, shards)
    const handle = yield* handler(routes)
    return { handle, failed: yield* started(pod, shards) }
  })

/** With a server of its own. Runs until it is interrupted (then it leaves cleanly) or fails. @stable */
export const runPod = <R>(
  options: PodOptions,
  parts: Pick<AppParts<never>, "surface">,
  shards: Shards<R>
): Effect.Effect<never, EngineFailed | ServerError, SelfMetrics | Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const { pod, metrics, surface, routes } = yield* prepared(options, parts, shards)
    for (const why of ["idle", "busy", "refused", "pipelined"]) metrics.connectionsClosed.inc({ why }, 0)
    const server = yield* Layer.build(
      Server.layer({
        listen: options.listen,
        routes,
        draining: () => pod.phase === "leaving" || pod.phase === "left",
        onClosed: (why) => metrics.connectionsClosed.inc({ why })
      })
    )
    const { address } = Context.get(server, Server)
    yield* Effect.logInfo(`listening on http://${formatAddress(address)}${surface.routes[0]?.path ?? "/"}`)
    options.onListening?.(address)
    return yield* Effect.scoped(Effect.flatten(started(pod, shards)))
  }).pipe(Effect.scoped)
