/**
 * Making: what is found out on the way from a reading to a page, each thing in a method, over items of its own: lines, names, families,
 * statements (in which order, see MakingSteps).
 *
 * Until it is made nobody but the maker looks at the reading, and the page before must keep its memory. Whoever stops half way leaves
 * nothing behind: nothing outside the reading is changed but names that its source's next page would have had, too.
 */
import type { Family } from "../text/Dump.ts"
import { type ArrangedFamily, type Arrangement, Arranging, dropRepeats, refuseReserved, typeIn } from "./Arrangement.ts"
import type { Comments } from "./Comments.ts"
import { Conformity } from "./Conformity.ts"
import { described, FAMILY_BYTES } from "./Description.ts"
import { Repeats } from "./Distinct.ts"
import { type Families, Resolving } from "./Families.ts"
import { FIELDS, NAME } from "./LineRecord.ts"
import { PAGE_BYTES, Page } from "./Page.ts"
import { keepingRaw, type Placing, placing, type RawKeeping } from "./Placing.ts"
import type { Reading } from "./Reading.ts"
import { linesOf, refusedIn } from "./SameLines.ts"
import { noneUnchanged, type Unchanged, unchangedSince } from "./Unchanged.ts"
import { free, type Judging, judgeValues, judging, type Verdict } from "./Verdicts.ts"

/** All that is found out on the way; each step has what those before it found. */
export class Making {
  readonly reading: Reading
  readonly before: Page | undefined
  resolving: Resolving | undefined
  repeats!: Repeats
  arranging!: Arranging
  arrangement!: Arrangement
  rawKeeping!: RawKeeping
  placing!: Placing
  private comments!: Comments
  private families!: Families
  private unchanged: Unchanged = noneUnchanged
  /** By the arrangement's families: which one of the page before it is, -1 where none. */
  private readonly olds: Array<number> = []
  private readonly verdicts: Array<Verdict> = []
  private judging: Judging | undefined
  private records = new Int32Array(0)
  /** By name: how many lines have it; and their new numbers, where some have none. */
  private live: Uint32Array | undefined
  numbers: Uint32Array | undefined
  private readonly shown: Array<Family> = []
  private metadata = 0
  private series = 0

  constructor(reading: Reading, before: Page | undefined) {
    this.reading = reading
    this.before = before
  }

  countNames(from: number, to: number): void {
    const { records, names } = this.reading
    this.live ??= new Uint32Array(names!.size)
    for (let at = from * FIELDS + NAME; at < to * FIELDS; at += FIELDS) this.live[records[at]!]!++
  }

  /** Those that some line has, by other numbers where there were more. Those of the page before, where they are the same. */
  settleNames(): void {
    const { reading, before, live } = this
    const names = reading.names!
    const unused = live === undefined ? names.size > 0 : live.includes(0)
    if (unused) {
      const compact = names.compact(live ?? new Uint32Array(0))
      reading.names = compact.names
      this.numbers = compact.numbers
    } else if (names.size === before?.names.size) reading.names = before.names
  }

  renumber(from: number, to: number): void {
    const { records } = this.reading
    for (let at = from * FIELDS + NAME; at < to * FIELDS; at += FIELDS) records[at] = this.numbers![records[at]!]!
  }

  /** The families are as they were where nothing that decides about them has changed. */
  readComments(): void {
    const { reading, before } = this
    const { format, allowReservedNames = false } = reading.options!
    const names = reading.names!
    this.comments = reading.comments()
    const layout = before?.layout
    if (layout?.names === names && sameStatements(this.comments, layout.comments)) this.families = layout.families
    else {
      this.resolving = new Resolving(names.list, this.comments.statements, format, allowReservedNames)
      this.families = this.resolving.families
    }
  }

  findRepeats(): void {
    const { list, familyOf } = this.families
    const { reading, before } = this
    const isAsBefore = before?.layout.families === this.families
    this.repeats = new Repeats(reading, before?.count ?? 0, isAsBefore, (name) => typeIn(list, familyOf[name]!))
  }

