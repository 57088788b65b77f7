/**
 * Pod: one pod in its right order. The server listens first, so that probes are answered while the group is being joined;
 * then the engine runs; at the end the pod is unready at once, the engine leaves the group, and only then the server
 * closes. Transport and processor are the caller's: `serve` gives Kafka's, the demo runs several pods on one embedded log.
 */
import { Context, Effect, Layer } from "effect"
import { type Address, formatAddress } from "../config/Kind.ts"
import type { SettingStatus } from "../config/Resolve.ts"
import { Assignor } from "../engine/Assignor.ts"
import type { Backpressure } from "../engine/Backpressure.ts"
import { Engine, EngineFailed } from "../engine/Engine.ts"
import type { EngineOptions } from "../engine/Options.ts"
import type { PartitionProcessor } from "../engine/PartitionProcessor.ts"
import * as Shard from "../engine/Shard.ts"
import { MetricsCache } from "../exposition/MetricsCache.ts"
import { SelfMetrics, type SelfMetricsShape } from "../SelfMetrics.ts"
import type { Transport } from "../transport/Transport.ts"
import { backpressureRoute } from "./BackpressureRoute.ts"
import { healthRoute, readyRoute } from "./HealthRoutes.ts"
import { indexRoute } from "./IndexRoute.ts"
import { metricsRoute } from "./MetricsRoute.ts"
import { PodState } from "./PodState.ts"
import type { Route } from "./Route.ts"
import { refresh, selfMetricsRoute } from "./SelfMetricsRoute.ts"
import { Server, type ServerError } from "./Server.ts"
import { statusRoute } from "./StatusRoute.ts"

export interface PodOptions {
  readonly engine: EngineOptions
  readonly listen: Address
  readonly version: string
  readonly adminToken: string | undefined
  /** Shown in status; without secrets. */
  readonly settings: ReadonlyArray<SettingStatus>
  /** Told once, when the server listens. */
  readonly onListening?: (address: Address) => void
}

type Parts = PartitionProcessor | MetricsCache | Backpressure

export const podRoutes = (
  pod: PodState,
  metrics: SelfMetricsShape,
  options: Pick<PodOptions, "version" | "adminToken" | "settings">
): ReadonlyArray<Route> => {
  const routes = [
    metricsRoute(pod, metrics),
    selfMetricsRoute(metrics, () => refresh(pod, metrics)),
    healthRoute,
    readyRoute(pod),
    statusRoute(pod, options),
    backpressureRoute(pod, options.adminToken)
  ]
  return [indexRoute("kafka2prom pod", routes), ...routes]
}

/** Runs until it is interrupted (then it leaves cleanly) or fails. `parts` is built anew for this pod. */
export const runPod = (
  options: PodOptions,
  parts: Layer.Layer<Parts, never, SelfMetrics>
): Effect.Effect<never, EngineFailed | ServerError, Transport | SelfMetrics> =>
  Effect.gen(function* () {
    const metrics = yield* SelfMetrics
    const pod = new PodState(yield* Effect.clockWith((clock) => clock.currentTimeMillis))
    const server = yield* Layer.build(
      Server.layer({
        listen: options.listen,
        routes: podRoutes(pod, metrics, options),
        draining: () => pod.phase === "leaving" || pod.phase === "left",
        onRefused: () => metrics.scrapes.inc({ outcome: "too-many-connections" })
      })
    )
    const { address } = Context.get(server, Server)
    yield* Effect.logInfo(`listening on http://${formatAddress(address)}/metrics`)
    options.onListening?.(address)
    return yield* Effect.scoped(runEngine(pod, options, parts)).pipe(Effect.ensuring(Effect.sync(() => pod.left())))
  }).pipe(Effect.scoped)

const runEngine = (pod: PodState, options: PodOptions, parts: Layer.Layer<Parts, never, SelfMetrics>) =>
  Effect.gen(function* () {
    const shard = Shard.layer(options.engine).pipe(
      Layer.provide(Assignor.layer),
      Layer.provideMerge(Layer.fresh(parts))
    )
    const services = yield* Layer.build(shard).pipe(
      Effect.catchTag("TransportError", (error) =>
        Effect.fail(new EngineFailed({ message: `the engine could not start: ${error.message}` }))
      )
    )
    const engine = Context.get(services, Engine)
    pod.running({ engine, cache: Context.get(services, MetricsCache) })
    // Registered last, so it runs first: unready before the first partition goes.
    yield* Effect.addFinalizer(() => Effect.sync(() => pod.leaving()))
    return yield* engine.failed
  })
