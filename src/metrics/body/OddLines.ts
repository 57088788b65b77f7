/**
 * OddLines: the lines of a family that cannot be copied, source by source: read, called as the body calls them, put in order, written
 * in the body's format. Under escaped names two series of a source may become one: the first stays. What no parser would take is
 * left out. Pure, in slices.
 */

import type { Family, MetricType } from "../text/Dump.ts"
import { type Escaping, isEscaped, shownNames } from "../text/Escaping.ts"
import type { Output } from "../text/Negotiation.ts"
import { Slices } from "../text/Slices.ts"
import { decode, encode, LF } from "../text/Syntax.ts"
import { arranged, innerLabel } from "./Arrangement.ts"
import type { EntryPart, OddLinesPlan } from "./BodyPlan.ts"
import type { Digest } from "./Digest.ts"
import { escapeLine, labelsKey, readLine, type SampleLine, writeLine } from "./SampleLine.ts"

/** Some lines of one family of a source. */
interface Piece {
  readonly family: Family
  readonly only: ReadonlyArray<string> | undefined
}

/** The sources that have odd lines, by dump, with all their lines of the family. */
export const oddSources = (digest: Digest, { parts, beside }: OddLinesPlan): Map<number, Array<Piece>> => {
  const sources = new Map<number, Array<Piece>>()
  const gather = (all: ReadonlyArray<EntryPart>, enters: boolean): void => {
    for (const { entry, only } of all) {
      const { families, dumps } = digest.families[entry]!
      for (const [i, family] of families.entries()) {
        const known = sources.get(dumps[i]!)
        if (known !== undefined) known.push({ family, only })
        else if (enters) sources.set(dumps[i]!, [{ family, only }])
      }
    }
  }
  gather(parts, true)
  gather(beside, false)
  return sources
}

/** Whether all of them may be lines of the family. */
export function* oddLinesFit(
  digest: Digest,
  plan: OddLinesPlan,
  output: Output,
  slices: Slices
): Generator<undefined, boolean, unknown> {
  for (const pieces of oddSources(digest, plan).values()) {
    const { lines } = yield* linesOf(pieces, plan.type, output.escaping, slices)
    const target = { name: plan.name, type: plan.type, format: output.format }
    if ((yield* arranged(lines, target, slices)) === undefined) return false
    if (slices.step()) yield
  }
  return true
}

/** One source's lines, as the body has them. `leftOut`: how many are not among them. */
export function* oddText(
  pieces: ReadonlyArray<Piece>,
  { name, type }: Pick<OddLinesPlan, "name" | "type">,
  { format, escaping }: Output
): Generator<undefined, { readonly bytes: Uint8Array; readonly leftOut: number }, unknown> {
  const slices = new Slices()
  const { lines, leftOut } = yield* linesOf(pieces, type, escaping, slices)
  const ordered = (yield* arranged(lines, { name, type, format }, slices)) ?? lines
  const [{ family } = { family: undefined }] = pieces
  const form = {
    format,
    // As where lines are copied: a label keeps its form when its family becomes unknown for others' sake.
    float: type === "unknown" ? (family?.floatLabels ? innerLabel(family) : undefined) : innerLabel({ name, type }),
    exemplars: format === "openmetrics"
  }
  const texts: Array<string> = []
  for (const line of ordered) {
    texts.push(writeLine(line, form))
    if (slices.step()) yield
  }
  return { bytes: encode(texts.join("")), leftOut }
}

interface ReadLines {
  readonly lines: ReadonlyArray<SampleLine>
  readonly leftOut: number
}

/** Exemplars stay where the body says the type that their source said. */
function* linesOf(
  pieces: ReadonlyArray<Piece>,
  type: MetricType,
  escaping: Escaping,
  slices: Slices
): Generator<undefined, ReadLines, unknown> {
  const lines: Array<SampleLine> = []
  const seen = pieces.some(({ family }) => isEscaped(family, escaping)) ? new Set<string>() : undefined
  let leftOut = 0
  for (const { family, only } of pieces) {
    const { bytes, sampleNames } = family
    const shown = shownNames(family, escaping).samples
    const names = new Map<string, string>()
    for (const [i, raw] of sampleNames.entries())
      if (only === undefined || only.includes(raw)) names.set(raw, shown[i]!)
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(LF, start)
      const read = readLine(decode(bytes, start, end))
      start = end + 1
      if (slices.step()) yield
      const name = names.get(read.name)
      if (name === undefined) continue
      const line = isEscaped(family, escaping) ? escapeLine(read, name, escaping) : read
      const key = line === undefined || seen === undefined ? undefined : `${name}{${labelsKey(line.labels)}`
      if (line === undefined || (key !== undefined && seen!.has(key))) {
        leftOut += 1
        continue
      }
      if (key !== undefined) seen!.add(key)
      lines.push(line.exemplar === "" || family.type === type ? line : { ...line, exemplar: "" })
    }
  }
  return { lines, leftOut }
}
