/**
 * Making: what is found out on the way from a reading to a page, each thing in a method, over items of its own: lines, names, families,
 * statements (in which order, see MakingSteps).
 *
 * Until it is made nobody but the maker looks at the reading, and the page before must keep its memory. Whoever stops half way leaves
 * nothing behind: nothing outside the reading is changed but names that its source's next page would have had, too.
 */

import type { MetricType } from "../text/Dump.ts"
import { type Arrangement, Arranging, dropRepeats, refuseReserved } from "./Arrangement.ts"
import type { Comments } from "./Comments.ts"
import { Conformity } from "./Conformity.ts"
import { describe } from "./Description.ts"
import { Repeats } from "./Distinct.ts"
import { type Families, Resolving } from "./Families.ts"
import { FIELDS, NAME } from "./LineRecord.ts"
import { PAGE_BYTES, Page } from "./Page.ts"
import { keepingRaw, type Placing, placing, type RawKeeping } from "./Placing.ts"
import type { Reading } from "./Reading.ts"
import { noneUnchanged, type Unchanged, unchangedSince } from "./Unchanged.ts"
import type { Role } from "./ValueRule.ts"
import { free, type Judging, judgeValues, judging, staysOrdered, VERDICT } from "./Verdicts.ts"

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
  private olds = new Int32Array(0)
  private described = new Uint8Array(0)
  /** Families that were judged. */
  private judged = 0
  private judging: Judging | undefined
  private records = new Int32Array(0)
  /** By name: how many lines have it; and their new numbers, where some have none. */
  private live: Uint32Array | undefined
  numbers: Uint32Array | undefined

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
      reading.names.trim()
      this.numbers = compact.numbers
    } else if (names.size === before?.names.size) reading.names = before.names
    else names.trim()
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
      this.resolving = new Resolving(names, this.comments.statements, format, allowReservedNames)
      this.families = this.resolving.families
    }
  }

  findRepeats(): void {
    const { reading, before, families } = this
    const isAsBefore = before?.layout.families === families
    this.repeats = new Repeats(reading, before?.count ?? 0, isAsBefore, (name) =>
      families.typeOf(families.familyOf(name))
    )
  }

  beginArrangement(): void {
    dropRepeats(this.reading, this.repeats.gone)
    this.arranging = new Arranging(this.reading, this.families)
  }

  settle(): void {
    const { reading, before, families } = this
    this.arrangement = this.arranging.settle()
    refuseReserved(reading, this.arrangement)
    this.olds = new Int32Array(this.arrangement.size)
    this.described = new Uint8Array(this.arrangement.size)
    const old = before?.layout
    if (old?.families === families && old.plain && !reading.hasEnds)
      this.unchanged = unchangedSince(reading, this.arrangement, families, old.arrangement)
  }

  compare(from: number, to: number): void {
    for (let k = from; k < to; k++) this.olds[k] = this.unchanged.of(k)
  }

  /** The lines at these places; a family's verdict comes with its last one. */
  judge(from: number, to: number): void {
    const { reading, before, arrangement, families, olds, described } = this
    const { order } = arrangement
    for (let at = from; at < to; ) {
      const k = this.judged
      const type = families.typeOf(arrangement.numberOf(k))
      const [start, stop] = [arrangement.placeOf(k), arrangement.placeOf(k + 1)]
      const end = Math.min(to, stop)
      const old = olds[k]!
      if (!Conformity.governs(type)) {
        if (end === stop) described[k] = free
      } else if (old >= 0 && type !== "gaugehistogram") {
        const known = before!.layout.described[old]! & VERDICT
        if (end === stop) described[k] = judgeValues(reading.values, reading.records, known, start, stop, order)
      } else {
        this.judging ??= this.judgingOf(k, type)
        this.judging.look(at, end)
        if (end === stop) {
          described[k] = this.judging.verdict()
          this.judging = undefined
        }
      }
      if (end === stop) this.judged++
      at = end
    }
  }

  private judgingOf(k: number, type: MetricType): Judging {
    const { reading, arrangement, arranging } = this
    const roleOf = (name: number): Role => arranging.roleOf(name)
    return judging(reading, reading.names!, type, arrangement.order, roleOf, this.keepsRules(k, type))
  }

  /** Samples of one name are a counter's each by itself; with their creation times they are not. */
  private keepsRules(k: number, type: MetricType): boolean {
    if (type !== "counter" || this.arrangement.namesIn(k) > 1) return false
    const old = this.unchanged.place(k)
    if (old < 0) return false
    const { arrangement, described } = this.before!.layout
    return arrangement.namesIn(old) === 1 && staysOrdered(described[old]!)
  }

  copyRecords(): void {
    const { reading, before } = this
    this.records = new Int32Array(reading.records.subarray(0, reading.count * FIELDS))
    this.rawKeeping = keepingRaw(reading, this.records, before?.layout.raw)
    this.placing = placing(reading, this.arrangement.order)
  }

  describe(from: number, to: number): void {
    const { arrangement, families, records, olds, before, described } = this
    for (let k = from; k < to; k++) {
      const old = olds[k]!
      const type = families.typeOf(arrangement.numberOf(k))
      described[k]! |=
        old >= 0
          ? before!.layout.described[old]! & ~VERDICT
          : describe(type, arrangement.placeOf(k), arrangement.placeOf(k + 1), records, arrangement.order)
    }
  }

  page(): Page {
    const { reading, records, comments, families, arrangement, described } = this
    const { raw, rawBytes } = this.rawKeeping
    const { placed } = this.placing
    const names = reading.names!
    const lines = placed.bytes.length + records.byteLength + placed.starts.byteLength + rawBytes
    const metadata = names.bytes + comments.bytes + families.bytes + arrangement.bytes + described.byteLength
    const layout = {
      ...{ names, raw, records, comments, families, arrangement, described },
      known: [],
      plain: !reading.hasEnds
    }
    return new Page(reading, layout, placed, PAGE_BYTES + lines + metadata)
  }
}

const sameStatements = (a: Comments, b: Comments): boolean =>
  a.stretches.length === b.stretches.length && a.stretches.every((stretch, k) => stretch === b.stretches[k])
