/**
 * Candidates: the families that sources ask for, how many sources each has behind it, and whose lines there are under each name. What
 * a source did not say, or does not keep the rules of, asks for nothing: its lines follow what others say. Pure.
 *
 * There is one record a name, found once: a scrape of 150,000 families is made of such steps.
 */
import type { MetricType } from "../text/Dump.ts"
import { isEscaped } from "../text/Escaping.ts"
import type { Output } from "../text/Negotiation.ts"
import { askedOf, claimsOf } from "./Claims.ts"
import type { Placed } from "./FamilyMeta.ts"

/** A name that the body may show. */
export interface Name {
  readonly text: string
  readonly lines: Array<Line>
  /** Of families that are called so. */
  readonly candidates: Array<Candidate>
  /** How many candidates may have samples of the name. */
  claimants: number
  /** Who has it. */
  taken: Candidate | undefined
  /** Who could not keep it, though it has lines: it goes to no family of another name with fewer sources. */
  spoiled: Candidate | undefined
  /** What is said of the family of that text name: one type, or several. */
  said: MetricType | undefined
  disputed: boolean
}

/** One entry's lines of one sample name. */
export interface Line {
  readonly of: Placed
  /** The name as the dumps spell it, and as the body shows it. */
  readonly raw: string
  readonly name: Name
  /** What its sources ask for; undefined where that is nothing. */
  readonly asked: Candidate | undefined
  readonly escaped: boolean
}

export interface Candidate {
  readonly name: string
  readonly type: MetricType
  readonly claims: ReadonlyArray<Name>
  sources: number
  readonly own: Array<Line>
  shown: boolean
}

const none: ReadonlyArray<Line> = []

export class Candidates {
  private readonly byText = new Map<string, Name>()
  private readonly output: Output

  constructor(output: Output) {
    this.output = output
  }

  add(of: Placed): void {
    const { meta } = of
    const { format, escaping } = this.output
    const escaped = isEscaped(meta, escaping)
    for (const { name, type, said, samples } of askedOf(meta, this.output)) {
      const asked = type === "unknown" ? undefined : this.candidate(name, type)
      if (asked !== undefined) asked.sources += meta.sources
      for (const { raw, shown } of samples) {
        const line: Line = { of, raw, name: this.name(shown), asked, escaped }
        asked?.own.push(line)
        line.name.lines.push(line)
      }
      if (said === "unknown") continue
      const key = this.name(format === "openmetrics" ? meta.textName : name)
      if (key.said === undefined) key.said = said
      else if (key.said !== said) key.disputed = true
    }
  }

  names(): Iterable<Name> {
    return this.byText.values()
  }

  /** Lines under its names that cannot be copied below it without a look: others', and those whose names are escaped. */
  oddLines(candidate: Candidate): ReadonlyArray<Line> {
    let odd: Array<Line> | undefined
    for (const { lines } of candidate.claims)
      for (const line of lines)
        if (line.asked !== candidate || line.escaped) {
          odd ??= []
          odd.push(line)
        }
    return odd ?? none
  }

  private candidate(text: string, type: MetricType): Candidate {
    const { candidates } = this.name(text)
    for (const same of candidates) if (same.type === type) return same
    const claims = claimsOf(text, type, this.output.format).map((claim) => this.name(claim))
    for (const claim of claims) claim.claimants += 1
    const candidate = { name: text, type, claims, sources: 0, own: [], shown: false }
    candidates.push(candidate)
    return candidate
  }

  private name(text: string): Name {
    let name = this.byText.get(text)
    if (name === undefined) {
      const free = { taken: undefined, spoiled: undefined, said: undefined }
      name = { text, lines: [], candidates: [], claimants: 0, disputed: false, ...free }
      this.byText.set(text, name)
    }
    return name
  }
}
