/**
 * Ages: how long ago content was news, for expiry (P6). Pure: the caller brings the pod's clocks.
 *
 * Content accepted at or beyond the fence is new at that moment and ages on the monotonic clock. Replayed content was shown
 * by someone else before: at the fence it is as old as both the log (its newest record before the fence) and the wall clock
 * say, the younger of the two, so that neither a quiet log nor a wrong clock hides what is alive; from there on it ages
 * on the monotonic clock. While the replay runs nobody sees it and it does not age.
 *
 * Replayed content that the log has passed by more than `memory` is beyond any age: what its version was compared with is
 * forgotten by then, so it may be a late copy of something older than what was shown. Doubt is silence.
 */
export interface Now {
  /** Milliseconds since the epoch. */
  readonly wall: number
  /** Milliseconds of a clock that never jumps. */
  readonly mono: number
}

/** When and where a record was accepted. */
export interface Stamp {
  readonly offset: number
  readonly timestamp: number
  readonly mono: number
  readonly replayed: boolean
}

export class Ages {
  private readonly memory: number
  private newest = Number.NEGATIVE_INFINITY
  private passed: Now | undefined

  /** `memory`: how long the log's rounds are remembered. */
  constructor(memory: number) {
    this.memory = memory
  }

  stamp(offset: number, timestamp: number, fence: number, now: Now): Stamp {
    const replayed = offset < fence
    if (replayed) this.newest = Math.max(this.newest, timestamp)
    return { offset, timestamp, mono: now.mono, replayed }
  }

  /** Everything before `position` was processed. */
  reached(position: number, fence: number, now: Now): void {
    if (position >= fence) this.passed ??= now
  }

  /** Whether the fence was passed: ages grow with the clock alone from then on. */
  get settled(): boolean {
    return this.passed !== undefined
  }

  age(stamp: Stamp, now: Now): number {
    if (!stamp.replayed) return now.mono - stamp.mono
    if (this.newest > stamp.timestamp + this.memory) return Number.POSITIVE_INFINITY
    const base = this.passed ?? now
    return Math.max(0, Math.min(this.newest, base.wall) - stamp.timestamp) + (now.mono - base.mono)
  }
}
