/**
 * Arrangement: in which order the lines of a reading are shown: family by family, the lines of one in the order of the input. Pure, and a
 * function of the text alone.
 *
 * A series that is there twice loses a line here, an exemplar where no exemplar may stand is cut off. Text 0.0.4 writes the
 * creation times of counters, histograms and summaries as gauges of their own, `foo_created`. To OpenMetrics they belong
 * among the lines of `foo`; left outside they would cost `foo` its type there, for the names clash. So they are woven in
 * where they come in the order of `foo`'s own lines, as the clients that have them write them.
 */
import type { MetricType } from "../text/Dump.ts"
import { endOfLabels, endOfName, endOfToken } from "../text/Line.ts"
import { LF, sameBytes } from "../text/Syntax.ts"
import type { Role } from "./Conformity.ts"
import { findRepeats } from "./Distinct.ts"
import type { DeclaredFamily, Families } from "./Families.ts"
import { FIELDS, HAS_EXEMPLAR, LENGTH, MISC, NAME, START } from "./LineRecord.ts"
import { type Reading, reservedDetail } from "./Reading.ts"

export interface ArrangedFamily extends DeclaredFamily {
  /** Its lines are at these places. */
  readonly from: number
  readonly to: number
  readonly sampleNames: ReadonlyArray<string>
}

export interface Arrangement {
  /** Those that are shown, then the one of lines under reserved names, if there are any. */
  readonly families: ReadonlyArray<ArrangedFamily>
  readonly shown: number
  /** By place: the line, in the order of the input; absent where places and lines are the same. */
  readonly order: Uint32Array | undefined
  /** By the number of the sample name. */
  readonly roles: ReadonlyArray<Role>
}

/** `known`: how many lines the memory has. Takes lines that are not shown out of the reading. */
export const arrange = (reading: Reading, families: Families, known: number): Arrangement => {
  const { places, list } = families
  const typeOf = (name: number): MetricType => list[places[name]!.family]?.type ?? "unknown"
  dropRepeats(reading, known, typeOf)
  const { records, count } = reading
  const groups = new Map<number, Group>()
  const groupOf = new Int32Array(count)
  let last = groupFor(new Map(), Number.NaN)
  for (let n = 0; n < count; n++) {
    const at = n * FIELDS
    const name = records[at + NAME]!
    const { family, role } = places[name]!
    if ((records[at + MISC]! & HAS_EXEMPLAR) !== 0 && !takesExemplars(typeOf(name), role)) cutExemplar(reading, at)
    if (last.family !== family) last = groupFor(groups, family)
    if (!last.names.has(name)) last.names.add(name)
    last.count++
    groupOf[n] = family
  }
  const reserved = groups.get(-1)
  groups.delete(-1)
  const woven = reading.options!.format === "text" ? weave(reading, families, groups, groupOf) : undefined
  const ordered = [...groups.values(), ...(reserved === undefined ? [] : [reserved])]
  let to = 0
  for (const group of ordered) {
    group.next = to
    to += group.count
  }
  const { names } = reading
  const arranged = ordered.map((group): ArrangedFamily => {
    const declared = list[group.family] ?? unshown
    const sampleNames = Array.from(group.names, (name) => names!.list[name]!.text)
    return { ...declared, from: group.next, to: group.next + group.count, sampleNames }
  })
  return {
    families: arranged,
    shown: groups.size,
    order: orderOf(groupOf, ordered, woven),
    roles: places.map(({ role }, name) => woven?.roles.get(name) ?? role)
  }
}

const unshown: DeclaredFamily = { name: "", textName: "", type: "unknown", help: "", unit: "" }

interface Group {
  readonly family: number
  readonly names: Set<number>
  count: number
  /** The place of its next line. */
  next: number
}

const groupFor = (groups: Map<number, Group>, family: number): Group => {
  let group = groups.get(family)
  if (group === undefined) {
    group = { family, names: new Set(), count: 0, next: 0 }
    groups.set(family, group)
  }
  return group
}

