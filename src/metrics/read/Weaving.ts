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
import type { Role } from "./ValueRule.ts"

/** The lines of one family. */
export interface Group {
  /** Its number, -1 for lines under reserved names. */
  readonly family: number
  readonly names: Set<number>
  count: number
  /** The place of its next line. */
  next: number
}

/** Creation times among the lines of what was created. */
export interface Woven {
  /** Lines that stand behind another one, and that one. */
  readonly moved: Set<number>
  readonly behind: Map<number, number>
  readonly roles: Map<number, Role>
}

const CREATED = "_created"

/** Takes what is woven in out of `groups`, and its lines in `groupOf`, by line, to the family that they are woven into. */
export const weave = (
  reading: Reading,
  { list }: Families,
  groups: Map<number, Group>,
  groupOf: () => Int32Array
): Woven | undefined => {
  const times: Array<Group> = []
  for (const group of groups.values()) {
    const { textName, type } = list[group.family]!
    if (type === "gauge" && textName.endsWith(CREATED)) times.push(group)
  }
  if (times.length === 0) return undefined
  const byName = new Map<string, Group>()
  for (const group of groups.values()) byName.set(list[group.family]!.textName, group)
  const pairs: Array<readonly [group: Group, created: Group]> = []
  for (const created of times) {
    const base = list[created.family]!.textName.slice(0, -CREATED.length)
    // A counter's are named as OpenMetrics calls it: `foo_total_created` is nobody's. So each has one family of them at most.
    const own = byName.get(base)
    const isPlain = own !== undefined && list[own.family]!.name === base
    const group = isPlain ? own : byName.get(`${base}_total`)
    if (group !== undefined && hasCreated(list[group.family]!)) pairs.push([group, created])
  }
  if (pairs.length === 0) return undefined
  const families = groupOf()
  const lines = linesOf(families, pairs.flat())
  const woven: Woven = { moved: new Set(), behind: new Map(), roles: new Map() }
  for (const [group, created] of pairs) {
    const behind = pair(reading, lines.get(group.family)!, lines.get(created.family)!)
    if (behind === undefined) continue
    for (const [line, time] of behind) {
      woven.behind.set(line, time)
      woven.moved.add(time)
      families[time] = group.family
    }
    for (const name of created.names) {
      group.names.add(name)
      woven.roles.set(name, "created")
    }
    group.count += created.count
    groups.delete(created.family)
  }
  return woven.moved.size === 0 ? undefined : woven
}

/** The lines of these families, in the order of the input. */
const linesOf = (families: Int32Array, groups: ReadonlyArray<Group>): Map<number, Array<number>> => {
  const lines = new Map(groups.map((group) => [group.family, [] as Array<number>]))
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
