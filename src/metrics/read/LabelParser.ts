/**
 * LabelParser: the labels of one sample line from the input to the line buffer, in one pass over their bytes.
 *
 * They come out final: empty ones gone, the attached ones there, a foreign value of the source label renamed, escapes and
 * quotes in the one form that all parsers take. It also sums up their hashes, in whatever order they come. What it accepts is
 * what Prometheus' text parser accepts (promlex.l, promparse.go), in both formats: blanks and missing commas too.
 */
import type { AttachedLabel, Attachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits } from "../text/Dump.ts"
import { finishHash, hashOf, hashOfName, hashOfValue } from "../text/Hash.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  canonicalFloatBytes,
  decode,
  encode,
  isText,
  LF,
  numberIsValid,
  parseNumber,
  sameBytes,
  skipBlanks,
  UNDERSCORE
} from "../text/Syntax.ts"
import { copyText } from "../text/Words.ts"
import type { Failure } from "./Failure.ts"
import { LabelNames } from "./LabelNames.ts"
import { LabelText } from "./LabelText.ts"
import { LineBefore } from "./LineBefore.ts"
import { HAS_LE, HAS_QUANTILE, HAS_STATE, NO_NUMBER, OTHER_FORM, QUOTED } from "./LineRecord.ts"
import type { SampleName } from "./Names.ts"

const LE = hashOfName(encode("le"))
const QUANTILE = hashOfName(encode("quantile"))
/** Labels inside a metric. */
const INNER = HAS_LE | HAS_QUANTILE | HAS_STATE
const EXPORTED = encode("exported_")

export class LabelParser {
  /** Of the labels at hand: the sum of their hashes, and that of those that do not tell metrics apart (`le`, `quantile`, the state). */
  hash = 0
  inner = 0
  /** As in LineRecord. */
  flags = 0
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
  private attachment: Attachment | undefined
  private source: AttachedLabel | undefined
  private attachments: ReadonlyArray<AttachedLabel> = []
  private attached = new Uint8Array(0)
  private readonly names: LabelNames
  /** Of the line at hand: labels that are written, attached ones that it has of its own, and whether its source label gets another name. */
  private written = 0
  private present = 0
  private renames = false

  constructor(line: LineBuffer, failure: Failure) {
    this.line = line
    this.failure = failure
    this.text = new LabelText(line, failure)
    this.names = new LabelNames(line)
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
    const { source, labels, growth } = attachment
    this.text.use(input, limits, growth)
    this.input = input
    this.attachment = attachment
    this.source = source
    this.attachments = labels
    if (this.attached.length < labels.length) this.attached = new Uint8Array(labels.length)
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
    for (let k = 0; k < labels; k++) this.sum(hashes[k]!, flags[k]!)
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
    const { text, names, present, renames } = this
    return present > 0 || renames || text.odd || (this.flags & QUOTED) !== 0 || names.size > names.count
      ? 0
      : names.count
  }

  private begin({ quoted }: SampleName): void {
    this.hash = this.inner = this.flags = this.present = 0
    this.written = quoted ? 1 : 0
    this.renames = false
    this.text.begin()
    this.names.clear()
    for (let k = 0; k < this.attachments.length; k++) this.attached[k] = 0
  }

