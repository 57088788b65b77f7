/**
 * LayoutRecorder: notes down the layout of a dump while the parser reads it. What a layout cannot express spoils it: then the
 * dump has none and its next round is parsed in full. It decides nothing about the dump.
 *
 * Its memory is kept between dumps, as the line buffer's: parsing never awaits, one dump at a time has it.
 */

import type { Dump, ParseOptions } from "../text/Dump.ts"
import { internBytes } from "../text/Interned.ts"
import { OTHER_RULE } from "./Conformity.ts"
import type { FamilyBuilder } from "./Families.ts"
import { type Known, MAX_VALUE_BYTES, NOT_RANGED, RANGED, UNGOVERNED } from "./Layout.ts"

/** Per line: start, length of its own part, length of the attached part, size of the value, rule. */
const FIELDS = 5
let kept = new Uint32Array(FIELDS * 4096)
const MAX_KEPT = FIELDS * 256 * 1024

export class LayoutRecorder {
  /** After `finish`; undefined where the dump has no layout. */
  known: Known | undefined
  private lines = kept
  private count = 0
  private spoiled = false
  private hasOwnTimes = false
  private tied = false
  /** Triples: the line that follows, start and end in the input. */
  private readonly between: Array<number> = []
  /** Pairs of start and end in the line buffer, in the order of the dump. */
  private places: Array<number> = []
  private familyPlaces: Array<number> = []

  line(start: number, ownEnd: number, valueAt: number, end: number, rule: number): void {
    const at = this.count++ * FIELDS
    if (at + FIELDS > this.lines.length) this.grow()
    const { lines } = this
    lines[at] = start
    lines[at + 1] = ownEnd - start
    lines[at + 2] = valueAt - ownEnd
    lines[at + 3] = end - valueAt
    lines[at + 4] = rule
    if (valueAt - start > 0xffff || end - valueAt > MAX_VALUE_BYTES || rule === OTHER_RULE) this.spoiled = true
  }

  /** Input that is no sample line, before the next line. */
  comment(start: number, end: number): void {
    this.between.push(this.count, start, end)
  }

  /** Lines of the buffer in their place of the dump. */
  place(start: number, end: number): void {
    this.places.push(start, end)
  }

  endFamily(): void {
    this.familyPlaces.push(this.places.length)
  }

  /** What was placed since the last end of a family is not the dump's. */
  dropFamily(): void {
    this.places.length = this.familyPlaces.at(-1) ?? 0
  }

  /** A line that keeps its own timestamp; `free`: whether it has one decides nothing else. */
  ownTime(free: boolean): void {
    if (free) this.hasOwnTimes = true
    else this.spoiled = true
  }

  /** Lines of two families are placed beside each other by their timestamps. */
  tie(): void {
    this.tied = true
  }

  spoil(): void {
    this.spoiled = true
  }

  /** After the dump was assembled. */
  finish(
    input: Uint8Array,
    options: ParseOptions,
    dump: Dump,
    lines: Uint8Array,
    builders: ReadonlyArray<FamilyBuilder>
  ): void {
    if (this.spoiled || (this.tied && this.hasOwnTimes)) return
    const families = builders.filter((b) => b.stretches.length > 0).sort((a, b) => a.stretches[0]! - b.stretches[0]!)
    // The values of one family are looked at one after the other.
    if (families.some((b) => b.stretches.length !== 2)) return
    const comments = this.between.length / 3
    const layout = {
      options,
      owns: this.column(1, new Uint16Array(this.count)),
      tails: this.column(2, new Uint16Array(this.count)),
      rules: this.column(4, new Uint8Array(this.count)),
      comments: this.comments(input),
      commentLines: new Uint32Array(comments),
      commentEnds: new Uint32Array(comments),
      familyEnds: Uint32Array.from(families, (b) => this.lineAt(b.stretches[1]!)),
      freeTimes: Uint8Array.from(families, ({ timesAreFree }) =>
        options.format === "text" && timesAreFree && !this.tied ? 1 : 0
      ),
      verdicts: Uint8Array.from(families, ({ conformity }) =>
        conformity?.ordered !== true ? UNGOVERNED : conformity.ranged ? RANGED : NOT_RANGED
      ),
      order: families.length === dump.families.length && this.isInOrder() ? undefined : this.order()
    }
    for (let k = 0, end = 0; k < comments; k++) {
      end += this.between[3 * k + 2]! - this.between[3 * k + 1]!
      layout.commentLines[k] = this.between[3 * k]!
      layout.commentEnds[k] = end
    }
    this.known = { dump, layout, lines, sizes: this.column(3, new Uint8Array(this.count)) }
  }

  release(): void {
    if (this.lines.length <= MAX_KEPT) kept = this.lines
  }

  private grow(): void {
    const grown = new Uint32Array(this.lines.length * 2)
    grown.set(this.lines)
    this.lines = grown
  }

  private column<A extends Uint8Array | Uint16Array>(field: number, into: A): A {
    const { lines } = this
    for (let k = 0, at = field; k < into.length; k++, at += FIELDS) into[k] = lines[at]!
    return into
  }

  private comments(input: Uint8Array): Uint8Array {
    const { between } = this
    let length = 0
    for (let k = 0; k < between.length; k += 3) length += between[k + 2]! - between[k + 1]!
    const all = Buffer.allocUnsafeSlow(length)
    let at = 0
    for (let k = 0; k < between.length; k += 3)
      for (let i = between[k + 1]!; i < between[k + 2]!; i++) all[at++] = input[i]!
    return internBytes(all)
  }

  private isInOrder(): boolean {
    const { places } = this
    for (let k = 0, at = 0; k < places.length; at = places[k + 1]!, k += 2) if (places[k] !== at) return false
    return true
  }

  private order(): NonNullable<Known["layout"]["order"]> {
    const { places, familyPlaces } = this
    return {
      places: Uint32Array.from(places, (offset) => this.lineAt(offset)),
      familyEnds: Uint32Array.from(familyPlaces)
    }
  }

  /** The line that starts at an offset of the line buffer. */
  private lineAt(offset: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.lines[middle * FIELDS]! < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
