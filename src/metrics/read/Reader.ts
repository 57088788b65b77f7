/**
 * Reader: the one way in which text becomes lines, however it was sent. Each line is compared with the one that its source sent in
 * this place before, up to its value, and copied in the same step; what costs is a scan and a copy. A line that came, went or
 * moved costs itself: the reader looks for it among the next ones, then by its hash, and parses what it has never seen.
 *
 * Promise: what a text comes to depends on the text and the options alone; the memory only saves work. A known line
 * becomes what parsing would make of it: its name and labels are the same, and its end is read by the same code. A line that
 * cannot be read is left out, counted, and nothing else is lost. Never throws. One text at a time, at once (`read`), or so many
 * bytes at a time (`begin`, then `readOn`): what it comes to is the same, and until it is read the reader is that text's alone.
 */
import { defaultParseLimits, type InputFormat, type ParseLimits, type Refusal } from "../text/Dump.ts"
import { reservedNames } from "../text/ReservedNames.ts"
import { HASH, LF, skipBlanks, timestampBytes } from "../text/Syntax.ts"
import { CommentReader } from "./CommentReader.ts"
import { Failure } from "./Failure.ts"
import { Follower, OTHER } from "./Follower.ts"
import { LineEnd } from "./LineEnd.ts"
import { endOfBeginning, hashOfBeginning } from "./LineHash.ts"
import { fits, type Memory, type ReadOptions } from "./Memory.ts"
import { Names } from "./Names.ts"
import { NewLines } from "./NewLines.ts"
import { Reading } from "./Reading.ts"
import { Sequence } from "./Sequence.ts"

/**
 * So many lines after the expected one are looked at: the further the more lines in a row are not there, for one label set may
 * have dozens, then not so far any more: they are new.
 */
const AHEAD = [8, 16, 64, 8]
/** Texts up to this size are copied to a place that has its view already. */
const SMALL = 8192
const nothing = new Uint8Array(0)

export class Reader {
  readonly reading = new Reading()
  private limits: ParseLimits = defaultParseLimits
  private readonly failure = new Failure()
  private readonly end: LineEnd
  private readonly sequence = new Sequence()
  private readonly follower: Follower
  private readonly comments: CommentReader
  private readonly newLines: NewLines
  private readonly small = new Uint8Array(SMALL + 1)
  private readonly smallView = new DataView(this.small.buffer)
  /** Its beginnings, each once. */
  private readonly smalls: Array<Uint8Array | undefined> = []
  private input: Uint8Array = this.small
  private view: DataView = this.smallView
  private memory: Memory | undefined
  /** Where the text is at, and in which of its lines. */
  private at = 0
  private line = 0
  /** All lines so far were the expected ones. */
  private inOrder = true
  /** Lines in a row that were not found. */
  private strange = 0

  constructor() {
    this.end = new LineEnd(this.reading.lines, this.failure)
    this.follower = new Follower(this.reading, this.end, this.sequence)
    this.comments = new CommentReader(this.reading, this.sequence)
    this.newLines = new NewLines(this.reading, this.end, this.failure)
  }

  /** Answers the reading, which is good until the next call, or why the text as a whole is not taken. */
  read(text: Uint8Array, options: ReadOptions, memory: Memory | undefined): Reading | Refusal {
    const all = Number.POSITIVE_INFINITY
    return this.begin(text, options, memory) ?? this.readOn(all, all)!
  }

  /** Answers why nothing is to be read of the text. */
  begin(text: Uint8Array, options: ReadOptions, memory: Memory | undefined): Refusal | undefined {
    const { reading } = this
    const { limits } = options
    this.limits = limits
    if (text.length > limits.maxBytes)
      return { reason: "too-large", detail: `${text.length} bytes, the limit is ${limits.maxBytes}`, line: 0 }
    const before = memory !== undefined && fits(memory.options, options) ? memory : undefined
    // Lines that are known have it already.
    const attachment = before === undefined ? this.newLines.attachmentOf(options) : undefined
    if (attachment !== undefined && "reason" in attachment) return attachment
    this.open(text)
    const time = options.timestamps === "event" ? timestampBytes(options.time) : undefined
    // A page's names stay its own; a source's in samples mode grow.
    const names =
      before === undefined ? new Names() : before.comments === undefined ? before.names : before.names.branch()
    reading.begin(this.input, options, names, before)
    this.end.use(this.input, options.format, time)
    this.newLines.use(this.input, this.view, names, limits, attachment)
    this.remember(before, options.format)
    return undefined
  }

  /**
   * Reads so many bytes more and the rest of the line in which they end, but of lines that are not known at most so many; undefined
   * where the text goes on.
   */
  readOn(bytes: number, news: number): Reading | Refusal | undefined {
    const refused = this.readLines(bytes, news)
    if (refused !== undefined) return refused
    return this.at < this.input.length ? undefined : (this.close() ?? this.reading)
  }

