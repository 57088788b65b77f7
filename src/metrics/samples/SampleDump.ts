/**
 * SampleDump: the lines of a source in samples mode as a Dump: family by family, in the order of their last update. Pure. The lines
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
import { MINUS, parseNumber } from "../text/Syntax.ts"
import { keepsTextRule } from "../text/TextRules.ts"
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
  view: DataView
  at: number
}

const nowhere = new DataView(new ArrayBuffer(0))

export const buildDump = (
  lines: SampleLines,
  names: Names,
  declared: Families,
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
  for (const each of parts.values()) each.view = new DataView(Buffer.allocUnsafeSlow(each.length).buffer)
  for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
    const at = slot * stride
    const place = declared.familyOf(records[at + NAME]!)
    if (family !== place) {
      family = place
      part = parts.get(family)
    }
    lines.copy(slot, part!.view, part!.at)
    part!.at += records[at + LENGTH]!
  }
  const families = Array.from(parts, ([number, { names: used, series, length, flags, misfits, odd, view }]): Family => {
    const said = declared.at(number)
    const { type } = said
    const numbered = type === "histogram" || type === "gaugehistogram" || type === "summary"
    return {
      ...said,
      series,
      sampleNames: Array.from(used, (name) => names.textOf(name)),
      bytes: new Uint8Array(view.buffer, 0, length),
      conforms: orderless.has(type) && !odd,
      conformsText: !misfits,
      exemplars: (flags & HAS_EXEMPLAR) !== 0,
      floatLabels: numbered && (flags & OTHER_FORM) !== 0,
      quoted: (flags & QUOTED) !== 0,
      timestamps
    }
  })
  return { source, families, series: lines.count, bytes: size }
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
    part = { names: new Set(), ...sums, view: nowhere }
    parts.set(family, part)
  }
  return part
}
