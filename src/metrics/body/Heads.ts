/**
 * Heads: what stands above a merged family's lines. Of several helps the one that most sources give, and of those the smallest: any
 * choice will do that does not depend on the order of the sources, and that one source cannot make for the others. Pure.
 */

import { quotedMetric } from "../text/Escaping.ts"
import type { OutputFormat } from "../text/Negotiation.ts"
import { escapeHelp, escapeValue } from "../text/Syntax.ts"
import type { Line } from "./Candidates.ts"
import { unitFits } from "./Claims.ts"
import type { FamilyHead } from "./FamilyMeta.ts"

export const headOf = (
  { name, type }: Pick<FamilyHead, "name" | "type">,
  own: ReadonlyArray<Line>,
  others: ReadonlyArray<Line>
): FamilyHead => {
  const help = helpOf(own) || helpOf(others)
  const unit = type === "unknown" ? "" : agreed(own)
  return { name, type, help, unit: unitFits(unit, name, type) ? unit : "" }
}

const helpOf = (lines: ReadonlyArray<Line>): string => {
  let first = ""
  let differs = false
  for (const { of } of lines) {
    const text = of.meta.help
    if (text === "" || text === first) continue
    if (first !== "") differs = true
    first = text
  }
  if (!differs) return first
  const votes = new Map<string, number>()
  for (const { of } of lines)
    if (of.meta.help !== "") votes.set(of.meta.help, (votes.get(of.meta.help) ?? 0) + of.meta.sources)
  let best = ""
  for (const [text, count] of votes) {
    const least = votes.get(best) ?? 0
    if (count > least || (count === least && text < best)) best = text
  }
  return best
}

/** The unit, where all that name one name the same. */
const agreed = (lines: ReadonlyArray<Line>): string => {
  let unit = ""
  for (const { of } of lines) {
    if (of.meta.unit === "" || of.meta.unit === unit) continue
    if (unit !== "") return ""
    unit = of.meta.unit
  }
  return unit
}

export const headText = ({ name, type, help, unit }: FamilyHead, format: OutputFormat): string => {
  const shown = quotedMetric(name)
  let text = ""
  if (help !== "") text += `# HELP ${shown} ${format === "text" ? escapeHelp(help) : escapeValue(help)}\n`
  text += `# TYPE ${shown} ${format === "text" && type === "unknown" ? "untyped" : type}\n`
  if (format === "openmetrics" && unit !== "") text += `# UNIT ${shown} ${unit}\n`
  return text
}