  /** The labels up to the closing brace. */
  private readLabels(from: number, name: SampleName, passed: number): number {
    const { input: b, line, text, names } = this
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
      const alike = name === this.before.name ? this.before.copyLabel(names.count, this.view, i, line.view, nameAt) : 0
      if (alike > 0) {
        line.length = nameAt + alike
        if (!this.takeAlike(nameAt, name)) return -1
        i = this.passComma(i + alike, name)
        if (i < 0) return -1
        continue
      }
      i = text.readName(i, name)
      if (i < 0) return -1
      const valueAt = line.length
      i = text.readValue(i, name)
      if (i < 0) return -1
      if (!this.isNew(nameAt, valueAt - 2, text.nameHash, name)) return -1
      // An empty label is a missing one. Its name is taken none the less.
      if (line.length - 1 === valueAt) {
        names.addEmpty(nameAt, valueAt - 2, text.nameHash)
        line.length = before
      } else {
        const which = this.attachmentNamed(nameAt, valueAt - 2)
        if (which === 0 && (this.renames || !this.isOfSource(valueAt))) {
          if (this.renames) return this.twice(nameAt, valueAt - 2, name)
          this.renames = true
          this.foreign = line.bytes.slice(valueAt, line.length - 1)
          line.length = before
        } else {
          this.written++
          if (line.bytes[nameAt] === UNDERSCORE && line.bytes[nameAt + 1] === UNDERSCORE) text.quoted = true
          this.take(nameAt, valueAt, which < 0 ? name : undefined)
          if (which >= 0) {
            this.attached[which] = 1
            this.present++
          }
        }
      }
      i = this.passComma(i, name)
      if (i < 0) return -1
    }
    if (this.renames) this.rename(this.written++ > 0)
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
    const { line, attached, attachments } = this
    if (this.present === 0) {
      const { text, hash } = this.attachment!
      if (this.written > 0) line.put(COMMA)
      copyText(text, 0, line.view, line.length, text.byteLength)
      line.length += text.byteLength
      this.written += attachments.length
      this.hash = (this.hash + hash) | 0
    } else
      for (let k = 0; k < attachments.length; k++) {
        if (attached[k] === 1) continue
        const label = attachments[k]!
        if (this.written++ > 0) line.put(COMMA)
        line.writeLabel(label.name, label.value)
        this.hash = (this.hash + label.hash) | 0
      }
    if (this.written - (name.quoted ? 1 : 0) > this.limits.maxLabels) return this.tooMany(name)
    line.put(BRACE_CLOSE)
    if (this.text.quoted || name.quoted) this.flags |= QUOTED
    return end
  }

  /** The value of the source label that the line had of its own, while it waits for its new name. */
  private foreign: Uint8Array = new Uint8Array(0)

  private tooMany(name: SampleName): -1 {
    return this.failure.because("too-many-labels", () => `${name.text} has more than ${this.limits.maxLabels} labels`)
  }

  private twice(start: number, end: number, name: SampleName): -1 {
    const label = decode(this.line.bytes, start, Math.min(end, start + 60))
    return this.failure.because("duplicate-label", () => `${name.text}: label ${label} comes twice`)
  }

  private isOfSource(valueAt: number): boolean {
    const { bytes, length } = this.line
    const { value } = this.source!
    return sameBytes(bytes, valueAt, length - 1, value, 0, value.length)
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
    const { line, names } = this
    const { nameHash, valueHash } = this.text
    let hash = finishHash(valueHash)
    let flags = 0
    if (nameHash === LE || nameHash === QUANTILE) {
      this.boundFlags = nameHash === LE ? HAS_LE : HAS_QUANTILE
      hash = this.readBound(valueAt, nameHash, hash)
      flags = this.boundFlags
    } else if (name?.quoted === false && isText(line.bytes, nameAt, valueAt - 2, name.text)) flags = HAS_STATE
    this.before.note(names.count, line.length - this.start, hash, flags)
    names.add(nameAt, valueAt - 2, nameHash)
    this.sum(hash, flags)
  }

  /** The same for the one that the line before has in this place: its bytes need not be looked at. */
  private takeAlike(nameAt: number, name: SampleName): boolean {
    const { before, line, names } = this
    const label = names.count
    const nameEnd = nameAt + names.lengthAt(label)
    const nameHash = names.hashAt(label)
    if (!this.isNew(nameAt, nameEnd, nameHash, name)) return false
    const [hash, flags] = [before.hashes[label]!, before.flags[label]!]
    this.written++
    before.note(label, line.length - this.start, hash, flags)
    names.add(nameAt, nameEnd, nameHash)
    this.sum(hash, flags)
    return true
  }

  private sum(hash: number, flags: number): void {
    this.hash = (this.hash + hash) | 0
    this.flags |= flags
    if ((flags & INNER) !== 0) this.inner = (this.inner + hash) | 0
  }

  private boundFlags = 0

  /** The `le` or `quantile` just written. Its hash is that of its number, since `1` and `1.0` may be one series. */
  private readBound(valueAt: number, nameHash: number, hash: number): number {
    const { bytes, length } = this.line
    const value = parseNumber(bytes, valueAt, length - 1)
    if (!numberIsValid() || Number.isNaN(value)) {
      this.boundFlags |= NO_NUMBER
      return hash
    }
    const canonical = canonicalFloatBytes(value)
    if (sameBytes(bytes, valueAt, length - 1, canonical, 0, canonical.length)) return hash
    this.boundFlags |= OTHER_FORM
    return hashOfValue(nameHash, canonical)
  }

  private attachmentNamed(start: number, end: number): number {
    const { attachments, line } = this
    for (let k = 0; k < attachments.length; k++) {
      const { name } = attachments[k]!
      if (name.length === end - start && sameBytes(line.bytes, start, end, name, 0, name.length)) return k
    }
    return -1
  }

  /** As Prometheus does: `exported_` before the name, as often as it takes to find a name that the series does not use. */
  private rename(comma: boolean): void {
    let name = join(EXPORTED, this.source!.name)
    const taken = (one: Uint8Array): boolean =>
      this.names.uses(one) || this.attachments.some((label) => Buffer.compare(label.name, one) === 0)
    while (taken(name)) name = join(EXPORTED, name)
    if (comma) this.line.put(COMMA)
    this.line.writeLabel(name, this.foreign)
    this.hash = (this.hash + hashOf(name, this.foreign)) | 0
  }
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
