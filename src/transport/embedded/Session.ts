/**
 * Session: when a member was last heard of, and the alarm for when that was too long ago. One alarm a member: a
 * heartbeat only moves the deadline, and an alarm that rings before it is set again.
 */
import type { Cancel, Timers } from "./Timers.ts"

export class Session {
  readonly #timers: Timers
  readonly #over: () => void
  #deadline = 0
  #alarm: { readonly at: number; readonly cancel: Cancel } | null = null

  /** `over` is called once for each time that the deadline passes; `expect` starts anew. */
  constructor(timers: Timers, over: () => void) {
    this.#timers = timers
    this.#over = over
  }

  /** Moves the deadline to `timeout` ms from now. */
  expect(timeout: number): void {
    this.#deadline = this.#timers.now() + timeout
    if (this.#alarm !== null && this.#alarm.at <= this.#deadline) return
    this.#alarm?.cancel()
    this.#set()
  }

  stop(): void {
    this.#alarm?.cancel()
    this.#alarm = null
  }

  #set(): void {
    const at = this.#deadline
    const cancel = this.#timers.after(at - this.#timers.now(), () => {
      this.#alarm = null
      if (this.#timers.now() < this.#deadline) this.#set()
      else this.#over()
    })
    this.#alarm = { at, cancel }
  }
}
