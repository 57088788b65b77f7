/**
 * PageFamilies: the lines of a page as a dump's families, each made when it is asked for: a page holds numbers for them, since a text may
 * have as many families as lines. What there is to know of one besides its lines is kept where something is said of it: each scrape asks.
 */
import type { Family, FamilyList } from "../text/Dump.ts"
import { hasExemplars, hasFloatLabels, hasQuotedNames } from "./Description.ts"
import type { DeclaredFamily } from "./Families.ts"
import type { KnownFamily, Layout } from "./Layout.ts"
import type { Placed } from "./Placing.ts"
import { conforms, conformsText } from "./Verdicts.ts"

export class PageFamilies implements FamilyList {
  readonly length: number
  private readonly layout: Layout
  private readonly placed: Placed
  private readonly timestamps: boolean

  constructor(layout: Layout, placed: Placed, timestamps: boolean) {
    this.length = layout.arrangement.shown
    this.layout = layout
    this.placed = placed
    this.timestamps = timestamps
  }

  *[Symbol.iterator](): Generator<Family, void, undefined> {
    for (let k = 0; k < this.length; k++) yield this.at(k)
  }

  at(k: number): Family {
    const { arrangement } = this.layout
    const [from, to] = [arrangement.placeOf(k), arrangement.placeOf(k + 1)]
    return { ...this.known(k), series: to - from, bytes: this.linesAt(from, to) }
  }

  private known(k: number): KnownFamily {
    const { arrangement, families, known } = this.layout
    const number = arrangement.numberOf(k)
    if (!families.isDeclared(number)) return this.make(k, families.at(number))
    known[k] ??= this.make(k, families.at(number))
    return known[k]
  }

  private make(k: number, { name, textName, type, help, unit }: DeclaredFamily): KnownFamily {
    const what = this.layout.described[k]!
    return {
      name,
      textName,
      type,
      help,
      unit,
      sampleNames: this.namesOf(k, textName),
      conforms: conforms(what),
      conformsText: conformsText(what),
      exemplars: hasExemplars(what),
      floatLabels: hasFloatLabels(what),
      quoted: hasQuotedNames(what),
      timestamps: this.timestamps
    }
  }

  /** The lines at these places. */
  linesAt(from: number, to: number): Uint8Array {
    const { order } = this.layout.arrangement
    const { bytes, starts } = this.placed
    const startOf = (place: number): number =>
      place < starts.length ? starts[order === undefined ? place : order[place]!]! : bytes.length
    return bytes.subarray(startOf(from), startOf(to))
  }

  /** Mostly it is the family's own. */
  private namesOf(k: number, textName: string): ReadonlyArray<string> {
    const { arrangement, names } = this.layout
    const texts: Array<string> = []
    for (let i = 0; i < arrangement.namesIn(k); i++) {
      const name = arrangement.nameIn(k, i)
      texts.push(names.isCalled(name, textName) ? textName : names.textOf(name))
    }
    return texts
  }
}
