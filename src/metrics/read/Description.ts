/**
 * Description: what there is to know of a page's family besides its names and lines, in one byte: its verdict, and what its lines have.
 * Pure.
 */
import type { MetricType } from "../text/Dump.ts"
import { FIELDS, FLAGS, HAS_EXEMPLAR, HAS_LE, HAS_QUANTILE, MISC, OTHER_FORM, QUOTED } from "./LineRecord.ts"
import { innerOf } from "./ValueRule.ts"
import { VERDICT } from "./Verdicts.ts"

/** Beside the verdict. */
const EXEMPLARS = VERDICT + 1
const FLOAT_LABELS = 2 * EXEMPLARS
const QUOTED_NAMES = 4 * EXEMPLARS

export const hasExemplars = (described: number): boolean => (described & EXEMPLARS) !== 0
export const hasFloatLabels = (described: number): boolean => (described & FLOAT_LABELS) !== 0
export const hasQuotedNames = (described: number): boolean => (described & QUOTED_NAMES) !== 0

/** What the lines at these places have. */
export const describe = (
  type: MetricType,
  from: number,
  to: number,
  records: Int32Array,
  order: Uint32Array | undefined
): number => {
  const own = innerOf(type) & (HAS_LE | HAS_QUANTILE)
  let flags = 0
  let otherForm = false
  for (let place = from; place < to; place++) {
    const misc = records[(order === undefined ? place : order[place]!) * FIELDS + MISC]! & FLAGS
    flags |= misc
    if ((misc & OTHER_FORM) !== 0 && (misc & own) !== 0) otherForm = true
  }
  const has = (flags & HAS_EXEMPLAR) !== 0 ? EXEMPLARS : 0
  return has | (otherForm ? FLOAT_LABELS : 0) | ((flags & QUOTED) !== 0 ? QUOTED_NAMES : 0)
}
