/**
 * CommitJudge: P2 from outside: when a commit is sent, of every source the newest whole round below C was in a body before (pods that run with
 * `--commit scraped`) or told to a tap (pods that are tapped), or a later round of the source was; and no round of several chunks that was not lies
 * half below C. It reads the requests on the wire, what was produced where, and what others saw of it.
 *
 * It leaves out what an operator sees counted: rounds old enough to have expired, and partitions whose pods may drop.
 */
import type { Commit } from "../../../transport/Transport.ts"

/** What must have become of a round before C may pass it, and how it is said. */
export interface Seen {
  readonly violations: Array<string>
  /** Of a series: the newest value of which it is true. */
  readonly newest: (series: string) => number
  readonly what: string
}

interface Round {
  /** Of its first record: what retention takes a part of is lost. */
  readonly first: number
  readonly end: number
  readonly value: number
  readonly at: number
  /** Its chunks alone lie between the two: nothing else of the source holds C there. */
  readonly chunks: boolean
}

/** Of each series no more are kept: younger than an expiry, one a second and a few bursts. */
const maxRounds = 200

export class CommitJudge {
  private readonly rounds = new Map<number, Map<string, Array<Round>>>()
  private readonly seen: Seen
  private readonly expiry: number

  constructor(seen: Seen, expiry: number) {
    this.seen = seen
    this.expiry = expiry
  }

  /** A whole round that every pod accepts lies before `end`. */
  produced(partition: number, series: string, round: Round): void {
    const all = this.rounds.get(partition) ?? new Map<string, Array<Round>>()
    this.rounds.set(partition, all)
    const list = all.get(series) ?? []
    all.set(series, list)
    list.push(round)
    if (list.length > maxRounds) list.splice(0, maxRounds / 2)
  }

  /** The source ended: nothing of it is to be shown before its next round. */
  ended(partition: number, series: string): void {
    this.rounds.get(partition)?.delete(series)
  }

  committed(pod: string, commits: ReadonlyArray<Commit>, now: number, logStart: (partition: number) => number): void {
    for (const { tp, offset } of commits) {
      const lost = (round: Round) => round.first < logStart(tp.partition) || now - round.at > this.expiry * 0.8
      for (const [series, list] of this.rounds.get(tp.partition) ?? []) {
        const half = list.find((r) => r.chunks && r.first < offset && offset < r.end && !lost(r))
        if (half !== undefined && this.seen.newest(series) < half.value)
          this.seen.violations.push(
            `${series}: ${pod} commits offset ${offset} of partition ${tp.partition} at ${Math.round(now)} ms, ` +
              `within the chunks of ${half.value}, which was never ${this.seen.what}`
          )
        const below = list.findLast((round) => round.end <= offset)
        if (below === undefined || lost(below)) continue
        if (this.seen.newest(series) < below.value)
          this.seen.violations.push(
            `${series}: ${pod} commits offset ${offset} of partition ${tp.partition} at ${Math.round(now)} ms, ` +
              `but ${below.value} before it was never ${this.seen.what}`
          )
      }
    }
  }
}
