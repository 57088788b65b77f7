/** Report: what the demo counts and how it says it. Pure; times in milliseconds. */
export interface Line {
  readonly elapsed: number
  readonly sources: number
  readonly roundsPerSecond: number
  readonly latencies: ReadonlyArray<number>
  /** Visible partitions by pod; null while the pod is away. */
  readonly pods: ReadonlyArray<{ readonly name: string; readonly partitions: number | null }>
  readonly scrapes: number
  readonly older: number
  /** Log lines; NaN where the pod does not say. */
  readonly archived: number
}

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!
}

const ms = (n: number): string => (Number.isNaN(n) ? "–" : `${Math.round(n)} ms`)

export const liveLine = (l: Line): string => {
  const pods = l.pods.map((p) => `${p.name} ${p.partitions === null ? "away" : p.partitions}`).join(", ")
  return [
    `${String(Math.round(l.elapsed / 1000)).padStart(4)} s`,
    `${l.sources} sources`,
    `${l.roundsPerSecond.toFixed(1)} rounds/s`,
    `dump to endpoint p50 ${ms(quantile(l.latencies, 0.5))}, p99 ${ms(quantile(l.latencies, 0.99))}`,
    `partitions: ${pods}`,
    `${l.scrapes} scrapes, ${l.older} older values`,
    `${Number.isNaN(l.archived) ? "–" : l.archived} log lines archived`
  ].join(" | ")
}

/** What the archive has at the end. */
export interface Archived {
  /** That the services wrote, by their last dumps. */
  readonly lines: number
  readonly rows: number
  /** What `archive verify` finds wrong, and all that it says. */
  readonly broken: number
  readonly report: string
}

export interface Summary {
  readonly elapsed: number
  readonly sources: number
  readonly expectedSources: number
  readonly rounds: number
  readonly latencies: ReadonlyArray<number>
  readonly scrapes: number
  readonly values: number
  readonly older: ReadonlyArray<string>
  readonly missing: ReadonlyArray<string>
  readonly moves: number
  /** Someone stopped it: what had no time to appear yet is no failure. */
  readonly stopped: boolean
  readonly logs: Archived
}

/** Why the demo's check failed; empty where it held. A run that judged nothing proves nothing. */
export const failures = (s: Summary): ReadonlyArray<string> => [
  ...(s.older.length > 0 ? [`${s.older.length} older values were shown, the first: ${s.older[0]}`] : []),
  ...(s.logs.broken > 0 ? [`${s.logs.broken} things are wrong with the archive`] : []),
  ...(s.logs.rows === s.logs.lines ? [] : [`of ${s.logs.lines} log lines ${s.logs.rows} are archived`]),
  ...(s.stopped ? [] : incomplete(s))
]

const incomplete = (s: Summary): ReadonlyArray<string> => [
  ...(s.missing.length > 0 ? [`missing from the last scrapes of all pods: ${s.missing.join(", ")}`] : []),
  ...(s.sources < s.expectedSources ? [`only ${s.sources} of ${s.expectedSources} services were ever seen`] : []),
  ...(s.values === 0 ? ["no value was judged"] : [])
]

const held = (s: Summary): string => {
  const early = incomplete(s)
  return early.length === 0
    ? "check: no value was ever older than one shown before, and every service is there"
    : `check: no value was ever older than one shown before; stopped early: ${early.join("; ")}`
}

export const summaryText = (s: Summary): string => {
  const wrong = failures(s)
  return [
    "",
    `ran ${Math.round(s.elapsed / 1000)} s: ${s.sources} services, ${s.rounds} rounds shown, ${s.scrapes} scrapes of both pods, ${s.values} counter values judged`,
    `dump to endpoint: p50 ${ms(quantile(s.latencies, 0.5))}, p99 ${ms(quantile(s.latencies, 0.99))}, max ${ms(quantile(s.latencies, 1))} (as seen by a scrape about every 100 ms)`,
    `pods taken away or brought back: ${s.moves}`,
    `archive: ${s.logs.lines} log lines written, ${s.logs.rows} archived; verify finds in ${s.logs.report.trimEnd()}`,
    wrong.length > 0 ? `check FAILED: ${wrong.join("; ")}` : held(s),
    ""
  ].join("\n")
}
