/** Report: what was found of an archive, in lines for people. Pure. */
import type { ChainAudit } from "./ChainAudit.ts"
import { type Finding, type Findings, offsets } from "./Findings.ts"

const size = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let unit = 0
  let n = bytes
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1000
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`
}

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
