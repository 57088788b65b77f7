/**
 * Timers armed by a piece of a test, and by nothing else in the process: the runner and earlier tests have timers of
 * their own, which come and go meanwhile.
 */
import { AsyncLocalStorage, createHook } from "node:async_hooks"

const running = new AsyncLocalStorage<Set<number>>()
const ownerOf = new Map<number, Set<number>>()

const hook = createHook({
  init: (id, type) => {
    const armed = type === "Timeout" ? running.getStore() : undefined
    if (armed === undefined) return
    armed.add(id)
    ownerOf.set(id, armed)
  },
  destroy: (id) => {
    ownerOf.get(id)?.delete(id)
    ownerOf.delete(id)
  }
})

/** Runs `body`; `armed()` is how many of the timers that it, or a callback of what it opened, has set are still to fire. */
export const withArmedTimers = async (body: (armed: () => number) => Promise<void>): Promise<void> => {
  const own = new Set<number>()
  hook.enable()
  try {
    await running.run(own, () => body(() => own.size))
  } finally {
    hook.disable()
    for (const id of own) ownerOf.delete(id)
  }
}
