/**
 * PresenceJudge: P3 and the warm start (rule 3) from outside, for calm histories, in which pods only join, leave and crash and all
 * sources go on. It sees every answer to every scrape, and in the pods' status who acquired a partition when:
 *
 * - A partition that is in a body is there with all its sources that were shown before.
 * - A partition that a pod showed and shows again, while no other pod acquired it in between, was in all answers between.
 * - When a coordinator that stood still goes on, every source is back before a session could run out: nobody waits for members that are not there.
 * - After a change no source is out of all bodies for longer than a crash takes: session timeout, a slow rejoin, a few seconds.
 */
import type { Oracle } from "./Oracle.ts"

interface Seen {
  readonly cut: number
  readonly at: number
  /** Later cuts without it, of which some may be answered before earlier ones with it. */
  readonly absences: ReadonlyArray<number>
}

/** Of each pod and partition no more are kept: those of the slowest scrapes and some. */
const maxAbsences = 500

/** Ms in which all is back when a coordinator goes on: less than a session, which a member that is not there would cost. */
const recovery = 5_500

export interface Answer {
  readonly cut: number
  readonly at: number
  readonly pod: string
  /** Empty where ownership was not proven. */
  readonly values: ReadonlyMap<string, number>
}

/** Whether a pod other than this one acquired the partition between the two times. */
export type Acquired = (partition: number, other: string, from: number, to: number) => boolean

export class PresenceJudge {
  /** The longest that a source was in no body, ms. */
  longestGap = 0
  private readonly oracle: Oracle
  private readonly partitionOf: (series: string) => number
  private readonly acquired: Acquired
  private readonly maxGap: number
  /** The first cut that each series was shown in, by partition. */
  private readonly known = new Map<number, Map<string, number>>()
  /** By pod and partition: the last body with it. */
  private readonly seen = new Map<string, Seen>()
  private readonly lastShown = new Map<string, number>()
  /** When the last pause ended, or will. */
  private wentOn = 0
  private readonly pauses: Array<{ readonly until: number; readonly missing: Set<string> }> = []

  constructor(oracle: Oracle, partitionOf: (series: string) => number, acquired: Acquired, maxGap: number) {
    this.oracle = oracle
    this.partitionOf = partitionOf
    this.acquired = acquired
    this.maxGap = maxGap
  }

  answered(a: Answer): void {
    const { violations } = this.oracle
    this.after(a)
    // Nobody can prove anything while the coordinator stands still, and who wakes it first is chance.
    if (this.pauses.length > 0) this.seen.clear()
    const inBody = new Set<number>()
    for (const series of a.values.keys()) inBody.add(this.partitionOf(series))
    // Who was not let beyond its reservation in a pause shows what it has and catches up.
    for (const partition of this.pauses.length > 0 ? [] : inBody)
      for (const [series, first] of this.known.get(partition) ?? [])
        if (first < a.cut && !a.values.has(series))
          violations.push(
            `${series}: not in ${a.pod}'s body of cut ${a.cut} (at ${Math.round(a.at)} ms), which has others of partition ${partition}`
          )
    for (const partition of new Set([...this.known.keys(), ...inBody])) {
      const key = `${a.pod}/${partition}`
      const seen = this.seen.get(key)
      if (!inBody.has(partition)) {
        if (seen !== undefined && seen.cut < a.cut)
          this.seen.set(key, { ...seen, absences: [...seen.absences, a.cut].slice(-maxAbsences) })
        continue
      }
      if (seen !== undefined && seen.cut > a.cut) continue
      const between = (seen?.absences ?? []).filter((cut) => cut < a.cut)
      if (seen !== undefined && between.length > 0 && !this.acquired(partition, a.pod, seen.at, a.at))
        violations.push(
          `partition ${partition} stayed with ${a.pod} and was out of ${between.length} answers ` +
            `between ${Math.round(seen.at)} and ${Math.round(a.at)} ms`
        )
      this.seen.set(key, {
        cut: a.cut,
        at: a.at,
        absences: (seen?.absences ?? []).filter((cut) => cut > a.cut)
      })
    }
    for (const series of a.values.keys()) this.present(series, a.cut, a.at)
  }

  /** The coordinator stands still: nothing can be proven. */
  paused(until: number): void {
    this.pauses.push({ until, missing: new Set(this.lastShown.keys()) })
    this.wentOn = until
  }

  /** What is back after a pause, and what should be. */
  private after(a: Pick<Answer, "at" | "values">): void {
    const { violations } = this.oracle
    for (const { until, missing } of this.pauses) {
      if (a.at < until) continue
      for (const series of a.values.keys()) missing.delete(series)
      if (a.at <= until + recovery) continue
      for (const series of missing)
        violations.push(
          `${series}: in no body from ${Math.round(until)}, when the coordinator went on, to ${Math.round(a.at)} ms`
        )
    }
    const open = this.pauses.filter(({ until }) => a.at <= until + recovery)
    this.pauses.splice(0, this.pauses.length, ...open)
  }

  /** A pod goes: what it owned may be away from here on for as long as that takes. */
  disturbed(at: number): void {
    for (const [series, last] of this.lastShown) this.lastShown.set(series, Math.max(last, at))
  }

  /** Judges the last gaps, too. */
  end(now: number): void {
    this.after({ at: now, values: new Map() })
    for (const series of this.lastShown.keys()) this.present(series, Number.POSITIVE_INFINITY, now)
  }

  private present(series: string, cut: number, at: number): void {
    const partition = this.partitionOf(series)
    const known = this.known.get(partition) ?? new Map<string, number>()
    this.known.set(partition, known.set(series, Math.min(cut, known.get(series) ?? cut)))
    const shown = this.lastShown.get(series)
    const last = shown === undefined ? undefined : Math.max(shown, this.wentOn)
    if (last !== undefined && at - last > this.longestGap) this.longestGap = at - last
    if (last !== undefined && at - last > this.maxGap)
      this.oracle.violations.push(
        `${series}: in no body from ${Math.round(last)} to ${Math.round(at)} ms, longer than a crash takes`
      )
    this.lastShown.set(series, Math.max(at, last ?? 0))
  }
}
