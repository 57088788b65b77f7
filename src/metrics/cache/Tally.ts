/**
 * Tally: what a partition's cache decided since it was last asked, for the pod's own metrics. Plain numbers, so that counting
 * costs nothing for a record; the processor hands them to SelfMetrics once a batch.
 */
export interface Tally {
  accepted: number
  /** Seconds from dump time to acceptance, of rounds beyond the fence, and of how many one after the other: lines that are sent together. */
  readonly ages: Array<{ readonly seconds: number; times: number }>
  readonly ignored: Map<IgnoredBy, number>
  readonly refused: Map<string, number>
  /** Refused alone. */
  readonly refusedLines: Map<string, number>
  expired: number
  /** Sources whose content made room for others'. */
  displaced: number
  /** What the parser threw, which it never should. */
  readonly defects: Array<unknown>
}

export const newTally = (): Tally => ({
  accepted: 0,
  ages: [],
  ignored: new Map(),
  refused: new Map(),
  refusedLines: new Map(),
  expired: 0,
  displaced: 0,
  defects: []
})

/** Why a round is ignored or a chunk given up, all of them: what may be counted is counted from zero. */
export const ignoredReasons = [
  "repeated",
  "older",
  "lower-epoch",
  "newcomer",
  "quarantined",
  "misplaced",
  "early",
  "stranger",
  "elsewhere",
  "superseded",
  "unfinished",
  "crowded",
  "conflict"
] as const

export type IgnoredBy = (typeof ignoredReasons)[number]

export const count = <K extends string>(counts: Map<K, number>, key: K, n = 1): void => {
  if (n > 0) counts.set(key, (counts.get(key) ?? 0) + n)
}
