/**
 * LineParser: one sample line of either format into its canonical form in the line buffer, in one pass over its bytes. It keeps no
 * string and makes no object for a line; what it finds out is in its fields until the next line.
 *
 * What it takes is what Prometheus' parsers take (promlex.l, openmetricslex.l), with the text format's freedom of blanks in both
 * formats. Where it answers -1 the line is not shown, and `failure` says why.
 */
import { isUtf8 } from "node:buffer"
import type { Attachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits } from "../text/Dump.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  continuesMetricName,
  decode,
  EQUALS,
  isText,
  LF,
  QUOTE,
  SPACE,
  shown,
  skipBlanks,
  startsMetricName,
  unescapeValue
} from "../text/Syntax.ts"
import type { Failure } from "./Failure.ts"
import { LabelParser } from "./LabelParser.ts"
import type { LineEnd } from "./LineEnd.ts"
import { type Names, quotedBytes, type SampleName } from "./Names.ts"

export class LineParser {
  readonly labels: LabelParser
  /** Of the line at hand, as are the labels' fields. */
  name: SampleName | undefined
  /** Where in the line buffer its value begins. */
  valueAt = 0
  /** Where in the input its value begins. */
  prefixEnd = 0
  /** So many bytes from its start are as they were sent for certain. */
  alike = 0
  private limits = defaultParseLimits
  private readonly out: LineBuffer
  private readonly end: LineEnd
  private readonly failure: Failure
  private input: Uint8Array = new Uint8Array(1)
  private view = new DataView(this.input.buffer)
  private growth = 0
  private attached: Attachment | undefined
  private names: Names | undefined

  constructor(out: LineBuffer, end: LineEnd, failure: Failure) {
    this.out = out
    this.end = end
    this.failure = failure
    this.labels = new LabelParser(out, failure)
  }

  /** Another text; `view` is of it. */
  use(input: Uint8Array, view: DataView, names: Names): void {
    this.input = input
    this.view = view
    this.labels.before.forget()
    this.attached = undefined
    if (this.names !== names) this.name = undefined
    this.names = names
  }

  /** Instead of the text. */
  release(input: Uint8Array, view: DataView): void {
    this.input = input
    this.view = view
    this.labels.release(input, view)
    this.name = this.names = undefined
  }

  /** What the lines of the text get. */
  attach(attachment: Attachment, limits: ParseLimits): void {
    if (this.attached === attachment) return
    this.limits = limits
    this.attached = attachment
    this.growth = attachment.growth
    this.labels.use(this.input, this.view, attachment, limits)
  }

  /** The line whose first byte that is no blank is at `from`. Answers the position after its line feed. */
  read(from: number): number {
    const { input: b, out, labels, failure } = this
    const { before } = labels
    // Mostly there is room for all that may still come; else for the line, which makes room itself where it spans more.
    const rest = b.length - from
    if (out.bytes.length - out.length < rest + this.growth)
      out.reserve(Math.min(rest, b.indexOf(LF, from) + 1 - from) + this.growth)
    const start = out.length
    labels.start = start
    labels.text.reached = from
    const labelsAlike = before.labelsWithin(before.copyBeginning(this.view, from, rest, out.view, start))
    let i = from
    this.alike = 0
    if (labelsAlike >= 0) {
      const length = before.endOf(labelsAlike)
      this.alike = length
      this.name = before.name
      out.length = start + length
      i = labels.parseRest(from + length, labelsAlike)
    } else i = this.readBeginning(from)
    before.forget()
    if (i < 0) return -1
    const name = this.name!
    out.put(SPACE)
    this.valueAt = out.length
    this.prefixEnd = i = skipBlanks(b, i)
    i = this.end.read(i, name)
    if (i < 0) return -1
    if (!this.end.isValid && !isUtf8(b.subarray(from, i)))
      return failure.because("not-utf8", () => `${name.text}: the line is not valid UTF-8`)
    before.keep(name, start, labels.alike)
    return i
  }

  /** Its name and labels, from the first byte on. */
  private readBeginning(from: number): number {
    const { input: b, out, failure } = this
    let i = from
    let passed = -1
    if (startsMetricName(b[i]!)) {
      do i++
      while (continuesMetricName(b[i]!))
      if (!this.isShort(i - from)) return -1
      this.name = this.nameOf(from, i)
      i = skipBlanks(b, i)
    } else {
      if (b[i] !== BRACE_OPEN) return failure.because("syntax", () => `${shown(b, i)} where a metric name should begin`)
      passed = this.quotedName(i + 1)
      if (passed < 0) return -1
    }
    const name = this.name!
    if (name.quoted) {
      const bytes = this.inQuotes(name)
      out.reserve(b.length - i + bytes.length + this.growth)
      out.write(bytes, 0, bytes.length)
    } else if (passed < 0) out.write(b, from, from + name.text.length)
    else {
      out.reserve(b.length - i + name.text.length + this.growth)
      out.writeText(name.text)
    }
    return this.labels.parse(i, name, passed)
  }

  /** The line that was read is kept, and so is its name. */
  keepName(): SampleName {
    const name = this.name!
    this.names!.keep(name)
    return name
  }

  private quoted = ""
  private quotedBytes: Uint8Array = new Uint8Array(0)

  /** Lines of one name follow each other. */
  private inQuotes({ text }: SampleName): Uint8Array {
    if (text !== this.quoted) {
      this.quoted = text
      this.quotedBytes = quotedBytes(text)
    }
    return this.quotedBytes
  }

  /** Lines of one name follow each other: the map of names is hardly asked. */
  private nameOf(start: number, end: number): SampleName {
    const { input: b, name } = this
    if (name !== undefined && isText(b, start, end, name.text)) return name
    return this.names!.ofBytes(b, start, end)
  }

  private isShort(length: number): boolean {
    if (length <= this.limits.maxLabelValue) return true
    this.failure.because("too-large", () => `a name of ${length} bytes, the limit is ${this.limits.maxLabelValue}`)
    return false
  }

  /** Finds the metric's name among the labels, where it stands alone; answers where. */
  private quotedName(from: number): number {
    const { input: b, labels, failure } = this
    let found = -1
    let isValue = false
    for (let i = skipBlanks(b, from); b[i] !== BRACE_CLOSE; ) {
      if (b[i] === QUOTE) {
        const start = i
        const end = labels.text.endOfString(i)
        if (end < 0) return failure.because("syntax", "a name in quotes is not closed")
        i = skipBlanks(b, end)
        if (isValue || (b[i] !== COMMA && b[i] !== BRACE_CLOSE)) {
          isValue = false
          continue
        }
        if (found >= 0) return failure.because("syntax", "two metric names in one line")
        if (!this.isShort(end - start)) return -1
        if (!this.end.isValid && !isUtf8(b.subarray(start, end)))
          return failure.because("not-utf8", "a name in quotes is not valid UTF-8")
        const text = unescapeValue(decode(b, start + 1, end - 1))
        if (text === "" || text.includes("\0")) return failure.because("syntax", "a metric name is empty, or has a NUL")
        this.name = this.names!.ofText(text)
        found = start
      } else if (b[i] === LF || i >= b.length) return failure.because("syntax", "labels are not closed")
      else if (b[i] === EQUALS) {
        isValue = true
        i = skipBlanks(b, i + 1)
      } else i++
    }
    return found >= 0 ? found : failure.because("syntax", "a line without a metric name")
  }
}
