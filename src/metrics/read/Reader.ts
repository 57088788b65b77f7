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
import { type Attachment, prepareAttachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits, type Refusal } from "../text/Dump.ts"
import { reservedNames } from "../text/ReservedNames.ts"
import { seriesHash } from "../text/Series.ts"
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  encode,
  HASH,
  LF,
  SPACE,
  sameBytes,
  skipBlanks,
  TAB,
  timestampBytes
} from "../text/Syntax.ts"
import { sameText } from "../text/Words.ts"
import { type Stretch, standsAt, stretchOf } from "./Comments.ts"
import { Failure } from "./Failure.ts"
import { Follower, OTHER } from "./Follower.ts"
import { LineEnd } from "./LineEnd.ts"
import { endOfBeginning, hashOfBeginning } from "./LineHash.ts"
import { LineParser } from "./LineParser.ts"
import {
  FIELDS,
  GROUP,
  LENGTH,
  MAX_PART,
  MISC,
  NAME,
  OWN,
  RAW,
  HASH as SERIES,
  START,
  TAIL_SHIFT
} from "./LineRecord.ts"
import { fits, type Memory, type ReadOptions, sameAttach } from "./Memory.ts"
import { Names } from "./Names.ts"
import { Reading } from "./Reading.ts"

/**
 * So many lines after the expected one are looked at: the further the more lines in a row are not there, for one label set may
 * have dozens, then not so far any more: they are new.
 */
const AHEAD = [8, 16, 64, 8]
/** Texts up to this size are copied to a place that has its view already. */
const SMALL = 8192
/** Bytes of failed attempts at values that span lines, for each byte of the text. */
const RETRIES = 2
/** A stretch of comments goes on as another one behind the line with which it has so many bytes. */
const MAX_STRETCH = 64 * 1024

const nothing = new Uint8Array(0)
const noStretches: ReadonlyArray<Stretch> = []

export class Reader {
  readonly reading = new Reading()
  private limits: ParseLimits = defaultParseLimits
  private readonly failure = new Failure()
  private readonly end: LineEnd
  private readonly parser: LineParser
  private readonly follower: Follower
  private readonly small = new Uint8Array(SMALL + 1)
  private readonly smallView = new DataView(this.small.buffer)
  /** Its beginnings, each once. */
  private readonly smalls: Array<Uint8Array | undefined> = []
  private input: Uint8Array = this.small
  private view: DataView = this.smallView
  private memory: Memory | undefined
  /** Where the text and the memory are at: the stretch that is expected next, the line of the text. */
  private stretches: ReadonlyArray<Stretch> = []
  private at = 0
  private line = 0
  /** OpenMetrics: its last line was there. */
  private ended = false
  /** All of the text so far was what was expected. */
  private inOrder = true
  /** Lines that were parsed although there is a memory, and bytes of attempts at values that span lines. */
  private missed = 0
  /** Lines in a row that were not found. */
  private strange = 0
  private retried = 0
  private lastStretch: Stretch | undefined
  private attached: { options: ReadOptions; attachment: Attachment | Refusal } | undefined

  constructor() {
    this.end = new LineEnd(this.reading.lines, this.failure)
    this.parser = new LineParser(this.reading.lines, this.end, this.failure)
    this.follower = new Follower(this.reading, this.end)
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
    const attachment = before === undefined ? this.attachmentOf(options) : undefined
    if (attachment !== undefined && "reason" in attachment) return attachment
    this.open(text)
    const time = options.timestamps === "event" ? timestampBytes(options.time) : undefined
    // A page's names stay its own; a source's in samples mode grow.
    const names =
      before === undefined ? new Names() : before.comments === undefined ? before.names : before.names.branch()
    reading.begin(this.input, options, names, before)
    this.end.use(this.input, options.format, time)
    this.parser.use(this.input, this.view, names)
    this.attachment = attachment
    this.remember(before)
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
    this.remember(undefined)
    const { input, view, reading } = this
    reading.input = input
    reading.by = undefined
    this.end.use(input, "text", undefined)
    this.parser.release(input, view)
  }

