/**
 * MergedFamilies: the families of all dumps as one body shows them, for one format and way of escaping. Pure, a coroutine; it looks at
 * families, never at lines, and asks where it has to know more of them. Linear in the families, and done in slices.
 *
 * Promises: no sample is left out, no name is claimed by two families, and the same set of dumps gives the same families in the
 * same order with the same help. Each family that some source asks for is a candidate with the sources behind it; the one
 * with most of them comes first. It is shown with its type if all lines under its names may stand below it: those of the
 * sources that asked for it, and those of others, whatever they said. Else the next candidate has its turn; names that none
 * got are shown as unknown, series and values as they are.
 */
import type { MetricType } from "../text/Dump.ts"
import { isEscaped } from "../text/Escaping.ts"
import type { Output } from "../text/Negotiation.ts"
import { type Candidate, Candidates, type Line } from "./Candidates.ts"
import { hasOrder, hasRules, suffixOf } from "./Claims.ts"
import { ConflictList, type FamilyConflict } from "./FamilyConflicts.ts"
import type { FamilyHead, OddParts, Part, Placed } from "./FamilyMeta.ts"
import { headOf } from "./Heads.ts"
import { Slices, sorted } from "./Slices.ts"

export interface MergedFamily extends FamilyHead {
  readonly parts: ReadonlyArray<Part>
  readonly odd: OddParts | undefined
}

/** May these lines be lines of a family of that name and type? */
export interface Question extends OddParts {
  readonly name: string
  readonly type: MetricType
}

export interface Merged {
  /** Sorted by name. */
  readonly families: ReadonlyArray<MergedFamily>
  /** Families about whose type sources disagree. */
  readonly typeConflicts: number
  /** The first of those, and of the families that lost their type to a clash of names. */
  readonly conflicts: ReadonlyArray<FamilyConflict>
}

/** A slice has ended, or questions, to be answered in their order. */
export type MergeStep = undefined | ReadonlyArray<Question>

export function* mergeFamilies(
  entries: ReadonlyArray<Placed>,
  output: Output
): Generator<MergeStep, Merged, ReadonlyArray<boolean> | undefined> {
  const { format } = output
  const slices = new Slices()
  const candidates = new Candidates(output)
  for (const placed of entries) {
    candidates.add(placed)
    if (slices.step()) yield
  }
  const taken = new Map<string, Candidate>()
  const contested: Array<Contested> = []
  for (const candidate of candidates.all()) {
    const odd = candidates.oddLines(candidate)
    if (odd.length === 0 && candidates.isAlone(candidate))
      for (const name of candidate.claims) taken.set(name, candidate)
    else contested.push({ candidate, odd, answer: undefined })
    if (slices.step()) yield
  }
  const ranked = yield* sorted(contested, (a, b) => !precedes(b.candidate, a.candidate))
  const asked: Array<Contested> = []
  for (const each of ranked) {
    const { candidate, odd } = each
    if (odd.some(({ shown }) => suffixOf(shown, candidate, format) === undefined)) each.answer = false
    else if (odd.length === 0 || !hasRules(candidate.type, format)) each.answer = true
    else asked.push(each)
    if (slices.step()) yield
  }
  if (asked.length > 0) {
    const answers = yield asked.map(({ candidate, odd }) => ({
      ...candidate.head,
      ...oddParts(candidate, odd, candidates)
    }))
    for (const [i, each] of asked.entries()) each.answer = answers?.[i] ?? false
  }
  const lost = new ConflictList(candidates)
  /** Who could not keep a name, though it has lines under it: it goes to no family of another name with fewer sources. */
  const spoiled = new Map<string, Candidate>()
  const isSpoiled = (name: string, { head, sources }: Candidate): boolean => {
    const former = spoiled.get(name)
    return former !== undefined && former.name !== head.name && former.sources > sources
  }
  for (const { candidate, odd, answer } of ranked) {
    const { claims } = candidate
    const rival = claims.find((name) => taken.has(name) || isSpoiled(name, candidate))
    if (answer === true && rival === undefined) for (const name of claims) taken.set(name, candidate)
    else {
      lost.refused(candidate, odd, rival === undefined ? undefined : taken.get(rival))
      for (const name of claims)
        if (!spoiled.has(name) && candidates.linesOf(name).length > 0) spoiled.set(name, candidate)
    }
    if (slices.step()) yield
  }
  const families: Array<MergedFamily> = []
  const shown = new Set<Candidate>()
  for (const [name, lines] of candidates.names) {
    const candidate = taken.get(name)
    if (candidate === undefined)
      families.push(familyOf({ name, type: "unknown" }, lines, lines.filter(candidates.isEscaped, candidates), output))
    else if (!shown.has(candidate)) {
      shown.add(candidate)
      families.push(familyOf(candidate.head, candidate.own, candidates.oddLines(candidate), output))
    }
    if (slices.step()) yield
  }
  const inOrder = yield* sorted(families, (a, b) => a.name <= b.name)
  const { typeConflicts, conflicts } = yield* lost.all(taken)
  return { families: inOrder, typeConflicts, conflicts }
}

interface Contested {
  readonly candidate: Candidate
  readonly odd: ReadonlyArray<Line>
  /** Whether the odd lines may stand below it. */
  answer: boolean | undefined
}

const RANK: ReadonlyArray<MetricType> = [
  "histogram",
  "gaugehistogram",
  "summary",
  "counter",
  "stateset",
  "info",
  "gauge"
]

/** By sources, then by what the order of the sources has no part in. */
const precedes = (a: Candidate, b: Candidate): boolean => {
  if (a.sources !== b.sources) return a.sources > b.sources
  if (a.type !== b.type) return RANK.indexOf(a.type) < RANK.indexOf(b.type)
  return a.name < b.name
}

const oddParts = (candidate: Candidate, odd: ReadonlyArray<Line>, candidates: Candidates): OddParts => ({
  parts: partsOf(odd),
  beside: partsOf(candidate.own.filter((line) => !candidates.isEscaped(line)))
})

const familyOf = (
  head: Pick<FamilyHead, "name" | "type">,
  own: ReadonlyArray<Line>,
  others: ReadonlyArray<Line>,
  { format, escaping }: Output
): MergedFamily => {
  const plain: Array<Line> = []
  const odd: Array<Line> = []
  // Where the format asks nothing of the order, others' lines are as good as its own.
  const copies =
    !hasOrder(head.type, format) || (head.type === "counter" && others.every(({ shown }) => shown.endsWith("_total")))
  for (const line of own) if (!isEscaped(line.of.meta, escaping)) plain.push(line)
  for (const line of others) (isEscaped(line.of.meta, escaping) || !copies ? odd : plain).push(line)
  const parts = partsOf(plain)
  return {
    ...headOf(head, own, others),
    parts,
    odd: odd.length === 0 ? undefined : { parts: partsOf(odd), beside: parts }
  }
}

/** In their order; an entry whose lines are all here is one part, in the order of its lines. */
const partsOf = (lines: ReadonlyArray<Line>): ReadonlyArray<Part> => {
  const [first] = lines
  if (first !== undefined && lines.length === 1)
    return [{ of: first.of, only: first.of.meta.sampleNames.length === 1 ? undefined : [first.raw] }]
  const byEntry = new Map<Placed, Array<string>>()
  for (const { of, raw } of lines) {
    const names = byEntry.get(of)
    if (names === undefined) byEntry.set(of, [raw])
    else names.push(raw)
  }
  const parts: Array<Part> = []
  for (const [of, only] of byEntry)
    parts.push({ of, only: only.length === of.meta.sampleNames.length ? undefined : only })
  return parts
}
