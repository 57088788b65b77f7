/**
 * VersionMemory: which numbered rounds of one source came complete, and what that means for the next one (rule 8). Pure.
 *
 * A round is blocked by any round of its number or a higher one, and of any higher epoch, that was seen complete. Seen counts,
 * accepted or not: an owner that starts later in the log cannot know which of them an earlier owner accepted, but it sees the same
 * records. Nothing is forgotten by a clock: what was seen before `kept` is forgotten, because no next owner can see it any more,
 * and the highest round seen from there on stays. [e200 forgotten, e150.2 ignored behind it and then gone as well: an owner accepts
 * e100.1, and the next one, which starts between the two, takes e150.2 for news.]
 *
 * `lowest` is the price: from there a new owner must read to know what blocks. A round is needed until it is settled: nothing
 * that is older than it can arrive any more. A round that was ignored needs what blocked it for as long as itself, or a new owner
 * takes it for news; but not what was settled by then, or a sender that repeats itself would hold L for ever.
 *
 * A chunk that was dropped unseen may be of a round that others complete, and of one that never comes complete. So it blocks what is
 * older, and takes the place of nothing. [r10 shown, the first chunk of r11 dropped, its second never comes; an owner that starts at
 * r11 shows a late r9.]
 */
import type { RoundNumber } from "./Record.ts"

export type IgnoredReason = "repeated" | "older" | "lower-epoch"

/** A round that came complete. */
export interface Arrival extends RoundNumber {
  /** Of the record that completed it. */
  readonly offset: number
  /** The lowest offset of its chunks: whoever starts at or before it sees it complete. */
  readonly first: number
}

interface Seen extends Arrival {
  /** Until it is settled a new owner must read from here on; also until it is outlived where it was ignored: else it is taken for news. */
  readonly need: number
  readonly ignored: boolean
}

/** How late an older round may come after a newer one and still be known for it. */
export const memorySpan = (expiry: number): number => 2 * expiry

interface Unsure extends Seen {
  readonly period: number
}

export const compareRounds = (a: RoundNumber, b: RoundNumber): number => a.epoch - b.epoch || a.round - b.round

/** Only rounds that come in descending order are more than one. */
const maxSeen = 32

/** What the partition's time says. Both ascend. */
export interface Bounds {
  /** No new owner begins before it. */
  readonly kept: () => number
  /** Nothing late can follow what lies before it. */
  readonly settled: () => number
  /** No owner shows what lies before it, were it the newest that it knows. */
  readonly outlived: () => number
  /** Counts up a few times in an expiry: what is dropped within one count is put together. */
  readonly period: () => number
}

export class VersionMemory {
  /** Ascending by `first`, strictly descending by round: one that is not newer than a later one says nothing. */
  private seen: ReadonlyArray<Seen> = []
  /** What may have come complete among what was dropped, in that order: none takes another's place, it may not have come complete itself. */
  private unsure: ReadonlyArray<Unsure> = []
  private readonly bounds: Bounds

  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  /** Takes a complete round in and says why it is ignored, or undefined where it is accepted. */
  arrive(round: Arrival): IgnoredReason | undefined {
    const blocker = this.highest()
    if (blocker === undefined || compareRounds(blocker, round) < 0) {
      this.seen = entered(this.seen, { ...round, need: round.first, ignored: false })
      this.unsure = this.unsure.filter((u) => u.first > round.first || compareRounds(u, round) > 0)
      return undefined
    }
    const need = this.needOf(round)
    const repeated = compareRounds(blocker, round) === 0
    // A repetition is known to whoever starts before it, and is settled with the first of its kind.
    const seen = repeated
      ? {
          first: Math.max(blocker.first, round.first),
          offset: Math.min(blocker.offset, round.offset),
          ignored: blocker.ignored
        }
      : { ignored: true }
    this.seen = entered(this.seen, { ...round, ...seen, need })
    if (repeated) return "repeated"
    return blocker.epoch === round.epoch ? "older" : "lower-epoch"
  }

