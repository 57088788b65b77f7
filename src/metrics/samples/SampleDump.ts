/**
 * SampleDump: the lines of a source in samples mode as a Dump: family by family, in the order of their last update. Pure. It is a list of
 * places in the source's memory, which has to be lent to whoever looks at it. The lines
 * came at different times, so the rules about the order of lines are not asked: types that have such rules are of unknown
 * type in OpenMetrics.
 */

import type { Families } from "../read/Families.ts"
import {
  FLAGS,
  HAS_EXEMPLAR,
  HAS_LE,
  HAS_QUANTILE,
  LENGTH,
  MISC,
  NAME,
  NO_NUMBER,
  OTHER_FORM,
  OWN,
  QUOTED,
  START,
  TAIL_SHIFT
} from "../read/LineRecord.ts"
import type { Names } from "../read/Names.ts"
import { type Role, suffixOf } from "../read/ValueRule.ts"
import type { Dump, Family, MetricType } from "../text/Dump.ts"
import { endOfLabels, endOfName, endOfToken } from "../text/Line.ts"
import { allocateLines } from "../text/LineMemory.ts"
import { MINUS, parseNumber } from "../text/Syntax.ts"
import { keepsTextRule } from "../text/TextRules.ts"
import { copyText } from "../text/Words.ts"
import { SampleLines } from "./SampleLines.ts"

/** An unknown type says nothing about order or range; the others' rules hold within a record, not across them. */
const orderless: ReadonlySet<MetricType> = new Set(["counter", "gauge", "unknown", "info"])

interface Part {
  readonly names: Set<number>
  series: number
  length: number
  flags: number
  misfits: boolean
  odd: boolean
  /** Its next line's place. */
  at: number
}

/** `dueBy`: lines that are due later are left out; undefined where there are none. */
export const buildDump = (
  lines: SampleLines,
  names: Names,
  declared: Families,
  dueBy: number | undefined,
  timestamps: boolean,
  size: number,
  source: string | undefined
): Dump => {
  const { records } = lines
  const { stride } = SampleLines
  const parts = new Map<number, Part>()
  let family = -1
  let part: Part | undefined
  for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
    const at = slot * stride
    if (dueBy !== undefined && lines.dueOf(slot) > dueBy) continue
    const name = records[at + NAME]!
    const place = declared.familyOf(name)
    if (part === undefined || family !== place) {
      family = place
      part = partOf(parts, family)
    }
    const misc = records[at + MISC]!
    part.names.add(name)
    part.series++
    part.length += records[at + LENGTH]!
    part.flags |= misc & FLAGS
    const type = declared.typeOf(family)
    const role = declared.roleOf(name)
    const value = valueAt(lines, at)
    if (type === "counter" && lines.text[value] === MINUS) part.odd = true
    if (!part.misfits) part.misfits = !fitsText(lines, at, value, type, role)
    // An info's value is 1, a counter's is a number, and neither has a creation time beside it here.
    if (type === "counter" && (lines.text[value] === N || role === "created")) part.odd = true
    if (type === "info" && lines.text[value] !== ONE) part.odd = true
  }
  // Of each line where it begins and how long it is, family by family.
  let shown = 0
  for (const each of parts.values()) {
    each.at = 2 * shown
    shown += each.series
  }
  const places = new Int32Array(2 * shown)
  for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
    const at = slot * stride
    if (dueBy !== undefined && lines.dueOf(slot) > dueBy) continue
    const place = declared.familyOf(records[at + NAME]!)
    if (family !== place) {
      family = place
      part = parts.get(family)
    }
    places[part!.at++] = records[at + START]!
    places[part!.at++] = records[at + LENGTH]!
  }
  const { view } = lines
  const families = Array.from(parts, ([number, { names: used, series, length, flags, misfits, odd, at }]): Family => {
    const said = declared.at(number)
    const { type } = said
    const numbered = type === "histogram" || type === "gaugehistogram" || type === "summary"
    const copy = (to: DataView): void => copyLines(view, places, at - 2 * series, at, to)
    return {
      ...said,
      series,
      sampleNames: Array.from(used, (name) => names.textOf(name)),
      get bytes() {
        const bytes = allocateLines(length)
        copy(new DataView(bytes.buffer))
        return bytes
      },
      gather: (into) => {
        into.begin(0)
        into.reserve(length)
        copy(into.view)
        return into.bytes.subarray(0, length)
      },
      conforms: orderless.has(type) && !odd,
      conformsText: !misfits,
      exemplars: (flags & HAS_EXEMPLAR) !== 0,
      floatLabels: numbered && (flags & OTHER_FORM) !== 0,
      quoted: (flags & QUOTED) !== 0,
      timestamps
    }
  })
  return { source, families, series: shown, bytes: size }
}

/** Those whose places are there, one behind the other. */
const copyLines = (from: DataView, places: Int32Array, first: number, end: number, to: DataView): void => {
  let at = 0
  for (let k = first; k < end; k += 2) {
    copyText(from, places[k]!, to, at, places[k + 1]!)
    at += places[k + 1]!
  }
}

/** Whether the line may stand under its family's TYPE in text. */
const fitsText = ({ records, text }: SampleLines, at: number, value: number, type: MetricType, role: Role): boolean => {
  const own = type === "summary" ? HAS_QUANTILE : HAS_LE
  const flags = records[at + MISC]!
  const bound = (flags & own) === 0 ? undefined : (flags & NO_NUMBER) === 0 ? 0 : Number.NaN
  const counts = role === "bucket" || role === "count"
  return keepsTextRule(type, suffixOf[role], counts ? parseNumber(text, value, endOfToken(text, value)) : 0, bound)
}

const valueAt = ({ records, text }: SampleLines, at: number): number => {
  const start = records[at + START]!
  const own = records[at + OWN]! & 0xffff
  if (own > 0) return start + own + (records[at + MISC]! >>> TAIL_SHIFT)
  return endOfLabels(text, endOfName(text, start)) + 1
}

const N = 78
const ONE = 49

const partOf = (parts: Map<number, Part>, family: number): Part => {
  let part = parts.get(family)
  if (part === undefined) {
    const sums = { series: 0, length: 0, flags: 0, misfits: false, odd: false, at: 0 }
    part = { names: new Set(), ...sums }
    parts.set(family, part)
  }
  return part
}
