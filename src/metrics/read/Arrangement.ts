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
import type { Families } from "./Families.ts"
import { FIELDS, HAS_EXEMPLAR, LENGTH, MISC, NAME, START } from "./LineRecord.ts"
import { type Reading, reservedDetail } from "./Reading.ts"
import type { Role } from "./ValueRule.ts"
import { type Woven, weave } from "./Weaving.ts"

/** Integers of a family: its number (see Families), the place of its first line, and where its names begin. */
const INTS = 3

/** The families in their order, those that are shown, then the one of lines under reserved names, if there are any. */
export class Arrangement {
  /** One more stands for their end. */
  private readonly ints: Int32Array
  /** The numbers of the sample names, family by family. */
  private readonly names: Uint32Array
  readonly shown: number
  /** By place: the line, in the order of the input; absent where places and lines are the same. */
  readonly order: Uint32Array | undefined

  constructor(ints: Int32Array, names: Uint32Array, shown: number, order: Uint32Array | undefined) {
    this.ints = ints
    this.names = names
    this.shown = shown
    this.order = order
  }

  /** How many families there are. */
  get size(): number {
    return this.ints.length / INTS - 1
  }

  /** What it takes. */
  get bytes(): number {
    return this.ints.byteLength + this.names.byteLength + (this.order?.byteLength ?? 0)
  }

  /** The number of the k-th family; -1 of lines under reserved names. */
  numberOf(k: number): number {
    return this.ints[k * INTS]!
  }

  /** Its lines are at the places from here on, up to those of the next one. */
  placeOf(k: number): number {
    return this.ints[k * INTS + 1]!
  }

  namesIn(k: number): number {
    return this.ints[(k + 1) * INTS + 2]! - this.ints[k * INTS + 2]!
  }

  /** The number of its i-th sample name. */
  nameIn(k: number, i: number): number {
    return this.names[this.ints[k * INTS + 2]! + i]!
  }
}

/**
 * An arrangement as it is found, so many lines or names at a time as one likes: `group` of all lines, `weave`, `describe` of all names,
 * `settle`. No series may be there twice any more.
 */
export class Arranging {
  private readonly reading: Reading
  private readonly families: Families
  /** By the family's number, after one for lines under reserved names: its lines, then the place of its next one. */
  private readonly counts: Uint32Array
  /** Families, and names, in the order of their first lines. */
  private readonly first: Int32Array
  private readonly firstNames: Uint32Array
  private readonly hasName: Uint8Array
  private groups = 0
  private used = 0
  private shown = 0
  private lastFamily = Number.NaN
  private lastName = -1
  /** How often another family began. */
  private turns = 0
  private groupOf: Int32Array | undefined
  private woven: Woven | undefined
  private ints = new Int32Array(0)
  private names = new Uint32Array(0)
  private nextName = new Uint32Array(0)

  constructor(reading: Reading, families: Families) {
    const names = reading.names!.size
    this.reading = reading
    this.families = families
    this.counts = new Uint32Array(families.size + 1)
    this.first = new Int32Array(names)
    this.firstNames = new Uint32Array(names)
    this.hasName = new Uint8Array(names)
  }

  group(from: number, to: number): void {
    const { reading, families, counts, hasName } = this
    const { records } = reading
    let { lastName, lastFamily } = this
    for (let n = from, at = from * FIELDS; n < to; n++, at += FIELDS) {
      const name = records[at + NAME]!
      if (
        (records[at + MISC]! & HAS_EXEMPLAR) !== 0 &&
        !takesExemplars(families.typeOf(families.familyOf(name)), families.roleOf(name))
      )
        cutExemplar(reading, at)
      if (name !== lastName) {
        lastName = name
        const family = families.familyOf(name)
        if (lastFamily !== family) {
          lastFamily = family
          this.turns++
        }
        if (hasName[name] === 0) {
          hasName[name] = 1
          this.firstNames[this.used++] = name
          if (counts[family + 1] === 0) this.first[this.groups++] = family
        }
      }
      counts[lastFamily + 1]!++
    }
    this.lastFamily = lastFamily
    this.lastName = lastName
  }

  /** How many names there are to describe, once it is woven. */
  get size(): number {
    return this.used
  }

