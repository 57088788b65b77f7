/**
 * Rhythm: how often a source sends a round, and thus when it counts as silent (P6). Pure.
 *
 * The interval is the median of the last three between accepted rounds, by record timestamps, with missing numbers of one
 * epoch counted as rounds that were lost. It only decides how long content is shown, never what is accepted, so it may
 * depend on what this pod has seen: after a handoff one interval is known again where `lowest` kept two rounds.
 */
import type { RoundNumber } from "./Record.ts"

interface Beat {
  readonly number: RoundNumber | undefined
  readonly timestamp: number
  readonly first: number
}

const kept = 3

export class Rhythm {
  private intervals: ReadonlyArray<number> = []
  private last: Beat | undefined
  private before: Beat | undefined

  note({ number, timestamp, first }: Beat): void {
    const { last } = this
    // Not what came with it: a whole round would stay in memory for its time.
    const beat = { number, timestamp, first }
    this.before = last
    this.last = beat
    if (last === undefined) return
    const rounds =
      last.number !== undefined && beat.number !== undefined && last.number.epoch === beat.number.epoch
        ? Math.max(1, beat.number.round - last.number.round)
        : 1
    const interval = (beat.timestamp - last.timestamp) / rounds
    if (interval > 0) this.intervals = [...this.intervals, interval].slice(-kept)
  }

  /** Milliseconds without a round after which the source has expired. */
  span(expiry: number): number {
    const { intervals } = this
    const middle = intervals.toSorted((a, b) => a - b)[intervals.length >> 1] ?? 0
    return Math.max(expiry, 3 * middle)
  }

  /** From where a new owner learns what this one knows: the round before too where it would let the source expire much earlier. */
  get need(): number {
    return Math.min(this.last?.first ?? Number.POSITIVE_INFINITY, this.before?.first ?? Number.POSITIVE_INFINITY)
  }
}

/** Of the sources seen latest, also of those that expired, so that a slow one is known when it comes back. */
export class Rhythms {
  private readonly limit: number
  private readonly rhythms = new Map<string, Rhythm>()

  constructor(limit: number) {
    this.limit = limit
  }

  note(round: Beat & { readonly source: string }): Rhythm {
    const { rhythms } = this
    const rhythm = rhythms.get(round.source) ?? new Rhythm()
    rhythms.delete(round.source)
    rhythms.set(round.source, rhythm)
    if (rhythms.size > this.limit) rhythms.delete(rhythms.keys().next().value!)
    rhythm.note(round)
    return rhythm
  }
}
