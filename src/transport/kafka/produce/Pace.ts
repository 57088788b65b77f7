/**
 * Pace: when a broker that failed is turned to again: after a growing pause with jitter, by one request for all who wait. It decides
 * nothing about records: each failure is told to its callers at once, and whether to go on is theirs.
 */
import { Backoff } from "../../../Backoff.ts"

const BACKOFF = new Backoff(100, 2_000)

export class Pace {
  private failures = 0
  private until = 0
  private waiting: { readonly timer: NodeJS.Timeout; readonly over: () => void } | undefined

  failed(): void {
    this.failures += 1
    this.until = performance.now() + BACKOFF.after(this.failures, Math.random())
  }

  succeeded(): void {
    this.failures = 0
  }

  /** Until the pause is over, or `end`. Asked by one at a time. */
  async due(): Promise<void> {
    const pause = this.until - performance.now()
    if (pause <= 0) return
    await new Promise<void>((over) => {
      this.waiting = { timer: setTimeout(over, pause), over }
    })
    this.waiting = undefined
  }

  end(): void {
    clearTimeout(this.waiting?.timer)
    this.waiting?.over()
  }
}