/** Counts the lines that are not shown for their names. */
export const refuseReserved = (reading: Reading, { families, shown, order }: Arrangement): void => {
  const reserved = families[shown]
  if (reserved === undefined) return
  const lines = reserved.to - reserved.from
  reading.refuseMany("reserved-name", reservedDetail(lines), lines, order?.[reserved.from] ?? reserved.from)
}

/** Undefined where the lines come family by family already. */
const orderOf = (
  groupOf: Int32Array,
  groups: ReadonlyArray<Group>,
  woven: Woven | undefined
): Uint32Array | undefined => {
  const byFamily = new Map(groups.map((group) => [group.family, group]))
  const order = new Uint32Array(groupOf.length)
  let inOrder = true
  let group = groups[0]!
  for (let n = 0; n < groupOf.length; n++) {
    if (woven?.moved.has(n) === true) continue
    if (group.family !== groupOf[n]) group = byFamily.get(groupOf[n]!)!
    if (group.next !== n) inOrder = false
    order[group.next++] = n
    const behind = woven?.behind.get(n)
    if (behind !== undefined) {
      inOrder = false
      order[group.next++] = behind
    }
  }
  return inOrder ? undefined : order
}

const dropRepeats = (reading: Reading, known: number, typeOf: (name: number) => MetricType): void => {
  const lost: Array<number> = []
  findRepeats(reading, known, typeOf, (line) => lost.push(line))
  if (lost.length === 0) return
  lost.sort((a, b) => a - b)
  const name = reading.names!.list[reading.records[lost[0]! * FIELDS + NAME]!]!.text
  reading.refuseMany("duplicate-series", `${name} comes twice with the same labels`, lost.length, lost[0]!)
  reading.take(lost)
}

const takesExemplars = (type: MetricType, role: Role): boolean =>
  role === "total" || (role === "bucket" && (type === "histogram" || type === "gaugehistogram"))

const cutExemplar = (reading: Reading, at: number): void => {
  const { records, lines, options } = reading
  const { bytes } = lines
  const start = records[at + START]!
  let end = endOfToken(bytes, endOfLabels(bytes, endOfName(bytes, start)) + 1)
  if (options!.timestamps === "event") end = endOfToken(bytes, end + 1)
  bytes[end] = LF
  records[at + LENGTH] = end + 1 - start
  records[at + MISC] = records[at + MISC]! & ~HAS_EXEMPLAR
  reading.refuse("exemplar", "an exemplar of a sample that can have none is not shown; the sample is", 0, undefined)
}

/** Creation times among the lines of what was created. */
interface Woven {
  /** Lines that stand behind another one, and that one. */
  readonly moved: Set<number>
  readonly behind: Map<number, number>
  readonly roles: Map<number, Role>
}

const CREATED = "_created"

const weave = (
  reading: Reading,
  { list }: Families,
  groups: Map<number, Group>,
  groupOf: Int32Array
): Woven | undefined => {
  const byName = new Map<string, Group>()
  for (const group of groups.values()) byName.set(list[group.family]!.textName, group)
  const pairs: Array<readonly [group: Group, created: Group]> = []
  for (const [textName, created] of byName) {
    if (!textName.endsWith(CREATED) || list[created.family]!.type !== "gauge") continue
    const base = textName.slice(0, -CREATED.length)
    const group = byName.get(base) ?? byName.get(`${base}_total`)
    if (group !== undefined && hasCreated(list[group.family]!)) pairs.push([group, created])
  }
  if (pairs.length === 0) return undefined
  const lines = linesOf(groupOf, pairs.flat())
  const woven: Woven = { moved: new Set(), behind: new Map(), roles: new Map() }
  for (const [group, created] of pairs) {
    const behind = pair(reading, lines.get(group.family)!, lines.get(created.family)!)
    if (behind === undefined) continue
    for (const [line, time] of behind) {
      woven.behind.set(line, time)
      woven.moved.add(time)
      groupOf[time] = group.family
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
const linesOf = (groupOf: Int32Array, groups: ReadonlyArray<Group>): Map<number, Array<number>> => {
  const lines = new Map(groups.map((group) => [group.family, [] as Array<number>]))
  for (let n = 0; n < groupOf.length; n++) lines.get(groupOf[n]!)?.push(n)
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
