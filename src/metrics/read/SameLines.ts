/**
 * SameLines: the page of a text that has the lines of the page it was read by, all of them, with other values: it is that page with new
 * lines. Mostly it is so.
 */
import { refuseReserved } from "./Arrangement.ts"
import { Conformity } from "./Conformity.ts"
import { Page } from "./Page.ts"
import type { Placed } from "./Placing.ts"
import type { Reading } from "./Reading.ts"
import { judgeValues, VERDICT } from "./Verdicts.ts"

/** The page before where the reading has its lines with other values, and each family keeps its rules as before. */
export const sameLines = (reading: Reading, before: Page | undefined): Page | undefined => {
  if (before?.layout.plain !== true || !reading.same || reading.hasEnds) return undefined
  const { arrangement, families, described, records } = before.layout
  const { order, size } = arrangement
  for (let k = 0; k < size; k++) {
    const type = families.typeOf(arrangement.numberOf(k))
    if (!Conformity.governs(type)) continue
    const verdict = described[k]! & VERDICT
    const [from, to] = [arrangement.placeOf(k), arrangement.placeOf(k + 1)]
    if (type === "gaugehistogram" || judgeValues(reading.values, records, verdict, from, to, order) !== verdict)
      return undefined
  }
  return before
}

export const repeated = (reading: Reading, before: Page, placed: Placed): Page => {
  const { layout, dump, bytes: linesBefore } = before
  refuseReserved(reading, layout.arrangement)
  return new Page(reading, layout, placed, dump.bytes - linesBefore.length + placed.bytes.length)
}
