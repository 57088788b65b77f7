/**
 * PodClock: one pod's own view of time, over the simulation's virtual clock. It can be frozen, as SIGSTOP and long
 * garbage collections do (the monotonic clock goes on) or as a suspended machine is (it stops, too), and its wall clock can jump.
 * Everything that enters the pod while it is frozen, a timer or an answer, waits at `open`.
 */
import { type Clock, Duration, Effect } from "effect"
import { Signal } from "../../engine/Signal.ts"

export class PodClock implements Clock.Clock {
  wallOffset = 0
  private readonly base: Clock.Clock
  private frozenAt: bigint | undefined
  private suspended = 0n
  private stops = false
  /** Sleeps under way: what waits in the pod for a time. */
  sleeping = 0
  private readonly signal = new Signal()

  constructor(base: Clock.Clock) {
    this.base = base
  }

  get frozen(): boolean {
    return this.frozenAt !== undefined
  }

  freeze(stopsMonotonic: boolean): void {
    this.frozenAt ??= this.base.monotonicTimeNanosUnsafe()
    this.stops = stopsMonotonic
  }

  thaw(): void {
    if (this.frozenAt === undefined) return
    if (this.stops) this.suspended += this.base.monotonicTimeNanosUnsafe() - this.frozenAt
    this.frozenAt = undefined
    this.signal.notify()
  }

  /** Passes at once while the pod runs. */
  readonly open: Effect.Effect<void> = Effect.suspend(() =>
    this.frozen ? this.signal.until(() => !this.frozen) : Effect.void
  )

  currentTimeMillisUnsafe(): number {
    return this.base.currentTimeMillisUnsafe() + this.wallOffset
  }
  currentTimeNanosUnsafe(): bigint {
    return this.base.currentTimeNanosUnsafe() + BigInt(this.wallOffset) * 1_000_000n
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.base.monotonicTimeNanosUnsafe() - this.suspended
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const started = this.monotonicTimeNanosUnsafe()
    const wanted = Duration.toMillis(duration)
    const go = (left: number): Effect.Effect<void> =>
      this.base.sleep(Duration.millis(left)).pipe(
        Effect.andThen(this.open),
        Effect.flatMap(() => {
          const missing = wanted - Number(this.monotonicTimeNanosUnsafe() - started) / 1e6
          return missing > 0.5 ? go(missing) : Effect.void
        })
      )
    return Effect.suspend(() => {
      this.sleeping += 1
      return Effect.ensuring(
        go(wanted),
        Effect.sync(() => {
          this.sleeping -= 1
        })
      )
    })
  }
}
