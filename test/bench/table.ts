/** Tables of measured values, for people and for Markdown. Pure but for `report`, which prints. */
export type Row = readonly [what: string, measured: string, goal: string]

const rank = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!

/** p50, p99 and max by nearest rank, with the number of values. */
export const percentiles = (values: ReadonlyArray<number>, unit = "ms"): string => {
  if (values.length === 0) return "nothing to measure"
  const sorted = values.toSorted((a, b) => a - b)
  const [p50, p99, max] = [rank(sorted, 0.5), rank(sorted, 0.99), sorted.at(-1)!].map(Math.round)
  return `p50 ${p50}, p99 ${p99}, max ${max} ${unit} (n ${values.length})`
}

export const report = (title: string, rows: ReadonlyArray<Row>): void => {
  process.stdout.write(`${title}\n\n| | measured | goal |\n|---|---|---|\n`)
  for (const [what, measured, goal] of rows) process.stdout.write(`| ${what} | ${measured} | ${goal} |\n`)
}
