/**
 * LogEnd: what a partition's owner knows of where its log ends, when it was told so, and for how long the log has been ahead of it:
 * the lag, in records and in time. Pure. For people and metrics; time that decides something is Marks'.
 *
 * A log that nobody can ask keeps its last known end, whose age grows.
 * All times are the owner's monotonic clock in ms, all offsets next offsets.
 */
import { leastTelling } from "./Marks.ts"

/** So many ends that the position has not reached yet are remembered. */
const maxSightings = 32
/** Ms: ends that are told closer together are one. */
const together = 100

interface Sighting {
  readonly end: number
  readonly at: number
}

export class LogEnd {
  #end = -1
  #at = Number.NEGATIVE_INFINITY
  #readable = false
  /** Ascending in both. */
  readonly #ahead: Array<Sighting> = []

  /** As a fetch told it; -1 where the last one told none, as where the leader cannot be read. */
  get readable(): number {
    return this.#readable ? this.#end : -1
  }

  /** As it was told last, by a fetch or a question; -1 where it never was. */
  get last(): number {
    return this.#end
  }

  /** By a fetch. A negative end says nothing. */
  told(end: number, at: number): void {
    this.#readable = end >= 0
    if (end >= 0) this.#saw(end, at)
  }

  /** By a question beside the fetches: whether the log can be read it does not say. A fetch may have told of a later end meanwhile. */
  seen(end: number, at: number): void {
    this.#saw(Math.max(end, this.#end), at)
  }

  /** A fetch was not answered. */
  lost(): void {
    this.#readable = false
  }

  /** Another log: nothing is known of it. */
  forget(): void {
    this.lost()
    this.#end = -1
    this.#at = Number.NEGATIVE_INFINITY
    this.#ahead.length = 0
  }

  /** Ms since it was told last; undefined where it never was. */
  age(now: number): number | undefined {
    return this.#end < 0 ? undefined : now - this.#at
  }

  /** Ms that the record at `position` is known to be in the log by this owner; 0 where none is known to be there. */
  behind(position: number, now: number): number {
    const ahead = this.#ahead
    let passed = 0
    while (passed < ahead.length && ahead[passed]!.end <= position) passed++
    ahead.splice(0, passed)
    return ahead.length === 0 ? 0 : now - ahead[0]!.at
  }

  #saw(end: number, at: number): void {
    this.#at = at
    // As after a leader that changed: what was seen beyond is not there.
    if (end < this.#end) this.#ahead.length = 0
    if (end !== this.#end) this.#sight(end, at)
    this.#end = end
  }

  #sight(end: number, at: number): void {
    const ahead = this.#ahead
    const last = ahead.at(-1)
    if (last !== undefined && at - last.at < together) ahead[ahead.length - 1] = { end, at: last.at }
    else ahead.push({ end, at })
    if (ahead.length > maxSightings) ahead.splice(leastTelling(ahead.map((sighting) => sighting.at)), 1)
  }
}
