/**
 * PodProcess: what is true of a pod as a process, whatever runs in it: a clock of its own, a Scope that a clean stop closes, and a
 * death after which nothing of it goes on. It owns what is built in it, and knows nothing of groups and partitions.
 */
import { Clock, type Context, Effect, Exit, Layer, Scope } from "effect"
import { PodClock } from "./PodClock.ts"

export class PodProcess {
  readonly name: string
  readonly clock: PodClock
  state: "running" | "leaving" | "gone" = "running"
  protected readonly base: Clock.Clock
  private readonly scope = Scope.makeUnsafe()

  /** `base`: the world's clock. */
  constructor(name: string, base: Clock.Clock) {
    this.name = name
    this.base = base
    this.clock = new PodClock(base)
  }

  /** Builds what runs in it, on its clock. */
  protected build<A, E>(layer: Layer.Layer<A, E>): Effect.Effect<Context.Context<A>, E> {
    return Effect.provideService(Layer.buildWithScope(Layer.fresh(layer), this.scope), Clock.Clock, this.clock)
  }

  /** A clean stop went through, and the process was not killed meanwhile. */
  protected left(): void {}

  /** As SIGTERM does it. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.state = "leaving"
    return Effect.andThen(
      Scope.close(this.scope, Exit.void),
      Effect.sync(() => {
        // One that died on its way out left nothing, but did not leave either.
        if (this.state === "leaving") this.left()
        this.state = "gone"
      })
    )
  })

  /** As kill -9 does it: nothing of it ever goes on. Its requests under way may still arrive. */
  kill(): void {
    this.state = "gone"
    this.clock.freeze(false)
  }
}
