/**
 * Oracle: the independent judge of a simulated history. It knows only what was produced and what scrapers saw, in the order
 * of the cuts. It never looks into a pod.
 *
 * A value is the true number of its dump: the n-th dump of a source carries n, whatever epoch, round, offset or clock the
 * agent gave it. So "older" is simply "smaller".
 *
 * A log that went back took values with it that were shown; P1 assumes that away and rule 9 limits the damage. What
 * is left to prove is judged: once a value that was produced after the fault was shown, nothing older ever is.
 */
export interface Shown {
  readonly cut: number
  readonly at: number
  readonly pod: string
  readonly values: ReadonlyMap<string, number>
  /** False for a body that was aborted on the way. */
  readonly whole: boolean
}

interface Sight {
  readonly cut: number
  readonly value: number
  readonly pod: string
  readonly at: number
}

const sight = (s: Sight): string => `${s.pod} showed ${s.value} in cut ${s.cut} (at ${Math.round(s.at)} ms)`

export class Oracle {
  readonly violations: Array<string> = []
  scrapes = 0
  values = 0
  private readonly judging: boolean
  /** Per series, sorted by cut. */
  private readonly shown = new Map<string, Array<Sight>>()
  /** The newest dump of each series that was ever sent. */
  private readonly produced = new Map<string, number>()
  /** The newest that was produced when the log last went back. */
  private readonly floor = new Map<string, number>()

  /** `judging`: whether P1 is judged; coordinators that were deposed and still answer are outside of it. */
  constructor(judging = true) {
    this.judging = judging
  }

  produce(series: string, value: number): void {
    this.produced.set(series, Math.max(value, this.produced.get(series) ?? 0))
  }

  /** The log of these series went back. */
  logWentBack(series: ReadonlyArray<string>): void {
    for (const s of series) this.floor.set(s, this.produced.get(s) ?? 0)
  }

  newestShown(series: string): number {
    let newest = 0
    for (const s of this.shown.get(series) ?? []) newest = Math.max(newest, s.value)
    return newest
  }

  /** Bodies may be reported in any order: a slow scrape's cut lies before those that overtook it. */
  scrape(s: Shown): void {
    this.scrapes += 1
    for (const [series, value] of s.values) {
      this.values += 1
      const other = s.values.get(`${series.slice(0, -1)}${series.endsWith("v") ? "w" : "v"}`)
      if (other !== value && (s.whole || other !== undefined))
        this.violations.push(`${series}: a torn round in ${s.pod}: ${value} beside ${other}`)
      if (value > (this.produced.get(series) ?? 0))
        this.violations.push(`${series}: ${s.pod} showed ${value}, which was never produced`)
      this.compare(series, { cut: s.cut, value, pod: s.pod, at: s.at })
    }
  }

  private compare(series: string, now: Sight): void {
    const list = this.shown.get(series) ?? []
    this.shown.set(series, list)
    let i = list.length
    while (i > 0 && list[i - 1]!.cut > now.cut) i -= 1
    this.judge(series, list[i - 1], now)
    this.judge(series, now, list[i])
    list.splice(i, 0, now)
    if (list.length > 200) list.splice(0, 100)
  }

  private judge(series: string, before: Sight | undefined, after: Sight | undefined): void {
    if (!this.judging || before === undefined || after === undefined || before.value <= after.value) return
    if (before.value <= (this.floor.get(series) ?? 0)) return
    this.violations.push(`${series}: older after newer: ${sight(after)} after ${sight(before)}`)
  }

  /** At a quiet end: every source must be shown by exactly one pod, at its newest; by none at all those of `away` may be. Answers what is not so. */
  unsettled(
    live: ReadonlyMap<string, number>,
    last: ReadonlyMap<string, ReadonlyArray<{ readonly pod: string; readonly value: number }>>,
    away: ReadonlySet<string> = new Set()
  ): ReadonlyArray<string> {
    const wrong: Array<string> = []
    for (const [series, value] of live) {
      const where = last.get(series) ?? []
      if (where.length === 0 && !away.has(series))
        wrong.push(`${series}: lost: shown by no pod although everything is quiet again`)
      if (where.length > 1)
        wrong.push(`${series}: shown by ${where.map((w) => w.pod).join(" and ")} although everything is quiet again`)
      for (const w of where)
        if (w.value !== value)
          wrong.push(`${series}: ${w.pod} shows ${w.value} although ${value} was produced and all is quiet`)
    }
    for (const series of last.keys())
      if (!live.has(series)) wrong.push(`${series}: still shown although its source's dump does not have it any more`)
    return wrong
  }
}
