/**
 * Fibers: all that a member runs beside its callers. Each fiber belongs to a Scope that ends it, and a failure or a defect in one ends the
 * member, loudly: a forked fiber alone would fail in silence.
 */
import { Cause, type Context, Deferred, Effect, Exit, Scope } from "effect"
import { EngineFailed } from "./Engine.ts"

export class Fibers {
  /** Not the Layer's own Scope: evictions must still be able to start while that one closes. */
  private readonly scope = Scope.makeUnsafe()
  private readonly end = Deferred.makeUnsafe<never, EngineFailed>()
  private readonly fork: <A>(effect: Effect.Effect<A>) => unknown

  constructor(context: Context.Context<never>) {
    this.fork = Effect.runForkWith(context)
  }

  /** Starts it now, in the member's Scope where no other is given. */
  run(effect: Effect.Effect<unknown, EngineFailed>, scope: Scope.Scope = this.scope): void {
    const watched = effect.pipe(
      Effect.catchCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.void
        const error = cause.reasons.find((r) => r._tag === "Fail")?.error
        if (error !== undefined) return Deferred.fail(this.end, error)
        return Effect.andThen(
          Effect.logError("the engine stopped on a defect", cause),
          Deferred.fail(this.end, new EngineFailed({ message: "a defect in the engine, see the log" }))
        )
      })
    )
    this.fork(Effect.forkIn(watched, scope, { startImmediately: true }))
  }

  /** Lines for the log, said between two steps. */
  say(lines: Effect.Effect<void>): void {
    this.fork(lines)
  }

  /** Never succeeds; fails when one of them did. */
  get failed(): Effect.Effect<never, EngineFailed> {
    return Deferred.await(this.end)
  }

  /** Ends those of the member's Scope. */
  get close(): Effect.Effect<void> {
    return Scope.close(this.scope, Exit.void)
  }
}
