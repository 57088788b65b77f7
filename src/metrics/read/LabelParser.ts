/**
 * LabelParser: the labels of one sample line from the input to the line buffer, in one pass over their bytes.
 *
 * They come out final: empty ones gone, the attached ones there, a foreign value of the source label renamed, escapes and
 * quotes in the one form that all parsers take. What it accepts is
 * what Prometheus' text parser accepts (promlex.l, promparse.go), in both formats: blanks and missing commas too.
 */
import type { Attachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits } from "../text/Dump.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import { BRACE_CLOSE, BRACE_OPEN, COMMA, decode, isText, LF, skipBlanks, UNDERSCORE } from "../text/Syntax.ts"
import { AttachedLabels } from "./AttachedLabels.ts"
import type { Failure } from "./Failure.ts"
import { LabelNames } from "./LabelNames.ts"
import { isBound, LabelSums } from "./LabelSums.ts"
import { LabelText } from "./LabelText.ts"
import { LineBefore } from "./LineBefore.ts"
import { HAS_STATE, QUOTED } from "./LineRecord.ts"
import type { SampleName } from "./Names.ts"

export class LabelParser {
  /** What the labels of the line at hand tell. */
  readonly sums: LabelSums
  /** Where in the line buffer the own labels end and the attached ones begin; without own labels, where the name ends. */
  ownEnd = 0
  /** How its bytes are read. */
  readonly text: LabelText
  /** Noted down while labels are read; kept, or not, by who has the whole line. */
  readonly before = new LineBefore()
  /** Where the line at hand begins in the line buffer. */
  start = 0
  private input: Uint8Array = new Uint8Array(1)
  private view = new DataView(this.input.buffer)
  private limits = defaultParseLimits
  private readonly line: LineBuffer
  private readonly failure: Failure
  private readonly names: LabelNames
  private readonly attached: AttachedLabels
  /** Of the line at hand: labels that are written. */
  private written = 0
  /** The names of all its labels so far are the line before's: none comes twice, and none is an attached label's. */
  private isNamedAlike = false

  constructor(line: LineBuffer, failure: Failure) {
    this.line = line
    this.failure = failure
    this.text = new LabelText(line, failure)
    this.names = new LabelNames(line)
    this.sums = new LabelSums(line)
    this.attached = new AttachedLabels(line, this.names)
  }

  /** Instead of the text. */
  release(input: Uint8Array, view: DataView): void {
    this.input = input
    this.view = view
    this.text.use(input, this.limits, 0)
    this.before.release()
  }

  /** The text that is read from now on. */
  use(input: Uint8Array, view: DataView, attachment: Attachment, limits: ParseLimits): void {
    this.view = view
    this.names.reserve(limits.maxLabels)
    this.before.reserve(limits.maxLabels)
    this.limits = limits
    this.text.use(input, limits, attachment.growth)
    this.input = input
    this.attached.use(attachment)
  }

  /**
   * From the `{`, or from whatever follows the name of a line without labels; `passed` is where a quoted metric name stands among
   * them. The name is in the line buffer. Answers where it goes on, -1 where the line is not shown.
   */
  parse(from: number, name: SampleName, passed: number): number {
    const { input: b, line } = this
    this.begin(name)
    this.ownEnd = line.length
    if (!name.quoted) line.put(BRACE_OPEN)
    if (b[from] !== BRACE_OPEN) return this.attach(from, name)
    const end = this.readLabels(skipBlanks(b, from + 1), name, passed)
    return end < 0 ? -1 : this.attach(end, name)
  }

  /** The same where the name, and so many labels, are those of the line before, and in the line buffer: from behind them on. */
  parseRest(from: number, labels: number): number {
    const { input: b, line } = this
    const { name, hashes, flags } = this.before
    this.begin(name!)
    this.ownEnd = line.length
    this.names.count = this.written = labels
    this.isNamedAlike = true
    for (let k = 0; k < labels; k++) this.sums.add(hashes[k]!, flags[k]!)
    let i = from
    if (labels > 0) i = this.passComma(i, name!)
    else {
      line.put(BRACE_OPEN)
      i = skipBlanks(b, i + 1)
    }
    if (i >= 0) i = this.readLabels(i, name!, -1)
    return i < 0 ? -1 : this.attach(i, name!)
  }

  /** How many labels the next line can have in common with this one: none where they are not written as they were sent. */
  get alike(): number {
    const { text, names, attached } = this
    return attached.present > 0 ||
      attached.renames ||
      text.odd ||
      (this.sums.flags & QUOTED) !== 0 ||
      names.size > names.count
      ? 0
      : names.count
  }

  private begin({ quoted }: SampleName): void {
    this.sums.begin()
    this.written = quoted ? 1 : 0
    this.isNamedAlike = false
    this.text.begin()
    this.names.clear()
    this.attached.begin()
  }