  /** Lets go of the text and of what it was read by, which may be large and of no other use. The reading is not good any more. */
  release(): void {
    this.open(nothing)
    this.remember(undefined, "text")
    const { input, view, reading } = this
    reading.input = input
    reading.by = undefined
    this.end.use(input, "text", undefined)
    this.newLines.release(input, view)
  }

  /** The line feed at the end lets every loop over a line do without a check for the end of input. */
  private open(text: Uint8Array): void {
    const { length } = text
    const closed = length > 0 && text[length - 1] === LF
    if (length <= SMALL) {
      const { small, smalls } = this
      small.set(text)
      small[length] = LF
      const end = closed || length === 0 ? length : length + 1
      this.input = smalls[end] ??= small.subarray(0, end)
      this.view = this.smallView
      return
    }
    // A plain Uint8Array also where a Buffer came: the loops then see one kind of object.
    let input = new Uint8Array(text.buffer as ArrayBuffer, text.byteOffset, length)
    if (!closed) {
      input = new Uint8Array(length + 1)
      input.set(text)
      input[length] = LF
    }
    this.input = input
    this.view = new DataView(input.buffer, input.byteOffset, input.length)
  }

  private remember(memory: Memory | undefined, format: InputFormat): void {
    const { input, view } = this
    this.memory = memory
    this.sequence.follow(memory)
    this.follower.follow(memory, input, view)
    this.comments.use(input, view, format, this.limits, memory)
    this.at = this.line = this.strange = 0
    if (this.failure.told.size > 0) this.failure.told.clear()
    this.inOrder = true
  }

  private readLines(bytes: number, news: number): Refusal | undefined {
    const { input: b, reading, limits, follower, sequence, comments, newLines } = this
    const { maxBytes } = limits
    // Lines that are not shown for their names are no series of the source's: so many more may there be.
    const maxLines = 2 * limits.maxSeries + reservedNames.size
    const stop = Math.min(b.length, this.at + bytes)
    follower.stop = stop
    const mostNews = reading.news + news
    let p = this.at
    while (p < stop && reading.news < mostNews && !comments.ended) {
      const c = b[p]!
      const begun = c <= HASH || sequence.nextStretch === sequence.line ? comments.read(p, this.line) : p
      if (begun > p) {
        p = begun
        this.line += comments.lines
        continue
      }
      const from = skipBlanks(b, p)
      this.line++
      follower.further = 0
      let end = sequence.line < 0 ? OTHER : follower.read(sequence.line, from)
      if (end === OTHER) {
        this.inOrder = false
        end = this.find(from)
        if (end === OTHER) {
          end = newLines.read(from)
          if (end >= 0) this.line += newLines.feeds
          this.strange++
        } else this.strange = 0
      } else this.strange = 0
      if (end < 0) {
        this.inOrder = false
        const { reason, detail } = this.failure
        reading.refuse(reason, detail, this.line, from)
        this.failure.told.add(reason)
        for (p = from; b[p] !== LF; ) p++
        p++
        continue
      }
      p = end
      this.line += follower.further
      if (reading.count > maxLines)
        return { reason: "too-many-series", detail: `more than ${limits.maxSeries} series`, line: 0 }
      if (reading.lines.length > maxBytes)
        return { reason: "too-large", detail: `more than ${maxBytes} bytes with the attached labels`, line: 0 }
    }
    this.at = comments.ended ? this.refuseRest(p, stop) : p
    return undefined
  }

  /** The text was read to its end. */
  private close(): Refusal | undefined {
    const { reading, memory, sequence, comments } = this
    if (reading.options!.format === "openmetrics" && !comments.ended)
      return {
        reason: "no-eof",
        detail: "OpenMetrics text must end with # EOF; the text is cut off or of another format",
        line: 0
      }
    reading.same =
      this.inOrder &&
      comments.inOrder &&
      memory !== undefined &&
      sequence.line < 0 &&
      reading.stretchCount === memory.comments?.stretches.length
    return undefined
  }

  /** OpenMetrics: nothing may follow its end. Answers where it goes on. */
  private refuseRest(from: number, stop: number): number {
    const { input: b, reading } = this
    let p = from
    for (; p < stop; p = b.indexOf(LF, p) + 1) {
      this.line++
      reading.refuse("after-eof", "text after # EOF", this.line, p)
    }
    return p
  }

  /** The line among those that are known, read; OTHER where it is not. */
  private find(from: number): number {
    const { memory, input: b, follower, sequence } = this
    if (memory === undefined) return OTHER
    let line = sequence.line
    const ahead = AHEAD[Math.min(this.strange, AHEAD.length - 1)]!
    for (let k = 0; k < ahead && line >= 0; k++) {
      line = sequence.after(line)
      if (line < 0) break
      const end = follower.probe(line, from)
      if (end !== OTHER) return end
    }
    const beginning = endOfBeginning(b, from, b.length)
    if (beginning < 0) return OTHER
    for (
      line = memory.find(hashOfBeginning(this.view, from, beginning), this.newLines.count);
      line >= 0;
      line = memory.next(line)
    ) {
      const end = follower.probe(line, from)
      if (end !== OTHER) return end
    }
    return OTHER
  }
}
