/**
 * Verdicts: whether the lines of each family keep the rules of its type, found anew where lines came, went or moved, and by their
 * values alone where the lines are those of the round before. Pure; it looks at records, and at bytes only where a bound must be read.
 */
import type { MetricType } from "../text/Dump.ts"
import { endOfToken, endOfValue, labelValue, lastLabelValue, sameLabels } from "../text/Line.ts"
import { encode, numberIsValid, parseNumber } from "../text/Syntax.ts"
import { Conformity } from "./Conformity.ts"
import {
  FIELDS,
  FLAGS,
  GROUP,
  HAS_LE,
  HAS_QUANTILE,
  HASH,
  MISC,
  NAME,
  OWN,
  RULE_SHIFT,
  RULES,
  START,
  TAIL_SHIFT
} from "./LineRecord.ts"
import type { Names } from "./Names.ts"
import type { Reading } from "./Reading.ts"
import {
  asksForSign,
  BUCKET,
  COUNT,
  ENOUGH,
  innerOf,
  keepsText,
  METRIC_STARTS,
  NO_RULE,
  type Point,
  type Role,
  valueKeeps
} from "./ValueRule.ts"

/** A verdict is a sum of these: whatever the values are, and with these values; of OpenMetrics, and of expfmt's text. */
const ORDERED = 1
const RANGED = 2
const TEXT_ORDERED = 4
const TEXT_RANGED = 8
const ALL = ORDERED | RANGED
const ALL_TEXT = TEXT_ORDERED | TEXT_RANGED
export const VERDICT = ALL | ALL_TEXT

/** Of a type without rules. */
export const free = VERDICT

/** Lines of that verdict keep their order, in both formats. */
export const staysOrdered = (verdict: number): boolean =>
  (verdict & (ORDERED | TEXT_ORDERED)) === (ORDERED | TEXT_ORDERED)
export const conforms = (verdict: number): boolean => (verdict & ALL) === ALL
export const conformsText = (verdict: number): boolean => (verdict & ALL_TEXT) === ALL_TEXT

const LE = encode("le")
const QUANTILE = encode("quantile")
const labelOf = new Map([
  [HAS_LE, LE],
  [HAS_QUANTILE, QUANTILE]
])

export interface Judging {
  readonly look: (from: number, to: number) => void
  /** When all were looked at. */
  readonly verdict: () => number
}

/** One for all: it holds nothing between two lines. */
const point: Point = { role: "value", value: 0, bound: undefined, timestamp: 0, group: 0, line: 0, flags: 0 }

/**
 * Looks at all lines of a family, in the order in which they are shown, so many places at a time as one likes, and writes the rule
 * of each into its record. The dump's time stands for a missing timestamp. `keeps`: a line that is known is under the rule that it was
 * under before, whatever came, went or moved beside it.
 */
export const judging = (
  reading: Reading,
  names: Names,
  type: MetricType,
  order: Uint32Array | undefined,
  roleOf: (name: number) => Role,
  keeps: boolean
): Judging => {
  const { records, lines, options, known, values } = reading
  const inner = innerOf(type)
  const label = labelOf.get(inner)
  const timed = options!.timestamps === "event"
  const conformity = new Conformity(type, (a, b) =>
    sameLabels(lines.bytes, records[a * FIELDS + START]!, records[b * FIELDS + START]!, label, undefined)
  )
  const look = (from: number, to: number): void => {
    for (let place = from; place < to; place++) {
      const n = order === undefined ? place : order[place]!
      const at = n * FIELDS
      const misc = records[at + MISC]!
      if (keeps && known[n]! >= 0) {
        conformity.addValue((misc & RULES) >>> RULE_SHIFT, values[n]!)
        continue
      }
      const flags = misc & FLAGS
      const name = records[at + NAME]!
      point.role = roleOf(name)
      point.value = numberOf(reading, n)
      point.flags = flags
      point.bound =
        label !== undefined && (flags & inner) !== 0
          ? boundOf(lines.bytes, records[at + START]!, records[at + OWN]! & 0xffff, label)
          : undefined
      const stamp = timed ? reading.stampOf(n) : 0
      point.timestamp = Number.isNaN(stamp) ? options!.time : stamp
      point.group = inner === 0 ? (records[at + HASH]! - Math.imul(names.hashOf(name), 31)) | 0 : records[at + GROUP]!
      point.line = n
      const rule = conformity.add(point)
      records[at + MISC] = (misc & ~RULES) | (rule << RULE_SHIFT)
    }
  }
  const verdict = (): number => {
    conformity.holds()
    const { ordered, ranged, textOrdered, textRanged } = conformity
    const text = (textOrdered ? TEXT_ORDERED : 0) | (textRanged ? TEXT_RANGED : 0)
    return (ordered ? ORDERED : 0) | (ranged ? RANGED : 0) | text
  }
  return { look, verdict }
}

/** The verdict on the same lines with other values. */
export const judgeValues = (
  values: Float64Array,
  records: Int32Array,
  before: number,
  from: number,
  to: number,
  order: Uint32Array | undefined
): number => {
  let ranged = true
  let textRanged = true
  let bucket = 0
  let count = -1
  for (let place = from; place < to; place++) {
    const n = order === undefined ? place : order[place]!
    const rule = (records[n * FIELDS + MISC]! & RULES) >>> RULE_SHIFT
    if (rule === NO_RULE) continue
    const value = values[n]!
    const kind = rule & ~METRIC_STARTS
    if ((rule & METRIC_STARTS) !== 0) {
      if (count >= 0 && count !== bucket) ranged = false
      bucket = 0
      count = -1
    }
    if (value >= 0 && asksForSign(rule)) continue
    if (!keepsText(kind, value)) textRanged = false
    if (!valueKeeps(kind, value)) ranged = false
    if (kind === BUCKET) {
      if (value < bucket) ranged = false
      bucket = value
    } else if (kind === COUNT) count = value
  }
  if (count >= 0 && count !== bucket) ranged = false
  return (before & (ORDERED | TEXT_ORDERED)) | (ranged ? RANGED : 0) | (textRanged ? TEXT_RANGED : 0)
}

/** Of a known line the number was noted down where its rule asks for it; of a new one where its record does not say where it is. */
const numberOf = ({ records, known, values, lines: { bytes } }: Reading, n: number): number => {
  const at = n * FIELDS
  const misc = records[at + MISC]!
  const own = records[at + OWN]! & 0xffff
  if (known[n]! < 0 ? own === 0 : (misc & RULES) !== 0 && values[n] !== ENOUGH) return values[n]!
  const value = records[at + START]! + own + (misc >>> TAIL_SHIFT)
  return parseNumber(bytes, value, endOfToken(bytes, value))
}

/** Mostly it is the last of the line's own labels, `own` bytes from its start. */
const boundOf = (b: Uint8Array, line: number, own: number, label: Uint8Array): number => {
  const last = own > 0 ? lastLabelValue(b, line, line + own, label) : -1
  const value = last > 0 ? last : labelValue(b, line, label)
  const bound = parseNumber(b, value, endOfValue(b, value))
  return numberIsValid() ? bound : Number.NaN
}
