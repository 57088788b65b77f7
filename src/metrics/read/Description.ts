/** Description: what a family of a page is called and what its lines have, besides the lines. Pure. */
import type { Family } from "../text/Dump.ts"
import { intern } from "../text/Interned.ts"
import type { ArrangedFamily, Arrangement } from "./Arrangement.ts"
import { FIELDS, FLAGS, HAS_EXEMPLAR, HAS_LE, HAS_QUANTILE, MISC, OTHER_FORM, QUOTED } from "./LineRecord.ts"
import { innerOf } from "./ValueRule.ts"

/** What a family takes besides its texts, which names and comments have (`node --expose-gc test/metrics/worst/measure.ts name`). */
export const FAMILY_BYTES = 560

export const described = (
  family: ArrangedFamily,
  records: Int32Array,
  order: Arrangement["order"]
): Omit<Family, "bytes" | "conforms" | "conformsText" | "timestamps"> => {
  const { type, from, to } = family
  const own = innerOf(type) & (HAS_LE | HAS_QUANTILE)
  let flags = 0
  let otherForm = false
  for (let place = from; place < to; place++) {
    const misc = records[(order === undefined ? place : order[place]!) * FIELDS + MISC]! & FLAGS
    flags |= misc
    if ((misc & OTHER_FORM) !== 0 && (misc & own) !== 0) otherForm = true
  }
  return {
    name: intern(family.name),
    textName: intern(family.textName),
    type,
    help: intern(family.help),
    unit: intern(family.unit),
    series: to - from,
    sampleNames: family.sampleNames,
    exemplars: (flags & HAS_EXEMPLAR) !== 0,
    floatLabels: otherForm,
    quoted: (flags & QUOTED) !== 0
  }
}
