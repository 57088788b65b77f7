/**
 * Marks: a partition's time as its owners count it, all of them together. Pure. A mark says where the log ended when it was
 * asked, how far the owner had read then, and how long ago that was. Marks travel in each commit, so time goes on across
 * handoffs; what passes between one owner's last commit and the next one's start is not counted.
 *
 * They stand in for timestamps, which may be the senders': a sender's clock is nobody else's. Nothing here reads a wall clock.
 */
export interface Mark {
  /** The log's end as it was asked. */
  readonly end: number
  /** Everything before it was read by an owner by then. */
  readonly read: number
  /** When the answer came, on the owner's monotonic clock. */
  readonly at: number
}

/** A mark as it travels: `ago` in counted milliseconds before the commit. */
export interface MarkAgo {
  readonly end: number
  readonly read: number
  readonly ago: number
}

/** Some 16 bytes each in the commit's metadata. */
export const maxMarks = 24

export class Marks {
  /** Ascending in all three numbers. */
  private marks: Array<Mark>
  /** How many are earlier owners'. */
  private readonly inherited: ReadonlyArray<Mark>
  private readonly began: number

  constructor(inherited: ReadonlyArray<MarkAgo>, now: number) {
    this.inherited = inherited.map(({ end, read, ago }) => ({ end, read, at: now - ago }))
    this.marks = [...this.inherited]
    this.began = now
  }

  /** When the newest was made; -Infinity where there is none. */
  get newest(): number {
    return this.marks.at(-1)?.at ?? Number.NEGATIVE_INFINITY
  }

  add(mark: Mark): void {
    const last = this.marks.at(-1)
    // An end may be lower than one asked before (a leader that changed): it says nothing new.
    const end = Math.max(mark.end, last?.end ?? 0)
    const read = Math.max(mark.read, last?.read ?? 0)
    this.marks.push({ end, read, at: mark.at })
    if (this.marks.length > maxMarks) this.marks.splice(leastTelling(this.marks.map(({ at }) => at)), 1)
  }

  /** Those before `lowest` go, but for the newest of them: it says how old the content from there on may be at most. */
  keepFrom(lowest: number): void {
    let newest = 0
    while (newest + 1 < this.marks.length && this.marks[newest + 1]!.read <= lowest) newest++
    if (newest > 0) this.marks.splice(0, newest)
  }

  /**
   * Everything before the answer was in the log for `apart` ms when all that had been appended by then was read: nothing that comes
   * less late can follow it. Of two marks beyond it that were made that far apart, the later one was passed by `position`. 0: nothing.
   */
  settled(position: number, apart: number): number {
    const { marks } = this
    let later = marks.length - 1
    while (later >= 0 && marks[later]!.end > position) later--
    let earlier = later - 1
    while (earlier >= 0 && marks[later]!.at - marks[earlier]!.at < apart) earlier--
    return earlier < 0 ? 0 : marks[earlier]!.end
  }

  /** Everything before the answer was read by an owner at least so many ms ago. */
  readBefore(ago: number, now: number): number {
    return this.marks.findLast((mark) => now - mark.at >= ago)?.read ?? 0
  }

  /** For how long earlier owners, when this one began, had read past the record; undefined where no mark of theirs lies before it. */
  readAgo(offset: number): number | undefined {
    const { inherited } = this
    const first = inherited.findIndex((mark) => mark.read > offset)
    if (first === 0 || inherited.length === 0) return undefined
    return first < 0 ? 0 : this.began - inherited[first]!.at
  }

  /** For how long the record is known to be in the log; 0 where no mark lies beyond it. */
  appendedAgo(offset: number, now: number): number {
    const { marks } = this
    let first = marks.length
    while (first > 0 && marks[first - 1]!.end > offset) first--
    return first === marks.length ? 0 : now - marks[first]!.at
  }

  /** As they travel. */
  ago(now: number): ReadonlyArray<MarkAgo> {
    return this.marks.map(({ end, read, at }) => ({ end, read, ago: Math.max(0, Math.round(now - at)) }))
  }
}

/**
 * Which of so many marks can go best, by their times, ascending: the one whose neighbours lie closest together for their age, because
 * what is far back may be coarse. Without it everything is taken for younger, and less for settled: nobody forgets too early by that.
 */
export const leastTelling = (times: ReadonlyArray<number>): number => {
  const now = times.at(-1)!
  let least = Math.min(1, times.length - 1)
  let leastGap = Number.POSITIVE_INFINITY
  for (let i = 1; i < times.length - 1; i++) {
    const gap = (times[i + 1]! - times[i - 1]!) / Math.max(1, now - times[i - 1]!)
    if (gap < leastGap) {
      leastGap = gap
      least = i
    }
  }
  return least
}
