/**
 * SampleSeries: the content of one source in samples mode: per series its last line, each expiring by itself (P6).
 *
 * Every accepted record adds to it, its lines in their order. What a record says about a family is kept for later records that
 * say nothing, as tailed single lines do: an untyped `foo_bucket` goes to the histogram `foo` once that was declared; of two
 * statements the later one counts. Synchronous; the Dump is built when one is asked for and kept until something changes.
 */
import type { Loan } from "../../Loan.ts"
import { resolveFamilies } from "../read/Families.ts"
import { ENDS, FIELDS, LENGTH, MISC, NAME, OWN, START } from "../read/LineRecord.ts"
import { fits, type ReadOptions } from "../read/Memory.ts"
import { Names } from "../read/Names.ts"
import type { Reading } from "../read/Reading.ts"
import type { Ages, Now, Stamp } from "../rounds/Ages.ts"
import type { Dump, Size } from "../text/Dump.ts"
import { Declarations, sizeOfStatement } from "./Declarations.ts"
import { KnownLines } from "./KnownLines.ts"
import { buildDump } from "./SampleDump.ts"
import { RECORD_BYTES, SampleLines, type SavedLine } from "./SampleLines.ts"
import type { SingleLine } from "./SingleLine.ts"

/** What a source's samples take besides its lines (`node --expose-gc test/metrics/worst/measure.ts "a line of a source"`). */
const SERIES_BYTES = 2800
/** A source that has no more than so much of the series that it had gives their memory back. */
const SPARSE = 2 / 3
const SMALL = 64
const MANY = 1024

export interface Lent {
  /** Good until the loan, of the memory that its lines lie in, is given back. */
  readonly dump: Dump
  readonly loan: Loan
}

export class SampleSeries {
  private lines = new SampleLines()
  private readonly known = new KnownLines()
  private names = new Names()
  private options: ReadOptions | undefined
  private epoch = 0
  private readonly said = new Declarations()
  private built: { readonly dump: Dump; readonly until: number } | undefined
  /** By when all are due; as the last sweep found it. */
  private allDue = 0

  get series(): number {
    return this.lines.count
  }

  get bytes(): number {
    return SERIES_BYTES + this.lines.bytes + this.said.bytes + this.lines.names.bytes
  }

  /** The lowest offset that a series is from. */
  get first(): number {
    return this.lines.firstOffset
  }

  /** By which the source's next text is read. Good until something is added. */
  memory(): KnownLines | undefined {
    const { options, lines, epoch } = this
    if (options === undefined) return undefined
    // A text that was read and not added may have left names that no line has.
    if (this.names.size > 2 * this.lines.names.used + MANY) this.forgetNames()
    const { known } = this
    known.options = options
    known.names = this.names
    known.epoch = epoch
    known.of(lines)
    return known
  }

  /** What the reading would add at most; nothing is changed. */
  measure(reading: Reading): Size {
    const { records } = reading
    const { view } = reading
    if (reading.names !== this.names) this.translate(reading)
    let series = 0
    let bytes = 0
    let last = -1
    for (const statement of reading.statements()) bytes += sizeOfStatement(statement)
    for (let n = 0; n < reading.count; n++) {
      const at = n * FIELDS
      const slot = this.slotOf(reading, n, view)
      if (reading.known[n]! >= 0) {
        bytes += records[at + LENGTH]! - this.lines.lengthOf(slot)
        continue
      }
      const size = records[at + LENGTH]! + (records[at + OWN]! >>> 16) + RECORD_BYTES
      bytes += size - (slot < 0 ? 0 : this.lines.sizeOf(slot))
      if (slot >= 0) continue
      series++
      const name = records[at + NAME]!
      if (name !== last && !(this.lines.names.counts[name]! > 0)) bytes += reading.names!.sizeOf(name)
      last = name
    }
    return { series, bytes }
  }

  add(reading: Reading, stamp: Stamp): void {
    const { lines } = this
    this.built = undefined
    this.known.complete = reading.news === 0
    this.adopt(reading)
    const { view, records } = reading
    const { time } = reading.options!
    // A series may come in another spelling, and later in the text in the one that is known: that one is needed then.
    let saved: Map<number, SavedLine> | undefined
    let known: ReadonlySet<number> | undefined
    for (let n = 0; n < reading.count; n++) {
      const slot = reading.known[n]!
      if (slot >= 0) {
        const line = saved?.get(slot)
        if (line !== undefined) {
          lines.bringBack(slot, line)
          saved!.delete(slot)
        }
        const at = n * FIELDS
        lines.renew(slot, view, records[at + START]!, records[at + LENGTH]!, records[at + MISC]! & ENDS, stamp, time)
        continue
      }
      const before = lines.find(reading, n, view)
      if (before >= 0) {
        known ??= new Set(reading.known.subarray(0, reading.count))
        saved ??= new Map()
        if (known.has(before) && !saved.has(before)) saved.set(before, lines.save(before))
      }
      lines.put(before, reading, n, view, this.epoch, stamp)
    }
    lines.tidy()
    // What it knew before may lie in memory that is gone otherwise.
    this.known.of(lines)
  }

