/**
 * VersionMemory: which numbered rounds of one source came complete, and what that means for the next one (rule 8). Pure.
 *
 * A round is blocked while a complete round of its epoch with its number or a higher one was seen within twice the expiry,
 * or one of a higher epoch within the expiry, both in record timestamps. Seen counts, accepted or not: an owner that starts
 * later in the log cannot know which of them an earlier owner accepted, but it sees the same records.
 *
 * `need` is the price of that: the offset from which a new owner must read to decide alike. A blocked round needs its
 * blocker as long as it is remembered itself, or the new owner would take it for news. [r10 shown, r9 comes late and is
 * ignored, r10 is forgotten first; an owner that starts between the two shows r9.] The same where a round was ignored after another
 * one and before that one's repetition. [e1 and then e3 shown; e1 comes again and is a repetition, then e3 again; an owner that starts at
 * the first e3 takes e1 for a sender that came back, and the last e3 for a repetition.] A chunk that was dropped unseen may be of
 * a round that never comes complete: a new owner that reads on from it learns nothing, so what it takes the place of is still
 * needed, and with several chunks what was dropped between them. [r10 shown, the first chunk of r11 dropped, its second never
 * comes; an owner that starts at r11 shows a late r9.]
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

/** What was dropped in one go: its first offset and its newest timestamp. */
export interface Stretch {
  readonly from: number
  readonly until: number
}

interface Seen extends Arrival {
  /** When it was seen, or the latest time at which what was dropped with it may have come complete. */
  readonly until: number
  /** Nothing of the source was accepted after it. */
  readonly latest: boolean
  readonly need: number
  /** It was dropped unseen, and so may have been others right after it. */
  readonly dropped: boolean
}

/** What dropped chunks took the place of. It blocks nothing any more; a new owner must read from `need` on none the less. */
interface Held extends RoundNumber {
  readonly offset: number
  readonly timestamp: number
  readonly until: number
  readonly need: number
  /** Of the earliest that was put together here. */
  readonly since: number
}

/** How long a version is remembered after it was seen, in log time. */
export const memorySpan = (expiry: number): number => 2 * expiry

export const compareRounds = (a: RoundNumber, b: RoundNumber): number => a.epoch - b.epoch || a.round - b.round

export class VersionMemory {
  /** In offset order. An earlier one that is neither higher nor newer by timestamp is left out: it blocks nothing more. */
  private seen: ReadonlyArray<Seen> = []
  private held: ReadonlyArray<Held> = []
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
    if (blocker === undefined) {
      this.overtaken()
      this.held = this.held.filter((h) => outlasts(h, round))
    }
    const latest = blocker === undefined || repeatsLatest
    const next: Seen = { ...round, until: round.timestamp, latest, need, dropped: false }
    if (blocker !== undefined) this.holdReasons(next, blocker)
    this.push(next)
    return blocker === undefined
      ? undefined
      : blocker === equal
        ? "repeated"
        : blocker.epoch === round.epoch
          ? "older"
          : "lower-epoch"
  }

  /**
   * A round that was dropped unseen: what is older than it must not be shown after it, it itself may come again. `whole`: a
   * new owner that reads the record learns as much from it; else a lower one that went with it may be what it needs.
   */
  skip(round: Arrival, whole: boolean, stretch: Stretch): void {
    this.forget()
    const blocker = this.blocker(round)
    const first = whole ? round.first : Math.min(round.first, stretch.from)
    const need = blocker === undefined ? first : Math.min(first, blocker.first, blocker.need)
    const next: Seen = {
      ...round,
      round: round.round - 1,
      // The other chunks may come for as long as this one counts.
      until: Math.max(stretch.until, whole ? round.timestamp : round.timestamp + this.expiry),
      latest: false,
      need,
      dropped: true
    }
    if (whole) {
      if (blocker !== undefined) this.holdReasons(next, blocker)
    } else for (const s of this.seen) if (!outlasts(s, next)) this.hold(s, next)
    this.push(next)
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
    for (const h of this.held) lowest = Math.min(lowest, h.need)
    return lowest
  }

  get empty(): boolean {
    this.forget()
    return this.seen.length === 0 && this.held.length === 0
  }

  /** A strictly higher one before an equal one, the latest of them: it costs the least to read again. */
  private blocker(round: RoundNumber & { readonly timestamp: number }): Seen | undefined {
    let equal: Seen | undefined
    let best: Seen | undefined
    for (const s of this.seen) {
      if (s.epoch === round.epoch ? s.round < round.round : s.epoch < round.epoch) continue
      if (s.epoch === round.epoch && s.round === round.round) equal = s
      else if (s.epoch === round.epoch || round.timestamp <= s.until + this.expiry)
        if (best === undefined || s.first > best.first) best = s
    }
    return best ?? equal
  }

  private push(next: Seen): void {
    this.seen = [...this.seen.filter((s) => outlasts(s, next)), next]
    if (this.seen.length <= maxSeen) return
    // Too many rounds in descending order: the two oldest become one that blocks what either did.
    const [a, b, ...rest] = this.seen as [Seen, Seen, ...Array<Seen>]
    const later = { timestamp: Math.max(a.timestamp, b.timestamp), until: Math.max(a.until, b.until) }
    this.seen = [{ ...a, ...later, offset: b.offset, need: Math.min(a.need, b.need) }, ...rest]
  }

  /** Why something was ignored is needed still where only `next` takes its place: who does not know it, and the blocker, shows that. */
  private holdReasons(next: Seen, blocker: Seen): void {
    for (const s of this.seen)
      if (s !== blocker && s.need < Math.min(s.first, blocker.first) && !outlasts(s, next)) this.hold(s, next)
  }

  /** What was dropped between two chunks may be as young as the later one. Those of about one time are put together. */
  private hold(s: Seen, by: Seen): void {
    const { offset, timestamp, until } = s.dropped ? { ...by, until: Math.max(s.until, by.until) } : s
    const next: Held = { epoch: by.epoch, round: by.round, offset, timestamp, until, need: s.need, since: timestamp }
    const last = this.held[this.held.length - 1]
    if (last === undefined) this.held = [next]
    else if (timestamp <= last.since + this.expiry / 8) this.held = [...this.held.slice(0, -1), together(last, next)]
    else if (this.held.length < maxHeld) this.held = [...this.held, next]
    else {
      const [a, b, ...rest] = this.held as [Held, Held, ...Array<Held>]
      this.held = [together(a, b), ...rest, next]
    }
  }

  private forget(): void {
    const remembered = (s: { readonly offset: number; readonly until: number }) =>
      this.clock.after(s.offset) <= s.until + memorySpan(this.expiry)
    if (!this.seen.every(remembered)) this.seen = this.seen.filter(remembered)
    if (!this.held.every(remembered)) this.held = this.held.filter(remembered)
  }
}

const together = (a: Held, b: Held): Held => ({
  ...b,
  timestamp: Math.max(a.timestamp, b.timestamp),
  until: Math.max(a.until, b.until),
  need: Math.min(a.need, b.need),
  since: a.since
})

/** Whether the earlier one still blocks something that the later one does not. */
const outlasts = (s: RoundNumber & { readonly timestamp: number }, by: RoundNumber & { readonly timestamp: number }) =>
  compareRounds(s, by) > 0 || s.timestamp > by.timestamp

const maxSeen = 32
/** Three times the expiry in eighths, and two. Only timestamps that go back and forth make more. */
const maxHeld = 26
