/**
 * Weaving: text 0.0.4 writes the creation times of counters, histograms and summaries as gauges of their own, `foo_created`. To
 * OpenMetrics they belong among the lines of `foo`; left outside they would cost `foo` its type there, for the names clash. So they
 * are woven in where they come in the order of `foo`'s own lines, as the clients that have them write them. Pure.
 */
import { endOfLabels, endOfName } from "../text/Line.ts"
import { sameBytes } from "../text/Syntax.ts"
import type { DeclaredFamily, Families } from "./Families.ts"
import { FIELDS, START } from "./LineRecord.ts"
import type { Reading } from "./Reading.ts"

/** Creation times among the lines of what was created. */
export interface Woven {
  /** The families that are woven in, and what into. */
  readonly families: Map<number, number>
  /** Lines that stand behind another one, and that one. */
  readonly moved: Set<number>
  readonly behind: Map<number, number>
}

const CREATED = "_created"

/**
 * Of the families of these numbers, in their order: takes the lines of what is woven in, in `counts` (by number + 1), and in `groupOf`, by
 * line, to the family that they are woven into.
 */
export const weave = (
  reading: Reading,
  families: Families,
  groups: Int32Array,
  counts: Uint32Array,
  groupOf: () => Int32Array
): Woven | undefined => {
  const { declared } = families
  if (!declared.some(isTime)) return undefined
  const byName = new Map<string, number>()
  const times: Array<number> = []
  for (const family of groups) {
    if (family < 0) continue
    byName.set(families.at(family).textName, family)
    if (family < declared.length && isTime(declared[family]!)) times.push(family)
  }
  const pairs: Array<readonly [family: number, created: number]> = []
  for (const created of times) {
    const base = declared[created]!.textName.slice(0, -CREATED.length)
    // A counter's are named as OpenMetrics calls it: `foo_total_created` is nobody's. So each has one family of them at most.
    const own = byName.get(base)
    const isPlain = own !== undefined && families.at(own).name === base
    const family = isPlain ? own : byName.get(`${base}_total`)
    if (family !== undefined && hasCreated(families.at(family))) pairs.push([family, created])
  }
  if (pairs.length === 0) return undefined
  const familyOf = groupOf()
  const lines = linesOf(familyOf, pairs.flat())
  const woven: Woven = { families: new Map(), moved: new Set(), behind: new Map() }
  for (const [family, created] of pairs) {
    const behind = pair(reading, lines.get(family)!, lines.get(created)!)
    if (behind === undefined) continue
    for (const [line, time] of behind) {
      woven.behind.set(line, time)
      woven.moved.add(time)
      familyOf[time] = family
    }
    woven.families.set(created, family)
    counts[family + 1]! += counts[created + 1]!
  }
  return woven.families.size === 0 ? undefined : woven
}

const isTime = ({ type, textName }: DeclaredFamily): boolean => type === "gauge" && textName.endsWith(CREATED)

/** The lines of these families, in the order of the input. */
const linesOf = (families: Int32Array, groups: ReadonlyArray<number>): Map<number, Array<number>> => {
  const lines = new Map(groups.map((family) => [family, [] as Array<number>]))
  for (let n = 0; n < families.length; n++) lines.get(families[n]!)?.push(n)
  return lines
}

const hasCreated = ({ type, name, textName }: DeclaredFamily): boolean =>
  type === "histogram" || type === "summary" || (type === "counter" && name !== textName)

/** For each creation time the line of its labels that it goes behind; undefined where one finds none, or not in order. */
const pair = (
  reading: Reading,
  lines: ReadonlyArray<number>,
  times: ReadonlyArray<number>
): ReadonlyArray<readonly [line: number, time: number]> | undefined => {
  const { records } = reading
  const { bytes } = reading.lines
  const timed = reading.options!.timestamps === "event"
  const pairs: Array<readonly [number, number]> = []
  for (const n of lines) {
    const created = times[pairs.length]
    if (created === undefined) break
    const [line, time] = [records[n * FIELDS + START]!, records[created * FIELDS + START]!]
    const [mine, theirs] = [endOfName(bytes, line), endOfName(bytes, time)]
    if (!sameBytes(bytes, mine, endOfLabels(bytes, mine), bytes, theirs, endOfLabels(bytes, theirs))) continue
    if (timed && !Object.is(reading.stampOf(n), reading.stampOf(created))) return undefined
    pairs.push([n, created])
  }
  return pairs.length === times.length ? pairs : undefined
}