  weave(): void {
    const { reading, families, counts, first } = this
    const groups = first.subarray(0, this.groups)
    if (reading.options!.format === "text")
      this.woven = weave(reading, families, groups, counts, () => this.familiesOfLines())
    const { woven } = this
    const gone = woven?.families.size ?? 0
    this.ints = new Int32Array((this.groups - gone + 1) * INTS)
    this.names = new Uint32Array(this.used)
    this.nextName = new Uint32Array(families.size + 1)
    for (let i = 0; i < this.used; i++) this.nextName[this.familyNow(this.firstNames[i]!) + 1]!++
    let k = 0
    let place = 0
    let name = 0
    const take = (family: number): void => {
      this.ints[k * INTS] = family
      this.ints[k * INTS + 1] = place
      this.ints[k * INTS + 2] = name
      k++
      const [lines, names] = [counts[family + 1]!, this.nextName[family + 1]!]
      counts[family + 1] = place
      this.nextName[family + 1] = name
      place += lines
      name += names
    }
    const reserved = counts[0]!
    for (const family of groups) if (family >= 0 && woven?.families.has(family) !== true) take(family)
    if (reserved > 0) take(-1)
    this.ints[k * INTS + 1] = place
    this.ints[k * INTS + 2] = name
    this.shown = reserved > 0 ? k - 1 : k
  }

  /** A family's own names stand before those that are woven in. */
  describe(from: number, to: number): void {
    const { firstNames, names, nextName, woven, families } = this
    for (let i = from; i < to; i++) {
      const name = firstNames[i]!
      if (woven?.families.has(families.familyOf(name)) !== true) names[nextName[families.familyOf(name) + 1]!++] = name
    }
    if (to < this.used || woven === undefined) return
    for (const name of firstNames.subarray(0, this.used))
      if (woven.families.has(families.familyOf(name))) names[nextName[this.familyNow(name) + 1]!++] = name
  }

  settle(): Arrangement {
    const { groups, woven, shown, ints, names } = this
    const inOrder = this.turns === groups && woven === undefined && shown === groups
    return new Arrangement(ints, names, shown, inOrder ? undefined : this.order())
  }

  /** What lines of the name are to their family. */
  roleOf(name: number): Role {
    return this.woven?.families.has(this.families.familyOf(name)) === true ? "created" : this.families.roleOf(name)
  }

  private familyNow(name: number): number {
    const family = this.families.familyOf(name)
    return this.woven?.families.get(family) ?? family
  }

  private familiesOfLines(): Int32Array {
    if (this.groupOf !== undefined) return this.groupOf
    const { records, count } = this.reading
    const { families } = this
    const groupOf = new Int32Array(count)
    for (let n = 0; n < count; n++) groupOf[n] = families.familyOf(records[n * FIELDS + NAME]!)
    this.groupOf = groupOf
    return groupOf
  }

  /** Undefined where the lines come family by family already. */
  private order(): Uint32Array | undefined {
    const { counts: next, woven } = this
    const groupOf = this.familiesOfLines()
    const order = new Uint32Array(groupOf.length)
    let inOrder = true
    for (let n = 0; n < groupOf.length; n++) {
      if (woven?.moved.has(n) === true) continue
      const family = groupOf[n]! + 1
      if (next[family] !== n) inOrder = false
      order[next[family]!++] = n
      const behind = woven?.behind.get(n)
      if (behind !== undefined) {
        inOrder = false
        order[next[family]!++] = behind
      }
    }
    return inOrder ? undefined : order
  }
}

/** Counts the lines that are not shown for their names. */
export const refuseReserved = (reading: Reading, arrangement: Arrangement): void => {
  const { size, shown, order } = arrangement
  if (shown === size) return
  const from = arrangement.placeOf(shown)
  const lines = arrangement.placeOf(size) - from
  reading.refuseMany("reserved-name", reservedDetail(lines), lines, order?.[from] ?? from)
}

/** These lines, in whatever order, show a series that is there already. */
export const dropRepeats = (reading: Reading, gone: ReadonlySet<number>): void => {
  if (gone.size === 0) return
  const lost = [...gone].sort((a, b) => a - b)
  const name = reading.names!.textOf(reading.records[lost[0]! * FIELDS + NAME]!)
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
