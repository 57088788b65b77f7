/** Alarm: one timer, which goes off once at the earliest of the times that it was set to since it went off last. */
export class Alarm {
  private readonly ring: () => void
  private readonly now: () => number
  private timer: NodeJS.Timeout | undefined
  private at = 0

  /** `now`: ms, monotonic. */
  constructor(now: () => number, ring: () => void) {
    this.now = now
    this.ring = ring
  }

  setIn(ms: number): void {
    const at = this.now() + ms
    if (this.timer !== undefined && this.at <= at) return
    clearTimeout(this.timer)
    this.at = at
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.ring()
    }, ms)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
