/**
 * Ages: how long ago content was news, for expiry (P6). Pure: the caller brings the pod's clocks.
 *
 * Content accepted at or beyond the fence is new at that moment and ages on the monotonic clock. Replayed content was shown
 * by someone else before: at the fence it is as old as the partition's owners together count (see engine/partition/Marks), and from there on it
 * ages on the monotonic clock. While the replay runs nobody sees it and it does not age.
 *
 * Where nobody counted that far back, in a group's first start, the broker's timestamps tell: it is as old as both the log (its
 * newest record before the fence) and the wall clock say, the younger of the two, so that neither a quiet log nor a wrong clock
 * hides what is alive. A sender's timestamp tells nothing: such content is not shown before a round at or beyond the fence. Doubt is
 * silence.
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
  /** The broker's; -Infinity where the record has its sender's. */
  readonly timestamp: number
  readonly mono: number
  readonly replayed: boolean
}

export class Ages {
  /** Ms that earlier owners counted since they had read a record; undefined where they did not. */
  private readonly readAgo: (offset: number) => number | undefined
  private newest = Number.NEGATIVE_INFINITY
  private passed: Now | undefined

  constructor(readAgo: (offset: number) => number | undefined) {
    this.readAgo = readAgo
  }

  stamp(record: StampedRecord, fence: number, now: Now): Stamp {
    const { offset } = record
    const replayed = offset < fence
    const timestamp = record.sendersTime === true ? Number.NEGATIVE_INFINITY : record.timestamp
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
    const base = this.passed ?? now
    const before = this.readAgo(stamp.offset) ?? this.toldAgo(stamp, base)
    return before + (now.mono - base.mono)
  }

  /** As the broker's stamps tell. */
  private toldAgo({ timestamp }: Stamp, { wall }: Now): number {
    // Where no record has the broker's there is no newest one either: their difference would be no number.
    if (timestamp === Number.NEGATIVE_INFINITY) return Number.POSITIVE_INFINITY
    return Math.max(0, Math.min(this.newest, wall) - timestamp)
  }
}

type StampedRecord = { readonly offset: number; readonly timestamp: number; readonly sendersTime?: boolean }
