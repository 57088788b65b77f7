/**
 * Candidates: the families that sources ask for, how many sources each has behind it, and whose lines there are under each name. What
 * a source did not say, or does not keep the rules of, asks for nothing: its lines follow what others say. Pure.
 */
import type { MetricType } from "../text/Dump.ts"
import { isEscaped } from "../text/Escaping.ts"
import type { Output } from "../text/Negotiation.ts"
import { askedOf, claimsOf } from "./Claims.ts"
import type { Placed } from "./FamilyMeta.ts"

/** One entry's lines of one sample name. */
export interface Line {
  readonly of: Placed
  /** The name as the dumps spell it, and as the body shows it. */
  readonly raw: string
  readonly shown: string
  /** What its sources ask for; undefined where that is nothing. */
  readonly asked: Candidate | undefined
}

export interface Candidate {
  readonly name: string
  readonly type: MetricType
  readonly head: { readonly name: string; readonly type: MetricType }
  readonly claims: ReadonlyArray<string>
  sources: number
  readonly own: Array<Line>
}

/** What is said of one text name: by type, the entries that say so. */
export interface Saying {
  readonly type: MetricType
  sources: number
  readonly by: Array<Placed>
}

const none: ReadonlyArray<Line> = []

export class Candidates {
  /** By name as the body shows it. */
  readonly names = new Map<string, Array<Line>>()
  /** By text name. */
  readonly sayings = new Map<string, Array<Saying>>()
  private readonly byName = new Map<string, Array<Candidate>>()
  private readonly claimants = new Map<string, number>()
  private readonly output: Output

  constructor(output: Output) {
    this.output = output
  }

  add(placed: Placed): void {
    const { meta } = placed
    const { format } = this.output
    for (const { name, type, said, samples } of askedOf(meta, this.output)) {
      const asked = type === "unknown" ? undefined : this.candidate(name, type)
      if (asked !== undefined) asked.sources += meta.sources
      for (const { raw, shown } of samples) {
        const line: Line = { of: placed, raw, shown, asked }
        asked?.own.push(line)
        const others = this.names.get(shown)
        if (others === undefined) this.names.set(shown, [line])
        else others.push(line)
      }
      const key = format === "openmetrics" ? meta.textName : name
      if (said !== "unknown") this.say(key, said, placed)
    }
  }

  *all(): Generator<Candidate, void, unknown> {
    for (const same of this.byName.values()) yield* same
  }

  linesOf(name: string): ReadonlyArray<Line> {
    return this.names.get(name) ?? none
  }

  isEscaped({ of }: Line): boolean {
    return isEscaped(of.meta, this.output.escaping)
  }

  /** Lines under its names that cannot be copied below it without a look: others', and those whose names are escaped. */
  oddLines(candidate: Candidate): ReadonlyArray<Line> {
    let odd: Array<Line> | undefined
    for (const name of candidate.claims)
      for (const line of this.linesOf(name))
        if (line.asked !== candidate || this.isEscaped(line)) {
          odd ??= []
          odd.push(line)
        }
    return odd ?? none
  }

  /** Nobody else asks for one of its names. */
  isAlone({ claims }: Candidate): boolean {
    return claims.every((name) => this.claimants.get(name) === 1)
  }

  private candidate(name: string, type: MetricType): Candidate {
    let same = this.byName.get(name)
    if (same === undefined) {
      same = []
      this.byName.set(name, same)
    }
    let candidate = same.find((c) => c.type === type)
    if (candidate === undefined) {
      const claims = claimsOf(name, type, this.output.format)
      candidate = { name, type, head: { name, type }, claims, sources: 0, own: [] }
      same.push(candidate)
      for (const claim of claims) this.claimants.set(claim, (this.claimants.get(claim) ?? 0) + 1)
    }
    return candidate
  }

  private say(key: string, type: MetricType, by: Placed): void {
    const said = this.sayings.get(key)
    const same = said?.find((s) => s.type === type)
    if (same !== undefined) {
      same.sources += by.meta.sources
      same.by.push(by)
    } else if (said === undefined) this.sayings.set(key, [{ type, sources: by.meta.sources, by: [by] }])
    else said.push({ type, sources: by.meta.sources, by: [by] })
  }
}
