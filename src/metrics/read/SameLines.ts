/**
 * SameLines: the page of a text that has the lines of the page it was read by, all of them, with other values: it is that page with new
 * lines. Mostly it is so.
 */
import type { Dump, Family } from "../text/Dump.ts"
import { type ArrangedFamily, type Arrangement, refuseReserved } from "./Arrangement.ts"
import { Conformity } from "./Conformity.ts"
import { Page } from "./Page.ts"
import type { Placed } from "./Placing.ts"
import type { Reading } from "./Reading.ts"
import { judgeValues } from "./Verdicts.ts"

/** The page before where the reading has its lines with other values, and each family keeps its rules as before. */
export const sameLines = (reading: Reading, before: Page | undefined): Page | undefined => {
  if (before?.layout.plain !== true || !reading.same || reading.hasEnds) return undefined
  const { arrangement, verdicts, records } = before.layout
  const { families, order } = arrangement
  for (let k = 0; k < families.length; k++) {
    const { from, to, type } = families[k]!
    if (!Conformity.governs(type)) continue
    const verdict = verdicts[k]!
    if (type === "gaugehistogram" || judgeValues(reading.values, records, verdict, from, to, order) !== verdict)
      return undefined
  }
  return before
}

/** These families of the page with their new lines. */
export const withLines = ({ dump, layout }: Page, placed: Placed, from: number, to: number): ReadonlyArray<Family> => {
  const { arrangement } = layout
  const { families } = arrangement
  return dump.families
    .slice(from, to)
    .map((family, k) => ({ ...family, bytes: linesOf(placed, arrangement, families[from + k]!) }))
}

export const repeated = (reading: Reading, before: Page, placed: Placed, families: ReadonlyArray<Family>): Page => {
  const { layout, dump: known, bytes: linesBefore } = before
  refuseReserved(reading, layout.arrangement)
  const { source, series } = known
  const bytes = known.bytes - linesBefore.length + placed.bytes.length
  return new Page(
    { source, families, series, bytes, ...refusedIn(reading) },
    reading.options!,
    layout,
    placed,
    reading.size
  )
}

/** What of the reading is not shown, for a dump. */
export const refusedIn = (reading: Reading): Pick<Dump, "refused"> => {
  const refused = reading.refused()
  return refused.length === 0 ? {} : { refused }
}

/** The lines of a family of the page. */
export const linesOf = (
  { bytes, starts }: Placed,
  { order }: Arrangement,
  { from, to }: ArrangedFamily
): Uint8Array => {
  const startOf = (place: number): number =>
    place < starts.length ? starts[order === undefined ? place : order[place]!]! : bytes.length
  return bytes.subarray(startOf(from), startOf(to))
}
