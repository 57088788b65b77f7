/**
 * Signal: "wait until this condition holds", for conditions over plain state of one process. Whoever changes the state
 * calls `notify`; waiters whose condition holds go on. No polling, no lost wake-up: the condition is read before waiting.
 */
import { Effect } from "effect"

interface Waiter {
  readonly holds: () => boolean
  readonly resume: (effect: Effect.Effect<void>) => void
}

export class Signal {
  private readonly waiters = new Set<Waiter>()

  /** Interruptible; leaves nothing behind. */
  until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (holds()) return resume(Effect.void)
      const waiter: Waiter = { holds, resume }
      this.waiters.add(waiter)
      return Effect.sync(() => {
        this.waiters.delete(waiter)
      })
    })
  }

  notify(): void {
    for (const waiter of this.waiters)
      if (waiter.holds()) {
        this.waiters.delete(waiter)
        waiter.resume(Effect.void)
      }
  }
}