  /** The bytes by which a line that comes again makes it more. */
  growthBy({ slot, kept, end }: SingleLine): number {
    return kept + end.length - this.lines.lengthOf(slot)
  }

  /** A line of it comes again: the same as reading and adding it. */
  renew({ slot, kept, end, time }: SingleLine, stamp: Stamp): void {
    const { lines } = this
    this.built = undefined
    lines.renew(slot, end.view, -kept, kept + end.length, 0, stamp, time)
    lines.tidy()
    if (this.known.lines !== lines.view) this.known.of(lines)
  }

  /**
   * The series that are not older than `expiry` and due by `dueBy` (see DumpTime), or undefined where there are none. Frees those
   * that are older.
   */
  look(ages: Ages, now: Now, expiry: number, dueBy = Number.POSITIVE_INFINITY): Lent | undefined {
    // Where the pod's clock was put back, what is shown may not be due any more.
    if (this.built === undefined || now.mono > this.built.until || this.allDue > dueBy) {
      const left = this.sweep(ages, now, expiry)
      const hides = this.allDue > dueBy
      // Until the fence everything may turn out older than it seems, and what is hidden may be due the next time.
      const until = ages.settled && !hides ? now.mono + left : Number.NEGATIVE_INFINITY
      this.built = { dump: this.build(hides ? dueBy : undefined), until }
    }
    const { dump } = this.built
    return dump.series === 0 ? undefined : { dump, loan: this.lines.lend() }
  }

  /** All of it, for who keeps it to himself: good until something is added. */
  dump(): Dump {
    return this.build(undefined)
  }

  /** Whether some of it is due by then. */
  hasDue(dueBy: number): boolean {
    const { lines } = this
    for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot))
      if (lines.dueOf(slot) <= dueBy) return true
    return false
  }

  /** Frees expired series; answers the milliseconds until the next one expires. */
  sweep(ages: Ages, now: Now, expiry: number): number {
    const { lines } = this
    let left = expiry
    let allDue = 0
    let expired = false
    for (let slot = 0; slot < lines.slots; slot++) {
      if (!lines.isTaken(slot)) continue
      const rest = expiry - ages.age(lines.stampOf(slot), now)
      if (rest < 0) {
        lines.remove(slot)
        expired = true
      } else {
        left = Math.min(left, rest)
        allDue = Math.max(allDue, lines.dueOf(slot))
      }
    }
    this.allDue = allDue
    if (expired) {
      this.built = undefined
      if (lines.slots > SMALL && lines.count < lines.slots * SPARSE) {
        this.lines = lines.compacted()
        this.known.of(this.lines)
      }
      this.forget()
    }
    return left
  }

  private slotOf(reading: Reading, n: number, view: DataView): number {
    const slot = reading.known[n]!
    return slot >= 0 ? slot : this.lines.find(reading, n, view)
  }

  /** The reading's names, options and statements become this source's. */
  private adopt(reading: Reading): void {
    const options = reading.options!
    if (this.options === undefined || !fits(this.options, options)) this.epoch++
    this.options = options
    if (reading.names !== this.names) this.translate(reading)
    for (const statement of reading.statements()) this.said.add(statement)
  }

  /** A reading that was made without this memory has names of its own. */
  private translate(reading: Reading): void {
    if (this.names.size === 0) {
      this.names = reading.names!
      return
    }
    const numbers = new Uint32Array(reading.names!.size)
    for (let name = 0; name < numbers.length; name++)
      numbers[name] = this.names.keep(this.names.ofText(reading.names!.textOf(name)))
    for (let at = NAME; at < reading.count * FIELDS; at += FIELDS) reading.records[at] = numbers[reading.records[at]!]!
    reading.names = this.names
  }

  /** Names without a line, and what was said of them, once they are many. */
  private forget(): void {
    const used = this.lines.names.used
    if (this.names.size > 2 * used + SMALL) this.forgetNames()
    if (this.said.size <= 6 * used + SMALL) return
    const names = new Set<string>()
    for (const { name, textName } of this.families().declared) names.add(name).add(textName)
    this.said.keepOf(names)
  }

  /** Names without a line. */
  private forgetNames(): void {
    const { names, numbers } = this.names.compact(this.lines.names.counts)
    this.names = names
    this.lines.renumber(numbers, names)
  }

  private families() {
    const { format, allowReservedNames = false } = this.options ?? { format: "text" as const }
    return resolveFamilies(this.names, this.said.all(), format, allowReservedNames)
  }

  private build(dueBy: number | undefined): Dump {
    return buildDump(
      this.lines,
      this.names,
      this.families(),
      dueBy,
      this.options?.timestamps === "event",
      this.bytes,
      this.options?.attach.source
    )
  }
}