  /** Of the text at hand; undefined until a line needs it. */
  private attachment: Attachment | undefined

  private attachmentOf(options: ReadOptions): Attachment | Refusal {
    const { attached } = this
    if (attached?.options.limits === options.limits && sameAttach(attached.options.attach, options.attach))
      return attached.attachment
    const attachment = prepareAttachment(options.attach, this.limits)
    this.attached = { options, attachment }
    return attachment
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

  private remember(memory: Memory | undefined): void {
    this.memory = memory
    this.follower.follow(memory, this.input, this.view)
    this.stretches = memory?.comments?.stretches ?? noStretches
    this.at = this.line = this.missed = this.strange = this.retried = 0
    this.ended = false
    if (this.failure.told.size > 0) this.failure.told.clear()
    this.inOrder = true
  }

  private readLines(bytes: number, news: number): Refusal | undefined {
    const { input: b, reading, limits, follower } = this
    const { maxBytes } = limits
    const { format } = reading.options!
    // Lines that are not shown for their names are no series of the source's: so many more may there be.
    const maxLines = 2 * limits.maxSeries + reservedNames.size
    const stop = Math.min(b.length, this.at + bytes)
    follower.stop = stop
    const mostNews = reading.news + news
    let p = this.at
    while (p < stop && reading.news < mostNews && !this.ended) {
      const c = b[p]!
      const begun = c <= HASH || follower.nextStretch === follower.expected ? this.passStretch(p) : p
      if (begun > p) {
        p = begun
        if (format === "openmetrics" && this.lastStretch!.ends) this.ended = true
        continue
      }
      const from = skipBlanks(b, p)
      this.line++
      follower.further = 0
      let end = follower.expected < 0 ? OTHER : follower.read(follower.expected, from)
      if (end === OTHER) {
        this.inOrder = false
        end = this.find(from)
        if (end === OTHER) {
          end = this.readNew(from)
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
    this.at = this.ended ? this.refuseRest(p, stop) : p
    return undefined
  }

  /** The text was read to its end. */
  private close(): Refusal | undefined {
    const { reading, memory, follower } = this
    if (reading.options!.format === "openmetrics" && !this.ended)
      return {
        reason: "no-eof",
        detail: "OpenMetrics text must end with # EOF; the text is cut off or of another format",
        line: 0
      }
    reading.same =
      this.inOrder &&
      memory !== undefined &&
      follower.expected < 0 &&
      reading.stretchCount === memory.comments?.stretches.length
    return undefined
  }

  /** Comments and blank lines, the expected ones at once. Answers where they end. */
  private passStretch(from: number): number {
    const { input: b, reading, stretches, follower } = this
    const at = follower.stretch
    if (at < stretches.length && (follower.nextStretch === follower.expected || follower.expected < 0)) {
      const stretch = stretches[at]!
      const end = from + stretch.view.byteLength
      const full = end - from >= MAX_STRETCH
      if (standsAt(stretch, this.view, from, b.length) && (full || !this.goesOn(end))) {
        follower.passStretch()
        this.note(stretch, from)
        return end
      }
    }
    const c = b[from]
    if (c !== HASH && c !== LF && c !== SPACE && c !== TAB) return from
    const { format } = reading.options!
    let end = from
    while (end - from < MAX_STRETCH && this.goesOn(end)) {
      const ends = format === "openmetrics" && isEnd(b, end)
      end = b.indexOf(LF, end) + 1
      if (ends) break
    }
    if (end > from) this.inOrder = false
    if (end > from) this.note(stretchOf(b, from, end, format, this.limits), from)
    return end
  }

  /** A comment or a blank line begins here. */
  private goesOn(at: number): boolean {
    const { input: b } = this
    if (at >= b.length) return false
    const c = b[skipBlanks(b, at)]
    return c === HASH || c === LF
  }

  private note(stretch: Stretch, from: number): void {
    this.lastStretch = stretch
    this.reading.comment(stretch)
    const { wrong } = stretch
    if (wrong !== undefined)
      this.reading.refuse("metadata", wrong.detail, this.line + wrong.line + 1, from + wrong.at, wrong.count)
    this.line += stretch.lines
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
    const { memory, input: b, follower } = this
    if (memory === undefined) return OTHER
    let line = follower.expected
    const ahead = AHEAD[Math.min(this.strange, AHEAD.length - 1)]!
    for (let k = 0; k < ahead && line >= 0; k++) {
      line = follower.after(line)
      if (line < 0) break
      const end = follower.mayBe(line, from) ? follower.read(line, from) : OTHER
      if (end !== OTHER) return end
    }
    const beginning = endOfBeginning(b, from, b.length)
    if (beginning < 0) return OTHER
    for (
      line = memory.find(hashOfBeginning(this.view, from, beginning), this.missed);
      line >= 0;
      line = memory.next(line)
    ) {
      const end = follower.mayBe(line, from) ? follower.read(line, from) : OTHER
      if (end !== OTHER) return end
    }
    return OTHER
  }

  /** The first sight of a line. */
  private readNew(from: number): number {
    const { input: b, reading, parser } = this
    const { lines } = reading
    const start = lines.length
    if (this.attachment === undefined) {
      const attachment = this.attachmentOf(reading.options!)
      if ("reason" in attachment) return this.failure.because("syntax", attachment.detail)
      this.attachment = attachment
    }
    parser.attach(this.attachment, this.limits)
    parser.labels.text.spans = this.retried < RETRIES * b.length
    parser.labels.text.multiline = parser.labels.text.spans && reading.options!.format === "text"
    const end = parser.read(from)
    if (end < 0) {
      lines.length = start
      this.retried += parser.labels.text.reached - from
      return -1
    }
    const n = reading.count
    if (n === reading.known.length) reading.grow()
    const { records } = reading
    const { labels, valueAt, prefixEnd } = parser
    const name = parser.keepName()
    const own = labels.ownEnd - start
    const tail = valueAt - labels.ownEnd
    const sent = prefixEnd - from
    const isCanonical = this.isCanonical(from, prefixEnd, start, own)
    // Of `a1` and `a+1` the latter would be known by its `a`.
    const last = b[prefixEnd - 1]!
    const isClosed = last === SPACE || last === TAB || last === BRACE_CLOSE
    const fit = isClosed && !labels.text.odd && own <= MAX_PART && tail <= MAX_PART && sent <= MAX_PART
    const to = n * FIELDS
    records[to + START] = start
    records[to + LENGTH] = lines.length - start
    records[to + RAW] = from
    records[to + OWN] = fit ? own | ((isCanonical ? 0 : sent) << 16) : 0
    records[to + NAME] = name.id
    records[to + SERIES] = seriesHash(name.hash, labels.hash)
    records[to + GROUP] = (labels.hash - labels.inner) | 0
    records[to + MISC] = labels.flags | this.follower.endFlags(n) | (fit ? tail << TAIL_SHIFT : 0)
    reading.known[n] = -1
    reading.values[n] = this.end.number()
    reading.count = n + 1
    reading.news++
    this.missed++
    this.line += labels.text.feeds
    return end
  }

  /** Whether the line was sent as it is written: then it is compared with its canonical form. */
  private isCanonical(from: number, prefixEnd: number, start: number, own: number): boolean {
    const { input: b, reading, view } = this
    const { bytes } = reading.lines
    if (prefixEnd - from < own || !sameText(reading.view, start, view, from, own)) return false
    let p = from + own
    if (bytes[start + own] !== BRACE_OPEN) {
      if (b[p] === COMMA) p++
      if (b[p++] !== BRACE_CLOSE) return false
    } else if (b[p] === BRACE_OPEN) {
      if (b[p + 1] !== BRACE_CLOSE) return false
      p += 2
    }
    return b[p] === SPACE && p + 1 === prefixEnd
  }
}

/** The line is OpenMetrics' last one. */
const isEnd = (b: Uint8Array, line: number): boolean =>
  sameBytes(b, line, Math.min(b.length, line + END.length), END, 0, END.length) &&
  (b[line + END.length] === LF || line + END.length === b.length)

const END = encode("# EOF")
