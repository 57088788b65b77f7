/**
 * VersionMemory: which numbered rounds of one source came complete, and what that means for the next one (rule 8). Pure.
 *
 * A round is blocked while a complete round of its epoch with its number or a higher one was seen within twice the expiry,
 * or one of a higher epoch within the expiry, both in record timestamps. Seen counts, accepted or not: an owner that starts
 * later in the log cannot know which of them an earlier owner accepted, but it sees the same records.
 *
 * `need` is the price of that: the offset from which a new owner must read to decide alike. A blocked round needs its
 * blocker as long as it is remembered itself, or the new owner would take it for news. [r10 shown, r9 comes late and is
 * ignored, r10 is forgotten first; an owner that starts between the two shows r9.]
 */
import type { LogClock } from "./LogClock.ts"
import type { RoundNumber } from "./Record.ts"

export type IgnoredReason = "repeated" | "older" | "lower-epoch"

/** A round that came complete. */
export interface Arrival extends RoundNumber {
  /** Of the record that completed it. */
  readonly offset: number
  /** The newest of its chunks'. */
  readonly timestamp: number
  /** The lowest offset of its chunks. */
  readonly first: number
}

interface Seen extends Arrival {
  /** Nothing of the source was accepted after it. */
  readonly latest: boolean
  readonly need: number
}

/** How long a version is remembered after it was seen, in log time. */
export const memorySpan = (expiry: number): number => 2 * expiry

export const compareRounds = (a: RoundNumber, b: RoundNumber): number => a.epoch - b.epoch || a.round - b.round

export class VersionMemory {
  /** In offset order. An earlier one that is neither higher nor newer by timestamp is left out: it blocks nothing more. */
  private seen: ReadonlyArray<Seen> = []
  private readonly clock: LogClock
  private readonly expiry: number

  constructor(clock: LogClock, expiry: number) {
    this.clock = clock
    this.expiry = expiry
  }

  /** Takes a complete round in and says why it is ignored, or undefined where it is accepted. */
  arrive(round: Arrival): IgnoredReason | undefined {
    this.forget()
    const blocker = this.blocker(round)
    const equal = this.seen.findLast((s) => compareRounds(s, round) === 0)
    // Whoever knows the latest accepted round only by its repetition accepts that: the same version, thus the same content.
    const repeatsLatest = blocker !== undefined && blocker === equal && equal.latest
    const need =
      blocker === undefined || repeatsLatest
        ? round.first
        : Math.min(round.first, blocker === equal ? equal.need : blocker.first)
    if (blocker === undefined) this.overtaken()
    this.push({ ...round, latest: blocker === undefined || repeatsLatest, need })
    return blocker === undefined
      ? undefined
      : blocker === equal
        ? "repeated"
        : blocker.epoch === round.epoch
          ? "older"
          : "lower-epoch"
  }

  /**
   * A record of a round that was dropped unseen: what is older than it must not be shown after it, it itself may come again.
   * `whole`: the record is the whole round, so who reads it knows as much. One chunk says nothing to who reads only that: what
   * blocked before is still needed, until some later round comes whole. [r3 shown, an owner drops r4 and r5 and commits L at
   * r5's last chunk; the next owner never sees a whole round and takes a late r2 for news.]
   */
  skip(round: Arrival, whole: boolean): void {
    this.forget()
    const blocker = this.blocker(round)
    let need = blocker === undefined ? round.offset : Math.min(round.offset, blocker.first, blocker.need)
    if (!whole) for (const s of this.seen) need = Math.min(need, s.need)
    this.push({ ...round, round: round.round - 1, latest: false, need })
  }

  /** Something else of the source was accepted. */
  overtaken(): void {
    if (this.seen.some((s) => s.latest)) this.seen = this.seen.map((s) => ({ ...s, latest: false }))
  }

  /** Whether a round would be ignored that completes at `timestamp`. */
  blocks(round: RoundNumber, timestamp: number): boolean {
    this.forget()
    return this.blocker({ ...round, timestamp }) !== undefined
  }

  /** Infinity where nothing is remembered. */
  lowest(): number {
    this.forget()
    let lowest = Number.POSITIVE_INFINITY
    for (const s of this.seen) lowest = Math.min(lowest, s.need)
    return lowest
  }

  get empty(): boolean {
    this.forget()
    return this.seen.length === 0
  }

  /** A strictly higher one before an equal one, the latest of them: it costs the least to read again. */
  private blocker(round: RoundNumber & { readonly timestamp: number }): Seen | undefined {
    let equal: Seen | undefined
    let best: Seen | undefined
    for (const s of this.seen) {
      if (s.epoch === round.epoch ? s.round < round.round : s.epoch < round.epoch) continue
      if (s.epoch === round.epoch && s.round === round.round) equal = s
      else if (s.epoch === round.epoch || round.timestamp <= s.timestamp + this.expiry)
        if (best === undefined || s.first > best.first) best = s
    }
    return best ?? equal
  }

  private push(next: Seen): void {
    this.seen = [...this.seen.filter((s) => compareRounds(s, next) > 0 || s.timestamp > next.timestamp), next]
    if (this.seen.length <= maxSeen) return
    // Too many rounds in descending order: the two oldest become one that blocks what either did.
    const [a, b, ...rest] = this.seen as [Seen, Seen, ...Array<Seen>]
    const timestamp = Math.max(a.timestamp, b.timestamp)
    this.seen = [{ ...a, timestamp, offset: b.offset, need: Math.min(a.need, b.need) }, ...rest]
  }

  private forget(): void {
    const { seen, clock, expiry } = this
    for (const s of seen) {
      if (clock.after(s.offset) <= s.timestamp + memorySpan(expiry)) continue
      this.seen = seen.filter((s) => clock.after(s.offset) <= s.timestamp + memorySpan(expiry))
      return
    }
  }
}

const maxSeen = 32
