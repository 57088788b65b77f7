/**
 * DemoPod: one of the demo's pods: the same `runPod` that `serve` and `archive` run, on the embedded log, with a registry of its own. It can be
 * taken away (cleanly, as SIGTERM does it: evict, commit, leave, stop serving) and started again on its port.
 */
import { Deferred, Effect, Fiber, Layer } from "effect"
import { type Address, formatAddress } from "../config/Kind.ts"
import type { EngineFailed } from "../engine/Engine.ts"
import { defaultEngineOptions, type EngineOptions } from "../engine/Options.ts"
import type { ServerError } from "../http/ServerError.ts"
import type { AppParts } from "../pod/App.ts"
import { runPod } from "../pod/Pod.ts"
import { inThisThread, type Named } from "../pod/shards/Shards.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import { version } from "../version.ts"

const host = "127.0.0.1"

export interface DemoPod {
  readonly name: string
  address: Address | undefined
  fiber: Fiber.Fiber<never, EngineFailed | ServerError> | undefined
  shown: ReadonlySet<string>
  partitions: number
}

/** What a pod runs. */
export interface Application<S> {
  readonly app: Named
  readonly parts: AppParts<S>
  readonly settings: S
  readonly engine: Partial<EngineOptions>
}

export const demoPod = (name: string): DemoPod => ({
  name,
  address: undefined,
  fiber: undefined,
  shown: new Set(),
  partitions: 0
})

export const startPod = <S>(pod: DemoPod, { app, parts, settings, engine }: Application<S>, port: number) =>
  Effect.gen(function* () {
    const listening = yield* Deferred.make<Address>()
    const run = runPod(
      {
        listen: { host, port },
        version,
        adminToken: undefined,
        settings: [],
        onListening: (address) => Deferred.doneUnsafe(listening, Effect.succeed(address))
      },
      parts,
      inThisThread(app, parts, {
        engine: { ...defaultEngineOptions, ...engine, clientId: pod.name },
        backpressure: { strategy: "pause", adaptiveLag: 0 },
        application: settings
      })
    ).pipe(Effect.provide(Layer.fresh(SelfMetrics.layerBare)))
    pod.fiber = yield* Effect.forkDetach(run)
    pod.address = yield* Effect.raceFirst(Deferred.await(listening), Fiber.join(pod.fiber))
  })

export const stopPod = (pod: DemoPod) =>
  Effect.suspend(() => {
    const { fiber } = pod
    pod.fiber = undefined
    pod.partitions = 0
    pod.shown = new Set()
    return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(fiber))
  })

export const get = (pod: DemoPod, path: string) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(`http://${formatAddress(pod.address!)}${path}`, { signal })
    if (!response.ok) throw new Error(`${path} answered ${response.status}`)
    return await response.text()
  }).pipe(Effect.timeout("10 seconds"))
