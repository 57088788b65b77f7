/**
 * Arrangement: in which order the lines of a reading are shown: family by family, the lines of one in the order of the input. Pure, and a
 * function of the text alone.
 *
 * A series that is there twice loses a line here, an exemplar where no exemplar may stand is cut off, creation times are woven in
 * (see Weaving).
 */
import type { MetricType } from "../text/Dump.ts"
import { internList } from "../text/Interned.ts"
import { endOfLabels, endOfName, endOfToken } from "../text/Line.ts"
import { LF } from "../text/Syntax.ts"
import type { DeclaredFamily, Families } from "./Families.ts"
import { FIELDS, HAS_EXEMPLAR, LENGTH, MISC, NAME, START } from "./LineRecord.ts"
import { type Reading, reservedDetail } from "./Reading.ts"
import type { Role } from "./ValueRule.ts"
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

/**
 * An arrangement as it is found, so many lines or families at a time as one likes: `group` of all lines, `weave`, `describe` of all
 * families, `settle`. No series may be there twice any more.
 */
export class Arranging {
  private readonly reading: Reading
  private readonly families: Families
  private readonly groups = new Map<number, Group>()
  private last = groupFor(new Map(), Number.NaN)
  private lastName = -1
  /** How often another family began. */
  private turns = 0
  private groupOf: Int32Array | undefined
  private woven: Woven | undefined
  private ordered: ReadonlyArray<Group> = []
  private readonly arranged: Array<ArrangedFamily> = []

  constructor(reading: Reading, families: Families) {
    this.reading = reading
    this.families = families
  }

  group(from: number, to: number): void {
    const { reading, groups, families } = this
    const { places, list, familyOf } = families
    const { records } = reading
    let { last, lastName } = this
    for (let n = from, at = from * FIELDS; n < to; n++, at += FIELDS) {
      const name = records[at + NAME]!
      if (
        (records[at + MISC]! & HAS_EXEMPLAR) !== 0 &&
        !takesExemplars(typeIn(list, familyOf[name]!), places[name]!.role)
      )
        cutExemplar(reading, at)
      if (name !== lastName) {
        lastName = name
        const family = familyOf[name]!
        if (last.family !== family) {
          last = groupFor(groups, family)
          this.turns++
        }
        last.names.add(name)
      }
      last.count++
    }
    this.last = last
    this.lastName = lastName
  }

  /** How many families there are to describe, once it is woven. */
  get size(): number {
    return this.ordered.length
  }

  weave(): void {
    const { reading, groups, families } = this
    const reserved = groups.get(-1)
    groups.delete(-1)
    if (reading.options!.format === "text") this.woven = weave(reading, families, groups, () => this.familiesOfLines())
    this.ordered = [...groups.values(), ...(reserved === undefined ? [] : [reserved])]
    let to = 0
    for (const group of this.ordered) {
      group.next = to
      to += group.count
    }
  }

  describe(from: number, to: number): void {
    const { ordered, arranged } = this
    const { list } = this.reading.names!
    for (let k = from; k < to; k++) {
      const { family, next, count, names } = ordered[k]!
      const declared = this.families.list[family] ?? unshown
      const sampleNames = internList(Array.from(names, (name) => list[name]!.text))
      arranged.push({ ...declared, from: next, to: next + count, sampleNames, number: family })
    }
  }

  settle(): Arrangement {
    const { ordered, groups, woven } = this
    const { roles } = this.families
    const inOrder = ordered.length === groups.size && woven === undefined && this.turns === groups.size
    return {
      families: this.arranged,
      shown: groups.size,
      order: inOrder ? undefined : orderOf(this.familiesOfLines(), ordered, woven),
      roles: woven === undefined ? roles : roles.map((role, name) => woven.roles.get(name) ?? role)
    }
  }

  private familiesOfLines(): Int32Array {
    if (this.groupOf !== undefined) return this.groupOf
    const { records, count } = this.reading
    const { familyOf } = this.families
    const groupOf = new Int32Array(count)
    for (let n = 0; n < count; n++) groupOf[n] = familyOf[records[n * FIELDS + NAME]!]!
    this.groupOf = groupOf
    return groupOf
  }
}

/** Of a family by its number. */
export const typeIn = (list: Families["list"], family: number): MetricType => list[family]?.type ?? "unknown"

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

/** These lines, in whatever order, show a series that is there already. */
export const dropRepeats = (reading: Reading, gone: ReadonlySet<number>): void => {
  if (gone.size === 0) return
  const lost = [...gone].sort((a, b) => a - b)
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
  reading.hasGaps = true
  reading.refuse("exemplar", "an exemplar of a sample that can have none is not shown; the sample is", 0, undefined)
}