  /**
   * A round that was dropped unseen: what is older than it must not be shown after it, it itself may come again. `whole`: a
   * new owner that reads the record learns as much from it. Of a dropped stretch not every round is told: behind a chunk there
   * may be one that only what was seen before blocks, so that is needed for as long as the chunk. [2.4 is shown; a chunk of
   * 3.3, 2.3 and the chunk again are dropped, and 2.3 is not told; an owner that starts behind 2.4 takes 2.3 for news.]
   */
  skip(round: Arrival, whole: boolean): void {
    const blocker = this.highest()
    const ignored = blocker !== undefined && compareRounds(blocker, round) >= 0
    const held = !whole && blocker !== undefined && blocker.offset >= this.bounds.settled()
    const need = Math.min(this.needOf(round), held ? blocker.first : Number.POSITIVE_INFINITY)
    // Between it and the round before it.
    const before = { ...round, round: round.round - 0.5, need, ignored }
    if (whole) this.seen = entered(this.seen, before)
    else this.unsure = added(this.unsure, { ...before, period: this.bounds.period() })
  }

  /** Whether the round would be ignored. */
  blocks(round: RoundNumber): boolean {
    const blocker = this.highest()
    return blocker !== undefined && compareRounds(blocker, round) >= 0
  }

  /** From where a new owner must read to know what blocks and is not settled; Infinity where nothing is. */
  lowest(): number {
    const settled = this.bounds.settled()
    const outlived = Math.min(settled, this.bounds.outlived())
    let lowest = Number.POSITIVE_INFINITY
    for (const list of [this.seen, this.unsure])
      for (const s of list) if (s.offset >= (s.ignored ? outlived : settled)) lowest = Math.min(lowest, s.need)
    return lowest
  }

  /** How many versions are remembered. */
  get size(): number {
    return this.seen.length + this.unsure.length
  }

  /** The offset past which nothing is remembered; -Infinity where nothing is. */
  get until(): number {
    let last = Number.NEGATIVE_INFINITY
    for (const list of [this.seen, this.unsure]) for (const { first } of list) last = Math.max(last, first)
    return last
  }

  /** Together with what blocks it: of those that are known for certain and of those that are not the latest, which costs the least. */
  private needOf(round: Arrival): number {
    const settled = this.bounds.settled()
    let need = round.first
    for (const list of [this.seen, this.unsure]) {
      const blocker = list.findLast((s) => compareRounds(s, round) >= 0)
      if (blocker !== undefined && blocker.offset >= settled) need = Math.min(need, blocker.need)
    }
    return need
  }

  private highest(): Seen | undefined {
    this.forget(this.bounds.kept())
    let highest = this.seen[0]
    for (const u of this.unsure) if (highest === undefined || compareRounds(u, highest) > 0) highest = u
    return highest
  }

  private forget(kept: number): void {
    if ((this.seen[0]?.first ?? kept) < kept) this.seen = this.seen.filter((s) => s.first >= kept)
    if (this.unsure.some((u) => u.first < kept)) this.unsure = this.unsure.filter((u) => u.first >= kept)
  }
}

/** The list with one more, which takes the place of its equal. */
const entered = (list: ReadonlyArray<Seen>, next: Seen): ReadonlyArray<Seen> => {
  if (list.some((s) => s.first >= next.first && compareRounds(s, next) > 0)) return list
  const left = list.flatMap((s): ReadonlyArray<Seen> => {
    const order = compareRounds(s, next)
    if (order > 0) return [s]
    // Who starts between the two takes it for news, as if it had been ignored.
    return order < 0 && s.first > next.first ? [{ ...s, need: Math.min(s.need, next.need), ignored: true }] : []
  })
  const at = left.findIndex((s) => s.first > next.first)
  const all = at < 0 ? [...left, next] : [...left.slice(0, at), next, ...left.slice(at)]
  if (all.length <= maxSeen) return all
  // The two oldest become one: it blocks what the higher did, for as long as the later is known.
  const [a, b, ...rest] = all as [Seen, Seen, ...Array<Seen>]
  return [
    {
      ...a,
      first: b.first,
      offset: Math.max(a.offset, b.offset),
      need: Math.min(a.need, b.need),
      ignored: a.ignored || b.ignored
    },
    ...rest
  ]
}

/** One more of what may have come complete, put together with what was dropped about when it was. */
const added = (list: ReadonlyArray<Unsure>, next: Unsure): ReadonlyArray<Unsure> => {
  const last = list.at(-1)
  const near = last !== undefined && (last.period === next.period || list.length === maxSeen)
  if (!near) return [...list, next]
  const higher = compareRounds(last, next) > 0 ? last : next
  const together = {
    ...higher,
    first: Math.max(last.first, next.first),
    offset: Math.max(last.offset, next.offset),
    need: Math.min(last.need, next.need),
    ignored: last.ignored || next.ignored,
    period: last.period
  }
  return [...list.slice(0, -1), together]
}
