/**
 * Timers: the embedded broker's sense of time, on the Clock it was made with and nothing else, so that a test's clock
 * drives sessions, long polls and delays. Each timer fires in a turn of its own; all end with the Scope.
 *
 * Deadlines are on the monotonic clock; only record timestamps use the wall clock.
 */
import { Clock, Duration, Effect, FiberSet, type Scope } from "effect"
import type { Outbox } from "./Outbox.ts"

export type Cancel = () => void

export interface Timers {
  /** Monotonic, ms. */
  readonly now: () => number
  /** Ms since the Unix epoch. */
  readonly wallNow: () => number
  /** Never fires before `ms` have passed on the clock, and never from within this call. */
  readonly after: (ms: number, f: () => void) => Cancel
  readonly pending: () => number
}

export const makeTimers = (outbox: Outbox): Effect.Effect<Timers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    let pending = 0
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

    // The system's timers may ring up to a millisecond early; what is missing may be too small to be a Duration of its own.
    const until = (at: number): Effect.Effect<void> =>
      Effect.flatMap(clock.sleep(Duration.millis(Math.max(at - now(), 0.001))), () =>
        now() < at ? until(at) : Effect.void
      )

    const after = (ms: number, f: () => void): Cancel => {
      const at = now() + ms
      let live = true
      const settle = () => {
        if (live) pending--
        live = false
      }
      pending++
      const fire = Effect.sync(() => {
        if (!live) return
        settle()
        outbox.turn(f)
      })
      const fiber = run(
        (ms > 0 ? until(at) : Effect.yieldNow).pipe(
          Effect.andThen(fire),
          Effect.catchCause((cause) => Effect.logError("A timer of the embedded log failed; this is a bug.", cause))
        )
      )
      return () => {
        settle()
        fiber.interruptUnsafe()
      }
    }
    return { now, wallNow: () => clock.currentTimeMillisUnsafe(), after, pending: () => pending }
  })
