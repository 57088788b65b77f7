/**
 * FamilyConflicts: for people: families about which sources disagree, or whose names clash, with what became of them and a few of the
 * sources on each side. Bounded. Pure.
 */
import type { MetricType } from "../text/Dump.ts"
import type { Output } from "../text/Negotiation.ts"
import { Slices } from "../text/Slices.ts"
import type { Candidate, Line, Name } from "./Candidates.ts"
import { askedOf } from "./Claims.ts"
import type { Placed } from "./FamilyMeta.ts"

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
  private readonly clashes: Array<FamilyConflict> = []

  /** In their order. `rival` has a name of it. */
  refused(candidate: Candidate, odd: ReadonlyArray<Line>, rival: Candidate | undefined): void {
    // Said of one name in two ways: that is in the list already.
    if (this.clashes.length === mostFamilies || rival?.name === candidate.name) return
    const sides = new Map<Candidate | string, ConflictSide>([[candidate, sideOf(candidate)]])
    if (rival !== undefined) sides.set(rival, sideOf(rival))
    for (const { asked, name, of } of odd) {
      if (sides.size === mostSides) break
      if (asked !== undefined && !sides.has(asked)) sides.set(asked, sideOf(asked))
      else if (asked === undefined && !sides.has(name.text)) sides.set(name.text, untold(name.text, of))
    }
    this.clashes.push({ family: candidate.name, shown: "unknown", sides: [...sides.values()] })
  }

  /** Disagreements first. */
  *all(
    names: Iterable<Name>,
    entries: ReadonlyArray<Placed>,
    output: Output
  ): Generator<undefined, Conflicts, unknown> {
    const slices = new Slices()
    const disputed = new Map<string, { readonly shown: MetricType; readonly sayings: Map<MetricType, Array<Placed>> }>()
    let typeConflicts = 0
    for (const name of names) {
      if (name.disputed) {
        typeConflicts += 1
        if (disputed.size < mostFamilies)
          disputed.set(name.text, { shown: name.taken?.type ?? "unknown", sayings: new Map() })
      }
      if (slices.step()) yield
    }
    for (const placed of disputed.size === 0 ? [] : entries) {
      for (const { name, said } of askedOf(placed.meta, output)) {
        const sayings = disputed.get(output.format === "openmetrics" ? placed.meta.textName : name)?.sayings
        if (sayings === undefined || said === "unknown") continue
        const same = sayings.get(said)
        if (same === undefined) sayings.set(said, [placed])
        else same.push(placed)
      }
      if (slices.step()) yield
    }
    const conflicts = Array.from(disputed, ([family, { shown, sayings }]): FamilyConflict => {
      const sides = Array.from(sayings, ([type, by]) => ({
        says: `${type} ${family}`,
        sources: by.reduce((sum, { meta }) => sum + meta.sources, 0),
        names: namesOf(by)
      }))
      sides.sort((a, b) => b.sources - a.sources)
      return { family, shown, sides: sides.slice(0, mostSides) }
    })
    for (const clash of this.clashes)
      if (conflicts.length < mostFamilies && !disputed.has(clash.family)) conflicts.push(clash)
    return { typeConflicts, conflicts }
  }
}

export interface Conflicts {
  readonly typeConflicts: number
  readonly conflicts: ReadonlyArray<FamilyConflict>
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
