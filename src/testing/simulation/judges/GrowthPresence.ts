/**
 * GrowthPresence: P3 where a topic grows: sources that stay where they are are judged as if nothing had happened; one that moves is
 * back within the time that everything takes that has to happen: its producer and the group's leader hear of the growth, the new
 * partition finds an owner, and all owners commit that they know.
 */
import type { Oracle } from "./Oracle.ts"
import type { Answer, PresenceJudge } from "./PresenceJudge.ts"

export class GrowthPresence {
  /** The longest that a source that moves was in no body, ms. */
  longestGap = 0
  private readonly staying: PresenceJudge
  private readonly oracle: Oracle
  private readonly moves: (series: string) => boolean
  private readonly maxGap: number
  private readonly lastShown = new Map<string, number>()

  constructor(staying: PresenceJudge, oracle: Oracle, moves: (series: string) => boolean, maxGap: number) {
    this.staying = staying
    this.oracle = oracle
    this.moves = moves
    this.maxGap = maxGap
  }

  answered(a: Answer): void {
    this.staying.answered({ ...a, values: new Map([...a.values].filter(([series]) => !this.moves(series))) })
    for (const series of a.values.keys()) if (this.moves(series)) this.present(series, a.at)
  }

  disturbed(at: number): void {
    this.staying.disturbed(at)
  }

  paused(until: number): void {
    this.staying.paused(until)
  }

  end(now: number): void {
    this.staying.end(now)
    for (const series of this.lastShown.keys()) this.present(series, now)
  }

  private present(series: string, at: number): void {
    const last = this.lastShown.get(series) ?? at
    this.longestGap = Math.max(this.longestGap, at - last)
    if (at - last > this.maxGap)
      this.oracle.violations.push(
        `${series}: in no body from ${Math.round(last)} to ${Math.round(at)} ms, longer than a move takes`
      )
    this.lastShown.set(series, Math.max(at, last))
  }
}
