/**
 * TestPod: one pod of any application: the real engine with the parts that it is given, on the embedded log that the context has and on the
 * clock that is there, which may be a virtual one. It can be stopped as SIGTERM does it, killed, frozen, and cut off from the log.
 * It has no HTTP server: a scrape is a cut, a look at what the application shows, and the proof.
 */
import { Clock, Context, Effect, Layer, Scope } from "effect"
import { Backpressure } from "../../engine/Backpressure.ts"
import { type Cut, Engine, type EngineFailed, NotProven } from "../../engine/Engine.ts"
import * as EngineLayer from "../../engine/EngineLayer.ts"
import { Assignor } from "../../engine/group/Assignor.ts"
import { defaultEngineOptions, type EngineOptions } from "../../engine/Options.ts"
import type { PartitionProcessor } from "../../engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../SelfMetrics.ts"
import { EmbeddedLog } from "../../transport/embedded/EmbeddedLog.ts"
import { Transport, type TransportError } from "../../transport/Transport.ts"
import { MortalClock } from "./MortalClock.ts"
import { PodProcess } from "./PodProcess.ts"
import { throughClock } from "./ThroughClock.ts"

/** What a pod is made of. `R`: what the application brings beside its processor, for the test to look at. @experimental */
export interface PodParts<R, E = never> {
  /** Built once a pod, so two pods share nothing but what is around both. */
  readonly app: Layer.Layer<PartitionProcessor | R, E, SelfMetrics | Transport>
  /** Default: `pause`. */
  readonly backpressure?: Layer.Layer<Backpressure>
  /** Default: the built-in one. */
  readonly assignor?: Layer.Layer<Assignor>
  /** Over the defaults; `clientId` is the pod's name. Times in ms. */
  readonly engine?: Partial<EngineOptions>
}

/** A pod that runs. It belongs to the Scope that it was started in. @experimental */
export interface TestPod<R> {
  /** Its client id, by which scripts of `EmbeddedLog.intercept` know its requests. */
  readonly name: string
  /** Its member of the group. */
  readonly engine: Engine["Service"]
  /** What the application brought, and the pod's own metrics. */
  readonly services: Context.Context<PartitionProcessor | SelfMetrics | R>
  /**
   * As a scrape does it: the cut, what `look` finds of its partitions in that same instant, then the proof. Fails where
   * ownership cannot be proven: then nothing may be shown. A pod that is frozen answers when it wakes.
   */
  readonly scrape: <A>(look: (cut: Cut, services: Context.Context<R>) => A) => Effect.Effect<A, NotProven>
  /** Leaves the group cleanly: all is handed over when it returns. */
  readonly stop: Effect.Effect<void>
  /** Never succeeds; fails when the engine ended by itself, as a pod's process would. */
  readonly failed: Effect.Effect<never, EngineFailed>
  /** As kill -9 does it: nothing of it ever goes on, and nobody is told. */
  readonly kill: Effect.Effect<void>
  /** As SIGSTOP does it, for so many ms; `suspended`: as a suspended machine does it, whose monotonic clock stops, too. Returns at once. */
  readonly freeze: (ms: number, suspended?: boolean) => Effect.Effect<void>
  /** For so many ms its requests are lost (`request`), or are carried out and the answers are lost (`answer`). Returns at once. */
  readonly cutOff: (ms: number, lose?: "request" | "answer") => Effect.Effect<void>
}

/** How the parts of a shard fit together, whoever runs it. */
export const shardLayer = <R, E>(transport: Transport["Service"], parts: PodParts<R, E>, engine: EngineOptions) =>
  EngineLayer.layer(engine).pipe(
    Layer.provideMerge(parts.app),
    Layer.provide(parts.backpressure ?? Backpressure.layerPause),
    Layer.provide(parts.assignor ?? Assignor.layer),
    Layer.provideMerge(SelfMetrics.layerBare),
    Layer.provide(Layer.succeed(Transport, transport))
  )

class Started<R> extends PodProcess {
  /** On the world's clock, ms. */
  private cutUntil = -1
  private loses: "request" | "answer" = "request"
  private readonly mortal: MortalClock

  constructor(name: string, world: Clock.Clock) {
    const mortal = new MortalClock(world)
    super(name, mortal)
    this.mortal = mortal
  }

  override kill(): void {
    super.kill()
    this.mortal.die()
  }

  private now(): number {
    return Number(this.base.monotonicTimeNanosUnsafe()) / 1e6
  }

  readonly start = <E>(parts: PodParts<R, E>) =>
    Effect.gen({ self: this }, function* () {
      const log = yield* EmbeddedLog
      yield* log.intercept((request) =>
        request.clientId === this.name && this.now() < this.cutUntil ? { lose: this.loses } : undefined
      )
      const transport = throughClock(log.transport, this.clock, () => false)
      const options = { ...defaultEngineOptions, ...parts.engine, clientId: this.name }
      const services = yield* this.build(shardLayer(transport, parts, options))
      const engine = Context.get(services, Engine)
      const scope = yield* Effect.scope
      yield* Scope.addFinalizer(
        scope,
        Effect.suspend(() => {
          if (this.state !== "running") return Effect.void
          this.cutUntil = -1
          this.clock.thaw()
          return this.stop
        })
      )
      const pod: TestPod<R> = {
        name: this.name,
        engine,
        services,
        scrape: (look) =>
          Effect.gen({ self: this }, function* () {
            if (this.state === "gone") return yield* new NotProven({ message: `${this.name} is gone` })
            yield* this.clock.open
            const cut = engine.cut()
            const found = look(cut, services)
            yield* cut.prove
            return yield* Effect.as(this.clock.open, found)
          }),
        stop: this.stop,
        failed: engine.failed,
        kill: Effect.sync(() => this.kill()),
        freeze: (ms, suspended = false) =>
          Effect.suspend(() => {
            this.clock.freeze(suspended)
            const thaw = Effect.sync(() => {
              if (this.state !== "gone") this.clock.thaw()
            })
            return Effect.asVoid(Effect.forkIn(Effect.delay(thaw, ms), scope))
          }),
        cutOff: (ms, lose = "request") =>
          Effect.sync(() => {
            this.cutUntil = this.now() + ms
            this.loses = lose
          })
      }
      return pod
    })
}

/**
 * Starts a pod. Its Scope is its life's end: what still runs then is stopped cleanly. `name` is unique among the pods of a log.
 * Fails where the application's Layer does, or the log refuses the member.
 * @experimental
 */
export const testPod = <R, E = never>(
  name: string,
  parts: PodParts<R, E>
): Effect.Effect<TestPod<R>, E | TransportError, EmbeddedLog | Scope.Scope> =>
  Effect.flatMap(Clock.clockWith(Effect.succeed), (clock) => new Started<R>(name, clock).start(parts))
