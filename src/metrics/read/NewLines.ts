/**
 * NewLines: the first sight of a line: it is parsed, and what is known of it from now on is noted down in the reading. Here, too, is what
 * only new lines need: the labels that are attached to them, made when one is there.
 */
import { type Attachment, prepareAttachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits, type Refusal } from "../text/Dump.ts"
import { seriesHash } from "../text/Series.ts"
import { BRACE_CLOSE, SPACE, TAB } from "../text/Syntax.ts"
import { sameText } from "../text/Words.ts"
import type { Failure } from "./Failure.ts"
import type { LineEnd } from "./LineEnd.ts"
import { LineParser } from "./LineParser.ts"
import { FIELDS, GROUP, HASH, LENGTH, MAX_PART, MISC, NAME, OWN, RAW, START, TAIL_SHIFT } from "./LineRecord.ts"
import { type ReadOptions, sameAttach } from "./Memory.ts"
import type { Names } from "./Names.ts"
import type { Reading } from "./Reading.ts"
import { valueBehind } from "./ValuePlace.ts"

/** Bytes of failed attempts at values that span lines, for each byte of the text. */
const RETRIES = 2

export class NewLines {
  /** Of the text so far: lines that were parsed. */
  count = 0
  /** Of the line at hand: line feeds within it. */
  feeds = 0
  private readonly reading: Reading
  private readonly end: LineEnd
  private readonly failure: Failure
  private readonly parser: LineParser
  private input: Uint8Array = new Uint8Array(1)
  private view = new DataView(this.input.buffer)
  private limits: ParseLimits = defaultParseLimits
  /** Of the text at hand; undefined until a line needs it. */
  private attachment: Attachment | undefined
  /** The last one that was made. */
  private attached: { options: ReadOptions; attachment: Attachment | Refusal } | undefined
  /** Bytes of attempts at values that span lines. */
  private retried = 0

  constructor(reading: Reading, end: LineEnd, failure: Failure) {
    this.reading = reading
    this.end = end
    this.failure = failure
    this.parser = new LineParser(reading.lines, end, failure)
  }

  /** Another text; `attachment`: where it is made already. */
  use(input: Uint8Array, view: DataView, names: Names, limits: ParseLimits, attachment: Attachment | undefined): void {
    this.input = input
    this.view = view
    this.limits = limits
    this.attachment = attachment
    this.count = this.retried = 0
    this.parser.use(input, view, names)
  }

  /** Instead of the text. */
  release(input: Uint8Array, view: DataView): void {
    this.input = input
    this.view = view
    this.parser.release(input, view)
  }

  /** What lines get that are read under these options. */
  attachmentOf(options: ReadOptions): Attachment | Refusal {
    const { attached } = this
    if (attached?.options.limits === options.limits && sameAttach(attached.options.attach, options.attach))
      return attached.attachment
    const attachment = prepareAttachment(options.attach, options.limits)
    this.attached = { options, attachment }
    return attachment
  }

  /** Reads the line whose first byte that is no blank is at `from`. Answers where it goes on, -1 where it is not shown. */
  read(from: number): number {
    const { input: b, reading, parser } = this
    const { lines } = reading
    const { text } = parser.labels
    const start = lines.length
    if (this.attachment === undefined) {
      const attachment = this.attachmentOf(reading.options!)
      if ("reason" in attachment) return this.failure.because("syntax", attachment.detail)
      this.attachment = attachment
    }
    parser.attach(this.attachment, this.limits)
    text.spans = this.retried < RETRIES * b.length
    text.multiline = text.spans && reading.options!.format === "text"
    const end = parser.read(from)
    if (end < 0) {
      lines.length = start
      this.retried += text.reached - from
      return -1
    }
    this.note(from, start)
    this.count++
    this.feeds = text.feeds
    return end
  }

  private note(from: number, start: number): void {
    const { input: b, reading, parser } = this
    const n = reading.count
    if (n === reading.known.length) reading.grow()
    const { records, lines } = reading
    const { labels, valueAt, prefixEnd } = parser
    const name = parser.keepName()
    const own = labels.ownEnd - start
    const tail = valueAt - labels.ownEnd
    const sent = prefixEnd - from
    // Of `a1` and `a+1` the latter would be known by its `a`.
    const last = b[prefixEnd - 1]!
    const isClosed = last === SPACE || last === TAB || last === BRACE_CLOSE
    const fits = isClosed && !labels.text.odd && own <= MAX_PART && tail <= MAX_PART && sent <= MAX_PART
    const to = n * FIELDS
    records[to + START] = start
    records[to + LENGTH] = lines.length - start
    records[to + RAW] = from
    records[to + OWN] = fits ? own | ((this.isCanonical(from, start, own) ? 0 : sent) << 16) : 0
    records[to + NAME] = name.id
    records[to + HASH] = seriesHash(name.hash, labels.sums.hash)
    records[to + GROUP] = (labels.sums.hash - labels.sums.inner) | 0
    records[to + MISC] = labels.sums.flags | reading.noteEnd(n, this.end) | (fits ? tail << TAIL_SHIFT : 0)
    reading.known[n] = -1
    if (!fits) reading.values[n] = this.end.number()
    reading.count = n + 1
    reading.news++
  }

  /** Whether the line was sent as it is written: then it is compared with its canonical form. */
  private isCanonical(from: number, start: number, own: number): boolean {
    const { input: b, reading, view } = this
    const { alike, prefixEnd } = this.parser
    const { bytes } = reading.lines
    if (prefixEnd - from < own || !sameText(reading.view, start + alike, view, from + alike, own - alike)) return false
    return valueBehind(b, from + own, bytes[start + own]!) === prefixEnd
  }
}
