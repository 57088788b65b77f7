/**
 * PageFamilies: the lines of a page as a dump's families, each made when it is asked for: a page holds numbers for them, since a text may
 * have as many families as lines.
 */
import type { Family, FamilyList } from "../text/Dump.ts"
import { hasExemplars, hasFloatLabels, hasQuotedNames } from "./Description.ts"
import type { Layout } from "./Layout.ts"
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
    const { arrangement, families, described } = this.layout
    const { name, textName, type, help, unit } = families.at(arrangement.numberOf(k))
    const what = described[k]!
    return {
      name,
      textName,
      type,
      help,
      unit,
      series: arrangement.placeOf(k + 1) - arrangement.placeOf(k),
      sampleNames: this.namesOf(k, textName),
      bytes: this.linesAt(arrangement.placeOf(k), arrangement.placeOf(k + 1)),
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
