/**
 * Pause: a coordinator that stands still for a while, as a machine does that is moved or a process that collects: what it receives is
 * kept and carried out in order when it goes on, and so are its own alarms. Which of the two comes first is then a race, as it
 * is between the threads of a real one.
 */
import type { Timers } from "./Timers.ts"

/** What a coordinator that stood still sees to first: requests that came meanwhile, or its own deadlines. @experimental */
export type First = "requests" | "alarms"

export class Pause {
  readonly #requests: Array<() => void> = []
  readonly #alarms: Array<() => void> = []
  #paused = false

  /** False where it stands still already. */
  begin(): boolean {
    if (this.#paused) return false
    this.#paused = true
    return true
  }

  end(first: First): void {
    this.#paused = false
    const alarms = this.#alarms.splice(0)
    const requests = this.#requests.splice(0)
    for (const f of first === "alarms" ? [...alarms, ...requests] : [...requests, ...alarms]) f()
  }

  /** Carries a request out: now, or when the pause is over. */
  request(f: () => void): void {
    if (this.#paused) this.#requests.push(f)
    else f()
  }

  /** Timers whose alarms stand still, too. */
  timers(timers: Timers): Timers {
    return {
      ...timers,
      after: (ms, f) => {
        let live = true
        const ring = () => {
          if (live) f()
        }
        const cancel = timers.after(ms, () => {
          if (this.#paused) this.#alarms.push(ring)
          else ring()
        })
        return () => {
          live = false
          cancel()
        }
      }
    }
  }
}
