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
import { type Notice, openGate, refusalNotice } from "../http/Gate.ts"
import { type Handle, handler } from "../http/Handler.ts"
import { indexRoute } from "../http/IndexRoute.ts"
import { type Refused, refusals } from "../http/Refusal.ts"
import type { Route } from "../http/Route.ts"
import { Server } from "../http/Server.ts"
import type { ServerError } from "../http/ServerError.ts"
import type { WebConfig } from "../http/web/WebConfig.ts"
import { SelfMetrics, type SelfMetricsShape } from "../SelfMetrics.ts"
import { AdminToken, guarded } from "./AdminToken.ts"
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
  /** An address for what switches things, which is then not on `listen`. */
  readonly adminListen?: Address
  /** For the status. */
  readonly version: string
  /** What a request that switches something must bring as its bearer token; undefined: nothing can be switched. */
  readonly adminToken: string | undefined
  /** A file that holds it, and wins over it; read for each request. */
  readonly adminTokenFile?: string
  /** TLS, users, headers and a rate limit for both addresses, as Prometheus' exporters have them; read again when it changes. */
  readonly webConfigFile?: string
  /** Names under which browsers may open the pod's pages, where neither TLS nor a login guards them. Programs ask by any name. */
  readonly browserHosts?: ReadonlyArray<string>
  /** Shown in status; without secrets. */
  readonly settings: ReadonlyArray<SettingStatus>
  /** Of back pressure, beside the built-in ones. */
  readonly strategies?: ReadonlyArray<Strategy>
  /** Told once, when the server listens. */
  readonly onListening?: (address: Address) => void
}

/** What a pod within somebody else's server is told, too. */
type Answering = Pick<PodOptions, "version" | "adminToken" | "adminTokenFile" | "settings" | "strategies">

/** The page, the application's, the pod's own. */
export const podRoutes = (
  pod: PodState,
  metrics: SelfMetricsShape,
  options: Answering,
  surface: Surface,
  notice: Notice
): ReadonlyArray<Route> => {
  const token = new AdminToken(options)
  const routes = [
    ...surface.routes,
    podMetricsRoute(pod, metrics, new Totals()),
    healthRoute,
    readyRoute(pod),
    statusRoute(pod, { ...options, application: surface.status }),
    backpressureRoute(pod, namesWith(options.strategies ?? []))
  ].map((route) => (route.admin === true ? guarded(route, token, notice) : route))
  return [indexRoute("kafka2prom pod", routes), ...routes]
}

/** A path answers one thing: why these routes cannot stand beside each other, where that is so. */
const clashOf = (routes: ReadonlyArray<Route>, { routes: own }: Surface): string | undefined => {
  const pods = routes.toSpliced(1, own.length).map(({ path }) => path)
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

/** Each kind counts from zero. */
const refusalCounter = ({ httpRefused }: SelfMetricsShape): ((why: Refused) => void) => {
  for (const why of refusals) httpRefused.inc({ why }, 0)
  return (why) => httpRefused.inc({ why })
}

/** They are there where there is a configuration. */
const configGauges =
  ({ webConfigGood, webConfigTime, webCertificateEnd }: SelfMetricsShape) =>
  ({ tls }: WebConfig, isGood: boolean): void => {
    webConfigGood.set(isGood ? 1 : 0)
    if (isGood) webConfigTime.setToCurrentTime()
    if (tls !== undefined) webCertificateEnd.set(tls.expires / 1_000)
  }

const prepared = <R>(
  options: Answering,
  { surface: surfaceOf }: Pick<AppParts<never>, "surface">,
  shards: Shards<R>,
  notice: Notice
) =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const pod = new PodState(now, shards.count)
    metrics.buildInfo.set({ version: options.version, node: process.versions.node }, 1)
    const surface = surfaceOf(pod, metrics)
    const routes = podRoutes(pod, metrics, options, surface, notice)
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
  options: Pick<PodOptions, "version" | "adminToken" | "adminTokenFile" | "settings">,
  parts: Pick<AppParts<never>, "surface">,
  shards: Shards<R>
): Effect.Effect<EmbeddedPod, EngineFailed, SelfMetrics | R | Scope.Scope> =>
  Effect.gen(function* () {
    const notice = yield* refusalNotice(refusalCounter(yield* SelfMetrics))
    const { pod, routes } = yield* prepared(options, parts, shards, notice)
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
    const metrics = yield* SelfMetrics
    const gate = yield* openGate({ ...options, onRefused: refusalCounter(metrics), onConfig: configGauges(metrics) })
    const { pod, surface, routes } = yield* prepared(options, parts, shards, gate.notice)
    for (const why of ["idle", "busy", "refused", "pipelined"]) metrics.connectionsClosed.inc({ why }, 0)
    const serving = (option: "--listen" | "--admin-listen", listen: Address, own: ReadonlyArray<Route>) =>
      Effect.map(
        Layer.build(
          Server.layer({
            ...{ listen, option, gate, routes: own },
            draining: () => pod.phase === "leaving" || pod.phase === "left",
            onClosed: (why) => metrics.connectionsClosed.inc({ why })
          })
        ),
        (server) => Context.get(server, Server)
      )
    const { adminListen } = options
    const switches = routes.filter(({ admin }) => admin === true)
    if (adminListen !== undefined) {
      const { address, scheme } = yield* serving("--admin-listen", adminListen, [healthRoute, ...switches])
      yield* Effect.logInfo(`switching is on ${scheme}://${formatAddress(address)} alone`)
    }
    const shown = adminListen === undefined ? routes : routes.filter((route) => !switches.includes(route))
    const { address, scheme } = yield* serving("--listen", options.listen, shown)
    yield* Effect.logInfo(`listening on ${scheme}://${formatAddress(address)}${surface.routes[0]?.path ?? "/"}`)
    options.onListening?.(address)
    return yield* Effect.scoped(Effect.flatten(started(pod, shards)))
  }).pipe(Effect.scoped)
