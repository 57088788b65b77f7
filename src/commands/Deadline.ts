/**
 * Deadline: the end of a shutdown that does not end. The first SIGTERM or SIGINT starts a clean leave, whose steps have bounds
 * of their own; should one of them fail to keep its bound, the process ends anyway, loudly, and the group's session timeout
 * does the rest. A second signal changes nothing: leaving in order is worth the seconds.
 */
import { Effect } from "effect"

const signals = ["SIGTERM", "SIGINT"] as const

/** For the Scope's life. */
export const shutdownDeadline = (what: string, millis: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let timer: NodeJS.Timeout | undefined
      const begin = (): void => {
        timer ??= setTimeout(() => {
          process.stderr.write(
            `kafka2prom ${what}: the shutdown did not end within ${millis} ms; ending the process as it is\n`
          )
          process.exit(1)
        }, millis)
        timer.unref()
      }
      for (const signal of signals) process.on(signal, begin)
      return () => {
        for (const signal of signals) process.off(signal, begin)
        clearTimeout(timer)
      }
    }),
    (release) => Effect.sync(release)
  )
