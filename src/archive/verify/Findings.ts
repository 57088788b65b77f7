/**
 * Findings: what is to be said of an archive, and how it is told to people. What is `broken` is not as a pod leaves it; a `note` is worth knowing. All are
 * counted, the first are named. Pure.
 */
import type { ChainAudit } from "./ChainAudit.ts"

export interface Finding {
  readonly level: "broken" | "note"
  readonly text: string
}

/** Of each level, in one list. */
const named = 50

export class Findings {
  readonly #named: Array<Finding> = []
  readonly #counts = { broken: 0, note: 0 }

  add(level: Finding["level"], text: string): void {
    this.#counts[level] += 1
    if (this.#counts[level] <= named) this.#named.push({ level, text })
  }

  get broken(): number {
    return this.#counts.broken
  }

  get all(): ReadonlyArray<Finding> {
    const more = (["broken", "note"] as const).flatMap((level): ReadonlyArray<Finding> => {
      const left = this.#counts[level] - named
      return left <= 0 ? [] : [{ level, text: `and ${left} more of this kind that are not named` }]
    })
    return [...this.#named, ...more]
  }
}

const size = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let unit = 0
  let n = bytes
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1000
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`
}

/** [from, to), for people. */
export const offsets = (from: number, to: number): string =>
  to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`

const head = ({ line: { topic, partition, life }, from, to, objects, rows, bytes, stored }: ChainAudit): string => {
  const held =
    from === undefined ? "no objects" : `${offsets(from, to)} in ${objects} object${objects === 1 ? "" : "s"}`
  return `${topic}/${partition}${life === 1 ? "" : `, life ${life}`}: ${held}, ${rows} rows, ${size(bytes)}, ${size(stored)} stored`
}

const lineOf = ({ level, text }: Finding): string => `  ${level.padEnd(6)}  ${text}`

/** `others`: of no partition. And how much of it is broken. */
export const tell = (
  place: string,
  reports: ReadonlyArray<ChainAudit>,
  others: Findings
): { readonly text: string; readonly broken: number } => {
  const sorted = reports.toSorted(
    ({ line: a }, { line: b }) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.life - b.life
  )
  if (reports.length === 0)
    return {
      text: `${place}\n  broken  there is no archive here: look at --to, or let a pod archive first\n`,
      broken: 1
    }
  const broken = [others, ...sorted.map(({ findings }) => findings)].reduce((sum, each) => sum + each.broken, 0)
  const verdict =
    broken === 0
      ? "No hole, no overlap, nothing damaged."
      : `${broken} thing${broken === 1 ? " is" : "s are"} not as a pod leaves ${broken === 1 ? "it" : "them"}, see "broken" above.`
  const lines = [
    place,
    ...sorted.flatMap((audit) => [head(audit), ...audit.findings.all.map(lineOf)]),
    ...(others.all.length === 0 ? [] : ["beside them", ...others.all.map(lineOf)]),
    verdict
  ]
  return { text: `${lines.join("\n")}\n`, broken }
}