  /** The labels up to the closing brace. */
  private readLabels(from: number, name: SampleName, passed: number): number {
    const { input: b, line, text, names, attached, before: known } = this
    let i = from
    while (b[i] !== BRACE_CLOSE) {
      if (i === passed) {
        const end = text.endOfString(i)
        text.noteFeeds(i, end)
        i = skipBlanks(b, end)
        if (b[i] === COMMA) i = skipBlanks(b, i + 1)
        continue
      }
      const before = line.length
      if (this.written > 0) line.put(COMMA)
      const nameAt = line.length
      const place = names.count
      const alike = name === known.name ? known.copyLabel(place, this.view, i, b.length - i, line.view, nameAt) : 0
      if (alike > 0 && alike === known.lengthOf(place)) {
        line.length = nameAt + alike
        if (!this.takeAlike(nameAt, name)) return -1
        i = this.passComma(i + alike, name)
        if (i < 0) return -1
        continue
      }
      // With `=` and the opening quote.
      const nameLength = alike > 0 ? names.lengthAt(place) + 2 : 1
      this.isNamedAlike &&= alike >= nameLength
      if (this.isNamedAlike) {
        text.nameHash = names.hashAt(place)
        line.length = nameAt + nameLength
        i += nameLength
      } else i = text.readName(i, name)
      if (i < 0) return -1
      const valueAt = line.length
      i = text.readValue(i, name)
      if (i < 0) return -1
      if (!this.isNamedAlike && !this.isNew(nameAt, valueAt - 2, text.nameHash, name)) return -1
      // An empty label is a missing one. Its name is taken none the less.
      if (line.length - 1 === valueAt) {
        names.addEmpty(nameAt, valueAt - 2, text.nameHash)
        line.length = before
        this.isNamedAlike = false
      } else {
        const which = this.isNamedAlike ? -1 : attached.named(nameAt, valueAt - 2)
        if (which === 0 && (attached.renames || !attached.isOfSource(valueAt))) {
          if (attached.renames) return this.twice(nameAt, valueAt - 2, name)
          attached.hold(valueAt)
          line.length = before
        } else {
          this.written++
          if (line.bytes[nameAt] === UNDERSCORE && line.bytes[nameAt + 1] === UNDERSCORE) text.quoted = true
          this.take(nameAt, valueAt, which < 0 ? name : undefined)
          if (which >= 0) attached.note(which)
        }
      }
      i = this.passComma(i, name)
      if (i < 0) return -1
    }
    if (attached.renames) this.sums.add(attached.rename(this.written++ > 0), 0)
    if (this.written > (name.quoted ? 1 : 0)) this.ownEnd = line.length
    return i + 1
  }

  /** What stands between two labels. */
  private passComma(from: number, name: SampleName): number {
    const { input: b } = this
    const i = skipBlanks(b, from)
    if (b[i] === COMMA) return skipBlanks(b, i + 1)
    return b[i] === LF ? this.failure.because("syntax", () => `${name.text}: the labels are not closed`) : i
  }

  /** The attached labels that the line does not have of its own, and the closing brace. Answers `end`. */
  private attach(end: number, name: SampleName): number {
    const { line, attached } = this
    this.written = attached.write(this.written)
    this.sums.add(attached.hash, 0)
    if (this.written - (name.quoted ? 1 : 0) > this.limits.maxLabels) return this.tooMany(name)
    line.put(BRACE_CLOSE)
    if (this.text.quoted || name.quoted) this.sums.flags |= QUOTED
    return end
  }

  private tooMany(name: SampleName): -1 {
    return this.failure.because("too-many-labels", () => `${name.text} has more than ${this.limits.maxLabels} labels`)
  }

  private twice(start: number, end: number, name: SampleName): -1 {
    const label = decode(this.line.bytes, start, Math.min(end, start + 60))
    return this.failure.because("duplicate-label", () => `${name.text}: label ${label} comes twice`)
  }

  private isNew(start: number, end: number, nameHash: number, name: SampleName): boolean {
    const { names, limits } = this
    const isFree = names.size < limits.maxLabels
    if (isFree && !names.has(start, end, nameHash)) return true
    if (isFree) this.twice(start, end, name)
    else this.tooMany(name)
    return false
  }

  /** Keeps the label just written, and notes what it tells; `name` may be a state's, where the label is not an attached one. */
  private take(nameAt: number, valueAt: number, name: SampleName | undefined): void {
    const { line, names, sums } = this
    const { nameHash } = this.text
    let { hash } = this.text
    let flags = 0
    if (isBound(nameHash)) {
      hash = sums.readBound(valueAt, nameHash, hash)
      flags = sums.boundFlags
    } else if (name?.quoted === false && isText(line.bytes, nameAt, valueAt - 2, name.text)) flags = HAS_STATE
    this.before.note(names.count, line.length - this.start, hash, flags)
    names.add(nameAt, valueAt - 2, nameHash)
    this.sums.add(hash, flags)
  }

  /** The same for the one that the line before has in this place: its bytes need not be looked at. */
  private takeAlike(nameAt: number, name: SampleName): boolean {
    const { before, line, names } = this
    const label = names.count
    const nameEnd = nameAt + names.lengthAt(label)
    const nameHash = names.hashAt(label)
    if (!this.isNamedAlike && !this.isNew(nameAt, nameEnd, nameHash, name)) return false
    const [hash, flags] = [before.hashes[label]!, before.flags[label]!]
    this.written++
    before.note(label, line.length - this.start, hash, flags)
    names.add(nameAt, nameEnd, nameHash)
    this.sums.add(hash, flags)
    return true
  }
}
