/**
 * FamilyConflicts: for people: families about which sources disagree, or whose names clash, with what became of them and a few of the
 * sources on each side. Bounded. Pure.
 */
import type { MetricType } from "../text/Dump.ts"
import type { Candidate, Candidates, Line } from "./Candidates.ts"
import type { Placed } from "./FamilyMeta.ts"
import { Slices } from "./Slices.ts"

const mostFamilies = 20
const mostSides = 5
const mostNames = 5

export interface FamilyConflict {
  readonly family: string
  /** What it is shown as. */
  readonly shown: MetricType
  readonly sides: ReadonlyArray<ConflictSide>
}

export interface ConflictSide {
  /** Type and family, as the format calls them. */
  readonly says: string
  readonly sources: number
  /** Some of them. */
  readonly names: ReadonlyArray<string>
}

export class ConflictList {
  private readonly candidates: Candidates
  private readonly clashes: Array<FamilyConflict> = []

  constructor(candidates: Candidates) {
    this.candidates = candidates
  }

  /** In their order. `rival` has a name of it. */
  refused(candidate: Candidate, odd: ReadonlyArray<Line>, rival: Candidate | undefined): void {
    // Said of one name in two ways: that is in the list already.
    if (this.clashes.length === mostFamilies || rival?.name === candidate.name) return
    const sides = new Map<Candidate | string, ConflictSide>([[candidate, sideOf(candidate)]])
    if (rival !== undefined) sides.set(rival, sideOf(rival))
    for (const { asked, shown, of } of odd) {
      if (sides.size === mostSides) break
      if (asked !== undefined && !sides.has(asked)) sides.set(asked, sideOf(asked))
      else if (asked === undefined && !sides.has(shown)) sides.set(shown, untold(shown, of))
    }
    this.clashes.push({ family: candidate.name, shown: "unknown", sides: [...sides.values()] })
  }

  *all(
    taken: ReadonlyMap<string, Candidate>
  ): Generator<undefined, { typeConflicts: number; conflicts: ReadonlyArray<FamilyConflict> }, unknown> {
    const slices = new Slices()
    const conflicts: Array<FamilyConflict> = []
    const named = new Set<string>()
    let typeConflicts = 0
    for (const [family, said] of this.candidates.sayings) {
      if (said.length > 1) {
        typeConflicts += 1
        if (conflicts.length < mostFamilies) {
          const sides = said.map(({ type, sources, by }) => ({
            says: `${type} ${family}`,
            sources,
            names: namesOf(by)
          }))
          sides.sort((a, b) => b.sources - a.sources)
          const shown = taken.get(family)?.type ?? "unknown"
          conflicts.push({ family, shown, sides: sides.slice(0, mostSides) })
          named.add(family)
        }
      }
      if (slices.step()) yield
    }
    for (const clash of this.clashes)
      if (conflicts.length < mostFamilies && !named.has(clash.family)) conflicts.push(clash)
    return { typeConflicts, conflicts }
  }
}

const sideOf = ({ name, type, sources, own }: Candidate): ConflictSide => ({
  says: `${type} ${name}`,
  sources,
  names: namesOf(own.map(({ of }) => of))
})

/** Of one entry; there may be others. */
const untold = (name: string, of: Placed): ConflictSide => ({
  says: `${name}, with no type or against the rules of its type`,
  sources: of.meta.sources,
  names: namesOf([of])
})

const namesOf = (entries: ReadonlyArray<Placed>): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const { meta } of entries) {
    for (const name of meta.names) if (names.size < mostNames) names.add(name)
    if (names.size === mostNames) break
  }
  return [...names]
}
