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
  LF,
  numberIsValid,
  parseNumber,
  sameBytes,
  skipBlanks,
  UNDERSCORE
} from "../text/Syntax.ts"
import type { Failure } from "./Failure.ts"
import { LabelNames } from "./LabelNames.ts"
import { LabelText } from "./LabelText.ts"
import { HAS_LE, HAS_QUANTILE, HAS_STATE, NO_NUMBER, OTHER_FORM, QUOTED } from "./LineRecord.ts"
import type { SampleName } from "./Names.ts"

const LE = hashOfName(encode("le"))
const QUANTILE = hashOfName(encode("quantile"))
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
  private input: Uint8Array = new Uint8Array(1)
  private limits = defaultParseLimits
  private readonly line: LineBuffer
  private readonly failure: Failure
  private attachment: Attachment | undefined
  private source: AttachedLabel | undefined
  private attachments: ReadonlyArray<AttachedLabel> = []
  private attached = new Uint8Array(0)
  private readonly names: LabelNames

  constructor(line: LineBuffer, failure: Failure) {
    this.line = line
    this.failure = failure
    this.text = new LabelText(line, failure)
    this.names = new LabelNames(line)
  }

  /** The text that is read from now on. */
  use(input: Uint8Array, attachment: Attachment, limits: ParseLimits): void {
    this.names.reserve(limits.maxLabels)
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
    const { input: b, line, text, names, attached, attachments } = this
    this.hash = this.inner = this.flags = 0
    text.begin()
    names.clear()
    let present = 0
    for (let k = 0; k < attachments.length; k++) attached[k] = 0
    const nameEnd = line.length
    if (!name.quoted) line.put(BRACE_OPEN)
    let written = name.quoted ? 1 : 0
    const none = written
    let renames = false
    let i = from
    if (b[i] === BRACE_OPEN) {
      i = skipBlanks(b, i + 1)
      while (b[i] !== BRACE_CLOSE) {
        if (i === passed) {
          i = text.endOfString(i)
          i = skipBlanks(b, i)
          if (b[i] === COMMA) i = skipBlanks(b, i + 1)
          continue
        }
        const before = line.length
        if (written > 0) line.put(COMMA)
        const nameAt = line.length
        i = text.readName(i, name)
        if (i < 0) return -1
        const valueAt = line.length
        i = text.readValue(i, name)
        if (i < 0) return -1
        if (names.has(nameAt, valueAt - 2, text.nameHash)) return this.twice(nameAt, valueAt - 2, name)
        if (names.size >= this.limits.maxLabels) return this.tooMany(name)
        // An empty label is a missing one. Its name is taken none the less.
        if (line.length - 1 === valueAt) {
          names.addEmpty(nameAt, valueAt - 2)
          line.length = before
        } else {
          const which = this.attachmentNamed(nameAt, valueAt - 2)
          if (which === 0 && (renames || !this.isOfSource(valueAt))) {
            if (renames) return this.twice(nameAt, valueAt - 2, name)
            renames = true
            this.foreign = line.bytes.slice(valueAt, line.length - 1)
            line.length = before
          } else {
            written++
            if (line.bytes[nameAt] === UNDERSCORE && line.bytes[nameAt + 1] === UNDERSCORE) text.quoted = true
            this.take(nameAt, valueAt, which < 0 ? name : undefined)
            if (which >= 0) {
              attached[which] = 1
              present++
            }
          }
        }
        i = skipBlanks(b, i)
        if (b[i] === COMMA) i = skipBlanks(b, i + 1)
        else if (b[i] === LF) return this.failure.because("syntax", `${name.text}: the labels are not closed`)
      }
      i++
    }
    if (renames) this.rename(written++ > 0)
    this.ownEnd = written > none ? line.length : nameEnd
    if (present === 0) {
      const { text: all, hash } = this.attachment!
      if (written > 0) line.put(COMMA)
      line.write(all, 0, all.length)
      written += attachments.length
      this.hash = (this.hash + hash) | 0
    } else
      for (let k = 0; k < attachments.length; k++) {
        if (attached[k] === 1) continue
        const label = attachments[k]!
        if (written++ > 0) line.put(COMMA)
        line.writeLabel(label.name, label.value)
        this.hash = (this.hash + label.hash) | 0
      }
    if (written - none > this.limits.maxLabels) return this.tooMany(name)
    line.put(BRACE_CLOSE)
    if (text.quoted || name.quoted) this.flags |= QUOTED
    return i
  }

  /** The value of the source label that the line had of its own, while it waits for its new name. */
  private foreign: Uint8Array = new Uint8Array(0)

  private tooMany(name: SampleName): -1 {
    return this.failure.because("too-many-labels", `${name.text} has more than ${this.limits.maxLabels} labels`)
  }

  private twice(start: number, end: number, name: SampleName): -1 {
    const label = decode(this.line.bytes, start, Math.min(end, start + 60))
    return this.failure.because("duplicate-label", `${name.text}: label ${label} comes twice`)
  }

  private isOfSource(valueAt: number): boolean {
    const { bytes, length } = this.line
    const { value } = this.source!
    return sameBytes(bytes, valueAt, length - 1, value, 0, value.length)
  }

  /** Keeps the label just written, and notes what it tells; `name` may be a state's, where the label is not an attached one. */
  private take(nameAt: number, valueAt: number, name: SampleName | undefined): void {
    const { line } = this
    const { nameHash, valueHash } = this.text
    this.names.add(nameAt, valueAt - 2, nameHash)
    let hash = finishHash(valueHash)
    if (nameHash === LE || nameHash === QUANTILE) {
      hash = this.readBound(valueAt, nameHash, hash)
      this.inner = (this.inner + hash) | 0
      this.flags |= nameHash === LE ? HAS_LE : HAS_QUANTILE
    } else if (name?.quoted === false && sameBytes(line.bytes, nameAt, valueAt - 2, name.bytes, 0, name.bytes.length)) {
      this.inner = (this.inner + hash) | 0
      this.flags |= HAS_STATE
    }
    this.hash = (this.hash + hash) | 0
  }

  /** The `le` or `quantile` just written. Its hash is that of its number, since `1` and `1.0` may be one series. */
  private readBound(valueAt: number, nameHash: number, hash: number): number {
    const { bytes, length } = this.line
    const value = parseNumber(bytes, valueAt, length - 1)
    if (!numberIsValid() || Number.isNaN(value)) {
      this.flags |= NO_NUMBER
      return hash
    }
    const canonical = canonicalFloatBytes(value)
    if (sameBytes(bytes, valueAt, length - 1, canonical, 0, canonical.length)) return hash
    this.flags |= OTHER_FORM
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
