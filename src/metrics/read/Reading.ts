/**
 * Reading: what one text came to: its good lines, canonical, in the order of the input, with what is known of each, and the lines that are
 * not shown. It is one for a reader and good until the next text is read; whoever wants to keep something of it makes a copy.
 */
import type { LineReason, RefusedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { LineBuffer } from "../text/LineBuffer.ts"
import { type Comments, type Stretch, sizeOfStretches } from "./Comments.ts"
import type { LineEnd } from "./LineEnd.ts"
import { ENDS, FIELDS, GROUP, HAS_EXEMPLAR, HAS_TIME, HASH, MISC, NAME, OWN, RAW, START } from "./LineRecord.ts"
import type { Memory, ReadOptions } from "./Memory.ts"
import type { Names } from "./Names.ts"
import type { Statement } from "./Statement.ts"

const none: ReadonlyArray<Statement> = []
const nothing: ReadonlyArray<RefusedLines> = []
const noComments: Comments = { stretches: [], before: new Uint32Array(0), statements: none, bytes: 0 }
const MANY = 256 * 1024

export const reservedDetail = (lines: number): string =>
  `lines under names that Prometheus itself writes are not shown: ${lines} of this record; --allow-reserved-names shows them`

export class Reading {
  readonly lines = new LineBuffer()
  /** As in LineRecord; START is in `lines`, RAW in the input. Of known lines START, LENGTH and their ends' flags, until completed. */
  records = new Int32Array(FIELDS * 1024)
  /** The line of the memory that each one is, -1 where it is new. */
  known = new Int32Array(1024)
  /** The numbers of lines that are known to be under a rule, and of those whose records do not tell where they are (OWN is 0). */
  values = new Float64Array(1024)
  /** Milliseconds, of lines with a timestamp of their own alone: see stampOf. */
  stamps = new Float64Array(1024)
  count = 0
  /** Lines that are not known. */
  news = 0
  /** All lines and comments of the memory, in their order, and nothing else. */
  same = false
  /** Some line has an exemplar, or in event mode a timestamp of its own: then its end decides more than its value. */
  hasEnds = false
  /** Some line was cut or taken out: its bytes are there still. */
  hasGaps = false
  options: ReadOptions | undefined
  names: Names | undefined
  /** Bytes of the text, also when it is gone. */
  size = 0
  /** What it was read by: none, where what was known did not fit. */
  by: Memory | undefined
  /** The text that was read, while it is there; it ends in a line feed. */
  input: Uint8Array = new Uint8Array(1)
  private isComplete = false
  private stretches: Array<Stretch> = []
  private before: Array<number> = []
  private readonly refusals = new Map<LineReason, { count: number; line: number; detail: string; sample: string }>()

  begin(input: Uint8Array, options: ReadOptions, names: Names, by: Memory | undefined): void {
    this.by = by
    this.input = input
    this.size = input.length
    this.options = options
    this.names = names
    this.lines.begin(by?.expects(input.length) ?? 0)
    this.count = this.news = 0
    this.same = this.hasEnds = this.hasGaps = this.isComplete = false
    if (this.stretches.length > 0) {
      this.stretches = []
      this.before = []
    }
    if (this.refusals.size > 0) this.refusals.clear()
    if (this.known.length > MANY) this.resize(1024)
  }

  /** Its lines, to be read eight bytes at a time. */
  get view(): DataView {
    return this.lines.view
  }

  /** Room for one more line. */
  grow(): void {
    this.resize(this.known.length * 2)
  }

  /** Milliseconds, NaN where the line has no timestamp of its own. */
  stampOf(n: number): number {
    return (this.records[n * FIELDS + MISC]! & HAS_TIME) === 0 ? Number.NaN : this.stamps[n]!
  }

  /** What is known of known lines is put beside what is new of them; of these lines, where all are done one after the other. */
  complete(first = 0, last = this.count): void {
    const { by, records, known, count } = this
    if (by === undefined || this.isComplete) return
    this.isComplete = last === count
    const { records: from, stride } = by
    for (let n = first; n < last; n++) {
      const line = known[n]!
      if (line < 0) continue
      const [at, to] = [line * stride, n * FIELDS]
      records[to + RAW] = from[at + RAW]!
      records[to + OWN] = from[at + OWN]!
      records[to + NAME] = from[at + NAME]!
      records[to + HASH] = from[at + HASH]!
      records[to + GROUP] = from[at + GROUP]!
      records[to + MISC] = records[to + MISC]! | (from[at + MISC]! & ~ENDS)
    }
  }

  /** What the end of a line tells; answers the flags of that line's record. */
  noteEnd(n: number, { stamp, hasExemplar, lostExemplar }: LineEnd): number {
    this.stamps[n] = stamp
    if (lostExemplar) this.refuse("exemplar", "an exemplar is not shown; its sample is", 0, undefined)
    const timed = !Number.isNaN(stamp)
    if (hasExemplar || (timed && this.options!.timestamps === "event")) this.hasEnds = true
    return (hasExemplar ? HAS_EXEMPLAR : 0) | (timed ? HAS_TIME : 0)
  }

  comment(stretch: Stretch): void {
    this.stretches.push(stretch)
    this.before.push(this.count)
  }

  /** `at` is where the line begins in the input; undefined where the sample is known. */
  refuse(reason: LineReason, detail: string, line: number, at: number | undefined, count = 1, sample = ""): void {
    const known = this.refusals.get(reason)
    if (known !== undefined) known.count += count
    else
      this.refusals.set(reason, {
        count,
        line,
        detail: line > 0 ? `line ${line}: ${detail}`.slice(0, 200) : detail,
        sample: at === undefined ? sample : excerpt(this.input.subarray(at), 1)
      })
  }

  /** Lines of the reading, of which the one at `first` is shown. */
  refuseMany(reason: LineReason, detail: string, count: number, first: number): void {
    const start = this.records[first * FIELDS + START]!
    this.refuse(reason, detail, 0, undefined, count, excerpt(this.lines.bytes.subarray(start, this.lines.length), 1))
  }

  /** Takes the lines out that are not shown for their names. */
  dropReserved(): void {
    const names = this.names!
    if (this.options!.allowReservedNames === true || !names.hasReserved) return
    this.complete()
    const gone: Array<number> = []
    for (let n = 0; n < this.count; n++) if (names.isReserved(this.records[n * FIELDS + NAME]!)) gone.push(n)
    if (gone.length === 0) return
    this.refuseMany("reserved-name", reservedDetail(gone.length), gone.length, gone[0]!)
    this.take(gone)
  }

  /** These lines, in order, are not the reading's any more. */
  take(gone: ReadonlyArray<number>): void {
    const { records, known, values, stamps } = this
    let to = gone[0]!
    for (let n = to, k = 0; n < this.count; n++) {
      if (n === gone[k]) {
        k++
        continue
      }
      records.copyWithin(to * FIELDS, n * FIELDS, (n + 1) * FIELDS)
      known[to] = known[n]!
      values[to] = values[n]!
      stamps[to] = stamps[n]!
      to++
    }
    this.count = to
    this.same = false
    this.hasGaps = true
  }

  /** What was refused so far, the first kind first. */
  refused(): ReadonlyArray<RefusedLines> {
    if (this.refusals.size === 0) return nothing
    return Array.from(this.refusals, ([reason, rest]) => ({ reason, ...rest }))
  }

  comments(): Comments {
    const { stretches } = this
    // An empty one is the next text's to fill.
    if (stretches.length === 0) return noComments
    return {
      stretches,
      before: Uint32Array.from(this.before),
      statements: this.statements(),
      bytes: sizeOfStretches(stretches)
    }
  }

  /** What the comments say, in their order. */
  statements(): ReadonlyArray<Statement> {
    const { stretches } = this
    if (stretches.length === 0) return none
    return stretches.length === 1 ? stretches[0]!.statements : stretches.flatMap((stretch) => stretch.statements)
  }

  /** It says nothing. */
  get isEmpty(): boolean {
    return (
      this.count === 0 &&
      this.stretches.every(({ statements, wrong }) => statements.length === 0 && wrong === undefined)
    )
  }

  get stretchCount(): number {
    return this.stretches.length
  }

  private resize(lines: number): void {
    this.records = resized(this.records, new Int32Array(lines * FIELDS))
    this.known = resized(this.known, new Int32Array(lines))
    this.values = resized(this.values, new Float64Array(lines))
    this.stamps = resized(this.stamps, new Float64Array(lines))
  }
}

const resized = <A extends Int32Array | Float64Array>(from: A, to: A): A => {
  if (from.length <= to.length) to.set(from)
  return to
}
