/**
 * Findings: what the objects of one life of one partition say together: whether their offsets follow one another, and how much they hold. Pure. What is
 * `broken` is not as a pod leaves it; a `note` is worth knowing.
 */
import type { LastFrame } from "../format/LastFrame.ts"
import type { Line } from "../format/Names.ts"

export interface Finding {
  readonly level: "broken" | "note"
  readonly text: string
}

/** An object as it was found. `damage`: why it cannot be read whole; its frame may be there all the same. */
export interface Found {
  readonly name: string
  readonly from: number
  readonly stored: number
  readonly frame: LastFrame | undefined
  readonly damage: string | undefined
}

export interface ChainReport extends Line {
  readonly from: number
  readonly to: number
  readonly objects: number
  readonly rows: number
  /** Of the rows, and as they are stored. */
  readonly bytes: number
  readonly stored: number
  readonly findings: ReadonlyArray<Finding>
}

const offsets = (from: number, to: number): string =>
  to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`

/** `begin`: of the life; undefined where nothing says where it begins. In any order. */
export const reportChain = (line: Line, begin: number | undefined, found: ReadonlyArray<Found>): ChainReport => {
  const chain = found.toSorted((a, b) => a.from - b.from)
  const findings: Array<Finding> = []
  const broken = (text: string) => findings.push({ level: "broken", text })
  const note = (text: string) => findings.push({ level: "note", text })
  if (begin === undefined) broken(`nothing says where life ${line.life} begins: its file is gone`)
  const first = chain[0]?.from ?? begin ?? 0
  if (begin !== undefined && first > begin)
    note(`${offsets(begin, first)} are not there any more: the oldest objects were removed`)
  let at = first
  const sum = { rows: 0, bytes: 0, stored: 0, records: 0 }
  for (const { name, from, stored, frame, damage } of chain) {
    if (from > at) broken(`a hole: ${offsets(at, from)} are in no object, the next one is ${name}`)
    if (from < at) broken(`an overlap: ${offsets(from, Math.min(at, frame?.to ?? at))} are in ${name} again`)
    if (damage !== undefined) broken(`${name} is damaged: ${damage}`)
    sum.stored += stored
    if (frame === undefined) continue
    at = Math.max(at, frame.to)
    sum.rows += frame.rows
    sum.bytes += frame.bytes
    sum.records += frame.records
  }
  const absent = at - first - sum.records
  if (absent > 0 && !findings.some(({ level }) => level === "broken"))
    note(`${absent} of its offsets held no record when they were read (retention, transactions or compaction)`)
  const { rows, bytes, stored } = sum
  return { ...line, from: first, to: at, objects: chain.length, rows, bytes, stored, findings }
}

const size = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let unit = 0
  let n = bytes
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1000
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`
}

/** For people; and how much of it is broken. */
export const tell = (
  place: string,
  reports: ReadonlyArray<ChainReport>,
  others: ReadonlyArray<Finding>
): { readonly text: string; readonly broken: number } => {
  const lines = [place]
  const sorted = reports.toSorted(
    (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.life - b.life
  )
  for (const { topic, partition, life, from, to, objects, rows, bytes, stored, findings } of sorted) {
    const held = objects === 0 ? "no objects" : `${offsets(from, to)} in ${objects} object${objects === 1 ? "" : "s"}`
    lines.push(
      `${topic}/${partition}${life === 1 ? "" : `, life ${life}`}: ${held}, ${rows} rows, ${size(bytes)}, ${size(stored)} stored`
    )
    for (const { level, text } of findings) lines.push(`  ${level.padEnd(6)}  ${text}`)
  }
  for (const { level, text } of others) lines.push(`${level}  ${text}`)
  const all = [...sorted.flatMap(({ findings }) => findings), ...others]
  const broken = all.filter(({ level }) => level === "broken").length
  lines.push(
    broken === 0
      ? "No hole, no overlap, nothing damaged."
      : `${broken} thing${broken === 1 ? " is" : "s are"} not as a pod leaves ${broken === 1 ? "it" : "them"}, see "broken" above.`
  )
  return { text: `${lines.join("\n")}\n`, broken }
}
