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
import type { Output, OutputFormat } from "../text/Negotiation.ts"
import { Slices, sorted } from "../text/Slices.ts"
import { type Candidate, Candidates, type Line, type Name } from "./Candidates.ts"
import { hasOrder, hasRules, suffixOf } from "./Claims.ts"
import { ConflictList, type FamilyConflict } from "./FamilyConflicts.ts"
import type { FamilyHead, OddParts, Part, Placed } from "./FamilyMeta.ts"
import { headOf } from "./Heads.ts"

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
  const contested: Array<Contested> = []
  for (const name of candidates.names())
    for (const candidate of name.candidates) {
      const odd = candidates.oddLines(candidate)
      if (odd.length === 0 && candidate.claims.every(({ claimants }) => claimants === 1)) take(candidate)
      else contested.push({ candidate, odd, answer: undefined })
      if (slices.step()) yield
    }
  const ranked = yield* sorted(contested, (a, b) => !precedes(b.candidate, a.candidate))
  const asked: Array<Contested> = []
  const questions: Array<Question> = []
  for (const each of ranked) {
    const { candidate, odd } = each
    if (odd.some(({ name }) => suffixOf(name.text, candidate, format) === undefined)) each.answer = false
    else if (odd.length === 0 || !hasRules(candidate.type, format)) each.answer = true
    else {
      asked.push(each)
      questions.push(questionOf(candidate, odd))
    }
    if (slices.step()) yield
  }
  if (asked.length > 0) {
    const answers = yield questions
    for (const [i, each] of asked.entries()) each.answer = answers?.[i] ?? false
  }
  const lost = new ConflictList()
  for (const { candidate, odd, answer } of ranked) {
    const rival = candidate.claims.find((name) => name.taken !== undefined || isSpoiled(name, candidate))
    if (answer === true && rival === undefined) take(candidate)
    else {
      lost.refused(candidate, odd, rival?.taken)
      for (const name of candidate.claims) if (name.lines.length > 0) name.spoiled ??= candidate
    }
    if (slices.step()) yield
  }
  const families: Array<MergedFamily> = []
  for (const { text, lines, taken } of candidates.names()) {
    if (taken === undefined) {
      if (lines.length > 0) families.push(familyOf({ name: text, type: "unknown" }, lines, escapedOf(lines), format))
    } else if (!taken.shown) {
      taken.shown = true
      families.push(familyOf(taken, taken.own, candidates.oddLines(taken), format))
    }
    if (slices.step()) yield
  }
  const inOrder = yield* sorted(families, (a, b) => a.name <= b.name)
  const { typeConflicts, conflicts } = yield* lost.all(candidates.names(), entries, output)
  return { families: inOrder, typeConflicts, conflicts }
}

const take = (candidate: Candidate): void => {
  for (const name of candidate.claims) name.taken = candidate
}

const isSpoiled = ({ spoiled }: Name, { name, sources }: Candidate): boolean =>
  spoiled !== undefined && spoiled.name !== name && spoiled.sources > sources

const escapedOf = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.some(({ escaped }) => escaped) ? lines.filter(({ escaped }) => escaped) : none
const none: ReadonlyArray<Line> = []

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

const questionOf = (candidate: Candidate, odd: ReadonlyArray<Line>): Question => ({
  name: candidate.name,
  type: candidate.type,
  parts: partsOf(odd),
  beside: partsOf(candidate.own.filter(({ escaped }) => !escaped))
})

const familyOf = (
  head: Pick<FamilyHead, "name" | "type">,
  own: ReadonlyArray<Line>,
  others: ReadonlyArray<Line>,
  format: OutputFormat
): MergedFamily => {
  if (others.length === 0) return { ...headOf(head, own, others), parts: partsOf(own), odd: undefined }
  const plain: Array<Line> = []
  const odd: Array<Line> = []
  // Where the format asks nothing of the order, others' lines are as good as its own.
  const copies =
    !hasOrder(head.type, format) ||
    (head.type === "counter" && others.every(({ name }) => name.text.endsWith("_total")))
  for (const line of own) if (!line.escaped) plain.push(line)
  for (const line of others) (line.escaped || !copies ? odd : plain).push(line)
  const parts = partsOf(plain)
  return {
    ...headOf(head, own, others),
    parts,
    odd: odd.length === 0 ? undefined : { parts: partsOf(odd), beside: parts }
  }
}

/** In their order; an entry whose lines are all here, one behind the other, is one part, in the order of its lines. */
const partsOf = (lines: ReadonlyArray<Line>): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  for (let from = 0; from < lines.length; ) {
    const { of } = lines[from]!
    let to = from + 1
    while (lines[to]?.of === of) to++
    const all = to - from === of.meta.sampleNames.length
    parts.push({ of, only: all ? undefined : lines.slice(from, to).map(({ raw }) => raw) })
    from = to
  }
  return parts
}
