/**
 * MortalClock: the world's clock as a pod that may be killed has it: when it dies its timers are gone, so that a real process with dead pods
 * in it can end. What waited for them waits for ever.
 */
import { type Clock, type Duration, Effect } from "effect"
import { Signal } from "../../engine/Signal.ts"

export class MortalClock implements Clock.Clock {
  private dead = false
  private readonly signal = new Signal()
  private readonly base: Clock.Clock

  constructor(base: Clock.Clock) {
    this.base = base
  }

  die(): void {
    this.dead = true
    this.signal.notify()
  }

  currentTimeMillisUnsafe(): number {
    return this.base.currentTimeMillisUnsafe()
  }
  currentTimeNanosUnsafe(): bigint {
    return this.base.currentTimeNanosUnsafe()
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.base.monotonicTimeNanosUnsafe()
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const death = this.signal.until(() => this.dead)
    return Effect.andThen(
      Effect.raceFirst(this.base.sleep(duration), death),
      Effect.suspend(() => (this.dead ? Effect.never : Effect.void))
    )
  }
}
