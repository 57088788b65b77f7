/**
 * Rhythm: how often a source sends a round, and thus when it counts as silent (P6). Pure.
 *
 * The interval is the median of the last three between accepted rounds, by when they were appended as the partition's owners
 * count it (see engine/partition/Marks), with missing numbers of one epoch counted as rounds that were lost. It only decides how long content is shown, never what is accepted, so it may
 * depend on what this pod has seen: after a handoff one interval is known again where `lowest` kept two rounds.
 */
import { Chain, type Link } from "./Chain.ts"
import type { RoundNumber } from "./Record.ts"

interface Beat {
  readonly number: RoundNumber | undefined
  /** When it was appended, on the pod's monotonic clock. */
  readonly appended: number
  readonly first: number
}

const kept = 3

export class Rhythm {
  private readonly intervals: Array<number> = []
  /** Their median, 0 where there is none. */
  private middle = 0
  // Of the last round. Not what came with it: a whole round would stay in memory for its time.
  private number: RoundNumber | undefined
  private appended = Number.NaN
  private first = Number.POSITIVE_INFINITY
  /** Of the round before it. */
  private firstBefore = Number.POSITIVE_INFINITY

  note({ number, appended, first }: Beat): void {
    const rounds =
      this.number !== undefined && number !== undefined && this.number.epoch === number.epoch
        ? Math.max(1, number.round - this.number.round)
        : 1
    const interval = (appended - this.appended) / rounds
    this.firstBefore = this.first
    this.number = number
    this.appended = appended
    this.first = first
    // The first round makes none.
    if (!(interval > 0)) return
    this.intervals.push(interval)
    if (this.intervals.length > kept) this.intervals.shift()
    this.middle = this.intervals.toSorted((a, b) => a - b)[this.intervals.length >> 1]!
  }

  /** Milliseconds without a round after which the source has expired. */
  span(expiry: number): number {
    return Math.max(expiry, 3 * this.middle)
  }

  /** From where a new owner learns what this one knows: the round before too where it would let the source expire much earlier. */
  get need(): number {
    return Math.min(this.first, this.firstBefore)
  }
}

/** What is known of one source takes (`node --expose-gc test/metrics/worst/measure.ts`). */
const rhythmBytes = 544

interface Known {
  readonly source: string
  readonly rhythm: Rhythm
}

/** Of the sources seen latest, also of those that expired, so that a slow one is known when it comes back. */
export class Rhythms {
  private readonly limit: number
  private readonly bySource = new Map<string, Link<Known>>()
  /** In the order in which they were last seen. */
  private readonly known = new Chain<Known>()

  constructor(limit: number) {
    this.limit = limit
  }

  get bytes(): number {
    return this.bySource.size * rhythmBytes
  }

  note(round: Beat & { readonly source: string }): Rhythm {
    const { bySource, known } = this
    const { source } = round
    let link = bySource.get(source)
    if (link === undefined || link !== known.tail) {
      if (link !== undefined) known.unlink(link)
      link = known.push(link?.item ?? { source, rhythm: new Rhythm() })
      bySource.set(source, link)
      if (bySource.size > this.limit) {
        bySource.delete(known.head!.item.source)
        known.unlink(known.head!)
      }
    }
    const { rhythm } = link.item
    rhythm.note(round)
    return rhythm
  }
}
