/**
 * Hangup: SIGHUP asks other servers to read their configuration again, and ends a process that does not expect it. Settings here are read at
 * the start only: a change of most of them is a restart for the group, or for round numbers, anyway. So it is told and ignored.
 */
import { Effect } from "effect"

/** For the Scope's life. */
export const ignoreHangup = Effect.gen(function* () {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const told = (): void => {
    fork(
      Effect.logWarning("SIGHUP is ignored: settings are read at the start only, restart the process to change them")
    )
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", told)),
    () => Effect.sync(() => process.off("SIGHUP", told))
  )
})
