/**
 * Arrangement: in which order the lines of a reading are shown: family by family, the lines of one in the order of the input. Pure, and a
 * function of the text alone.
 *
 * A series that is there twice loses a line here, an exemplar where no exemplar may stand is cut off, creation times are woven in
 * (see Weaving).
 */
import type { MetricType } from "../text/Dump.ts"
import { endOfLabels, endOfName, endOfToken } from "../text/Line.ts"
import { LF } from "../text/Syntax.ts"
import type { Role } from "./Conformity.ts"
import { findRepeats } from "./Distinct.ts"
import type { DeclaredFamily, Families } from "./Families.ts"
import { FIELDS, HAS_EXEMPLAR, LENGTH, MISC, NAME, START } from "./LineRecord.ts"
import { type Reading, reservedDetail } from "./Reading.ts"
import { type Group, type Woven, weave } from "./Weaving.ts"

export interface ArrangedFamily extends DeclaredFamily {
  /** Among the families that were declared; -1 for lines under reserved names. */
  readonly number: number
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
  const { places, list, familyOf } = families
  const typeOf = (name: number): MetricType => list[familyOf[name]!]?.type ?? "unknown"
  dropRepeats(reading, known, typeOf)
  const { records, count } = reading
  const groups = new Map<number, Group>()
  let last = groupFor(new Map(), Number.NaN)
  let lastName = -1
  let turns = 0
  for (let n = 0, at = 0; n < count; n++, at += FIELDS) {
    const name = records[at + NAME]!
    if ((records[at + MISC]! & HAS_EXEMPLAR) !== 0 && !takesExemplars(typeOf(name), places[name]!.role))
      cutExemplar(reading, at)
    if (name !== lastName) {
      lastName = name
      const family = familyOf[name]!
      if (last.family !== family) {
        last = groupFor(groups, family)
        turns++
      }
      last.names.add(name)
    }
    last.count++
  }
  const reserved = groups.get(-1)
  groups.delete(-1)
  let groupOf: Int32Array | undefined
  const familiesOfLines = (): Int32Array => {
    if (groupOf !== undefined) return groupOf
    groupOf = new Int32Array(count)
    for (let n = 0; n < count; n++) groupOf[n] = familyOf[records[n * FIELDS + NAME]!]!
    return groupOf
  }
  const woven = reading.options!.format === "text" ? weave(reading, families, groups, familiesOfLines) : undefined
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
    return { ...declared, from: group.next, to: group.next + group.count, sampleNames, number: group.family }
  })
  const inOrder = reserved === undefined && woven === undefined && turns === groups.size
  return {
    families: arranged,
    shown: groups.size,
    order: inOrder ? undefined : orderOf(familiesOfLines(), ordered, woven),
    roles: woven === undefined ? families.roles : families.roles.map((role, name) => woven.roles.get(name) ?? role)
  }
}

const unshown: DeclaredFamily = { name: "", textName: "", type: "unknown", help: "", unit: "" }

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