  beginArrangement(): void {
    dropRepeats(this.reading, this.repeats.gone)
    this.arranging = new Arranging(this.reading, this.families)
  }

  settle(): void {
    const { reading, before, families } = this
    this.arrangement = this.arranging.settle()
    refuseReserved(reading, this.arrangement)
    const old = before?.layout
    if (old?.families === families && old.plain && !reading.hasEnds)
      this.unchanged = unchangedSince(reading, this.arrangement.order, families, old.arrangement)
  }

  compare(from: number, to: number): void {
    for (let k = from; k < to; k++) this.olds.push(this.unchanged.of(this.arrangement.families[k]!))
  }

  /** The lines at these places; a family's verdict comes with its last one. */
  judge(from: number, to: number): void {
    const { reading, before, arrangement, olds, verdicts } = this
    const { order, roles, families } = arrangement
    for (let at = from; at < to; ) {
      const k = verdicts.length
      const family = families[k]!
      const end = Math.min(to, family.to)
      const old = olds[k]!
      if (!Conformity.governs(family.type)) {
        if (end === family.to) verdicts.push(free)
      } else if (old >= 0 && family.type !== "gaugehistogram") {
        const known = before!.layout.verdicts[old]!
        if (end === family.to)
          verdicts.push(judgeValues(reading.values, reading.records, known, family.from, family.to, order))
      } else {
        this.judging ??= judging(reading, reading.names!, family, order, roles, this.keepsRules(family))
        this.judging.look(at, end)
        if (end === family.to) {
          verdicts.push(this.judging.verdict())
          this.judging = undefined
        }
      }
      at = end
    }
  }

  /** Samples of one name are a counter's each by itself; with their creation times they are not. */
  private keepsRules(family: ArrangedFamily): boolean {
    const old = this.unchanged.place(family)
    if (old < 0 || family.type !== "counter" || family.sampleNames.length > 1) return false
    const { arrangement, verdicts } = this.before!.layout
    return arrangement.families[old]!.sampleNames.length === 1 && verdicts[old]!.ordered && verdicts[old]!.textOrdered
  }

  copyRecords(): void {
    const { reading, before } = this
    this.records = new Int32Array(reading.records.subarray(0, reading.count * FIELDS))
    this.rawKeeping = keepingRaw(reading, this.records, before?.layout.raw)
    this.placing = placing(reading, this.arrangement.order)
  }

  show(from: number, to: number): void {
    const { arrangement, records, olds, before, verdicts } = this
    const timestamps = this.reading.options!.timestamps === "event"
    for (let k = from; k < to; k++) {
      const family = arrangement.families[k]!
      this.metadata += FAMILY_BYTES
      this.series += family.to - family.from
      const bytes = linesOf(this.placing.placed, arrangement, family)
      const { ordered, ranged, textOrdered, textRanged } = verdicts[k]!
      const conforms = ordered && ranged
      const conformsText = textOrdered && textRanged
      const old = olds[k]!
      this.shown.push(
        old >= 0
          ? { ...before!.dump.families[old]!, bytes, conforms, conformsText }
          : { ...described(family, records, arrangement.order), bytes, conforms, conformsText, timestamps }
      )
    }
  }

  page(): Page {
    const { reading, records, comments, families, arrangement, verdicts, shown, series } = this
    const { raw, rawBytes } = this.rawKeeping
    const { placed } = this.placing
    const options = reading.options!
    const names = reading.names!
    const lines = placed.bytes.length + records.byteLength + placed.starts.byteLength + rawBytes
    const bytes = PAGE_BYTES + lines + names.bytes + comments.bytes + this.metadata
    const dump = { source: options.attach.source, families: shown, series, bytes, ...refusedIn(reading) }
    const layout = { names, raw, records, comments, families, arrangement, verdicts }
    return new Page(dump, options, { ...layout, plain: !reading.hasEnds }, placed, reading.size)
  }
}

const sameStatements = (a: Comments, b: Comments): boolean =>
  a.stretches.length === b.stretches.length && a.stretches.every((stretch, k) => stretch === b.stretches[k])
