/**
 * LabelParser: the labels of one sample line from the input to the line buffer, in one pass over their bytes.
 *
 * They come out final: empty ones gone, the attached ones there, a foreign value of the source label renamed, escapes and
 * quotes in the one form that all parsers take. It also sums up their hashes, in whatever order they come. What it accepts is
 * what Prometheus' text parser accepts (promlex.l, promparse.go), in both formats: blanks and missing commas too.
 */
import type { AttachedLabel, Attachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits } from "../text/Dump.ts"
import {
  finishHash,
  HASH_PRIME,
  HASH_SEPARATOR,
  HASH_START,
  hashOf,
  hashOfName,
  hashOfValue,
  hashOn
} from "../text/Hash.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  canonicalFloatBytes,
  continuesLabelName,
  decode,
  EQUALS,
  encode,
  escapeValue,
  isLabelName,
  LF,
  numberIsValid,
  parseNumber,
  QUOTE,
  sameBytes,
  shown,
  skipBlanks,
  startsLabelName,
  UNDERSCORE,
  unescapeValue
} from "../text/Syntax.ts"
import type { Failure } from "./Failure.ts"
import { HAS_LE, HAS_QUANTILE, HAS_STATE, NO_NUMBER, OTHER_FORM, QUOTED } from "./LineRecord.ts"
import type { SampleName } from "./Names.ts"

const LE = hashOfName(encode("le"))
const QUANTILE = hashOfName(encode("quantile"))
const NAME = encode("__name__")
const EXPORTED = encode("exported_")

/** Bytes that end the plain run of a label value: the quote, the backslash, the line feed, and NUL. */
const stops = Uint8Array.from({ length: 256 }, (_, c) =>
  c === QUOTE || c === BACKSLASH || c === LF || c === 0 ? 1 : 0
)

const N = 110

export class LabelParser {
  /** Of the labels at hand: the sum of their hashes, and that of those that do not tell metrics apart (`le`, `quantile`, the state). */
  hash = 0
  inner = 0
  /** As in LineRecord. */
  flags = 0
  /** Where in the line buffer the own labels end and the attached ones begin; without own labels, where the name ends. */
  ownEnd = 0
  /** A value spans lines, or holds a byte that the comparison of known lines cannot tell: never compared. */
  odd = false
  private input: Uint8Array = new Uint8Array(1)
  /** A name in quotes may span lines, and so may a value. */
  spans = false
  multiline = false
  /** Of the line at hand: line feeds in its values, and how far they were followed. */
  feeds = 0
  reached = 0
  private growth = 0
  private limits = defaultParseLimits
  private readonly line: LineBuffer
  private readonly failure: Failure
  private attachment: Attachment | undefined
  private source: AttachedLabel | undefined
  private attachments: ReadonlyArray<AttachedLabel> = []
  private attached = new Uint8Array(0)
  /** Of the labels so far: where the name is in the line buffer, its hash, and whether the label is kept. */
  private starts = new Int32Array(0)
  private ends = new Int32Array(0)
  private hashes = new Int32Array(0)
  private count = 0
  private empty: Array<string> = []

  constructor(line: LineBuffer, failure: Failure) {
    this.line = line
    this.failure = failure
  }

  /** The text that is read from now on. */
  use(input: Uint8Array, attachment: Attachment, limits: ParseLimits): void {
    if (this.starts.length < limits.maxLabels) {
      this.starts = new Int32Array(limits.maxLabels)
      this.ends = new Int32Array(limits.maxLabels)
      this.hashes = new Int32Array(limits.maxLabels)
    }
    this.limits = limits
    const { source, labels, growth } = attachment
    this.input = input
    this.attachment = attachment
    this.growth = growth
    this.source = source
    this.attachments = labels
    if (this.attached.length < labels.length) this.attached = new Uint8Array(labels.length)
  }

  /**
   * From the `{`, or from whatever follows the name of a line without labels; `passed` is where a quoted metric name stands among
   * them. The name is in the line buffer. Answers where it goes on, -1 where the line is not shown.
   */
  parse(from: number, name: SampleName, passed: number): number {
    const { input: b, line, attached, attachments } = this
    this.count = this.hash = this.inner = this.flags = this.feeds = 0
    this.odd = false
    if (this.empty.length > 0) this.empty = []
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
          i = this.endOfString(i)
          i = skipBlanks(b, i)
          if (b[i] === COMMA) i = skipBlanks(b, i + 1)
          continue
        }
        const before = line.length
        if (written > 0) line.put(COMMA)
        const nameAt = line.length
        i = this.parseName(i, name)
        if (i < 0) return -1
        const valueAt = line.length
        i = this.parseValue(i, name)
        if (i < 0) return -1
        if (!this.isNew(nameAt, valueAt - 2, name)) return -1
        // An empty label is a missing one. Its name is taken none the less.
        if (line.length - 1 === valueAt) {
          this.empty.push(decode(line.bytes, nameAt, valueAt - 2))
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
            if (line.bytes[nameAt] === UNDERSCORE && line.bytes[nameAt + 1] === UNDERSCORE) this.flags |= QUOTED
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
      const { text, hash } = this.attachment!
      if (written > 0) line.put(COMMA)
      line.write(text, 0, text.length)
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
    const { line, nameHash, count } = this
    this.starts[count] = nameAt
    this.ends[count] = valueAt - 2
    this.hashes[count] = nameHash
    this.count++
    let hash = finishHash(this.valueHash)
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

  private nameHash = 0
  private valueHash = 0

  /** Name, `=` and the opening quote. Answers the position of the value. */
  private parseName(from: number, name: SampleName): number {
    const { input: b, line, failure, limits } = this
    let i = from
    if (b[i] === QUOTE) {
      i = this.parseQuotedName(i, name)
      if (i < 0) return -1
    } else {
      if (!startsLabelName(b[i]!))
        return failure.because("syntax", `${name.text}: ${shown(b, i)} where a label name should begin`)
      const out = line.bytes
      let o = line.length
      let h = HASH_START
      for (let c = b[i]!; continuesLabelName(c); c = b[++i]!) {
        out[o++] = c
        h = Math.imul(h ^ c, HASH_PRIME)
      }
      line.length = o
      this.nameHash = h
    }
    if (i - from > limits.maxLabelValue)
      return failure.because("too-large", `${name.text}: a label name of ${i - from} bytes`)
    i = skipBlanks(b, i)
    if (b[i] !== EQUALS)
      return failure.because("syntax", `${name.text}: ${shown(b, i)} where = should follow a label name`)
    i = skipBlanks(b, i + 1)
    if (b[i] !== QUOTE) return failure.because("syntax", `${name.text}: a label value is not in quotes`)
    line.put(EQUALS)
    line.put(QUOTE)
    return i + 1
  }

  private parseQuotedName(from: number, name: SampleName): number {
    const { input: b, line, failure } = this
    const end = this.endOfString(from)
    if (end < 0) return failure.because("syntax", `${name.text}: a quoted label name is not closed`)
    const text = unescapeValue(decode(b, from + 1, end - 1))
    if (text === "" || text.includes("\0"))
      return failure.because("syntax", `${name.text}: a label name is empty, or has a NUL`)
    const plain = isLabelName(text)
    const bytes = encode(plain ? text : `"${escapeValue(text)}"`)
    if (!plain) this.flags |= QUOTED
    line.reserve(b.length - end + bytes.length + this.growth)
    line.write(bytes, 0, bytes.length)
    this.nameHash = hashOn(HASH_START, bytes, 0, bytes.length)
    return end
  }

  private isNew(start: number, end: number, name: SampleName): boolean {
    const { starts, ends, hashes, count, nameHash } = this
    const { bytes } = this.line
    for (let k = 0; k < count; k++)
      if (hashes[k] === nameHash && sameBytes(bytes, start, end, bytes, starts[k]!, ends[k]!)) {
        this.twice(start, end, name)
        return false
      }
    if (sameBytes(bytes, start, end, NAME, 0, NAME.length)) {
      this.twice(start, end, name)
      return false
    }
    if (this.empty.length > 0 && this.empty.includes(decode(bytes, start, end))) {
      this.twice(start, end, name)
      return false
    }
    if (count + this.empty.length < this.limits.maxLabels) return true
    this.tooMany(name)
    return false
  }

  /** The value and its closing quote. Answers the position after the quote. */
  private parseValue(from: number, name: SampleName): number {
    const { input: b, line, failure } = this
    let out = line.bytes
    let i = from
    let o = line.length
    let h = Math.imul(this.nameHash ^ HASH_SEPARATOR, HASH_PRIME)
    for (;;) {
      let c = b[i]!
      while (stops[c] === 0) {
        out[o++] = c
        h = Math.imul(h ^ c, HASH_PRIME)
        c = b[++i]!
      }
      if (c === QUOTE) break
      if (c === LF) {
        this.reached = Math.max(this.reached, i)
        if (!this.multiline || i + 1 >= b.length)
          return failure.because("syntax", `${name.text}: a label value is not closed`)
        this.odd = true
        this.feeds++
        out = this.roomFor(o, i)
        out[o++] = BACKSLASH
        out[o++] = N
        h = Math.imul(Math.imul(h ^ BACKSLASH, HASH_PRIME) ^ N, HASH_PRIME)
        i++
      } else if (c === BACKSLASH) {
        const escaped = b[i + 1]!
        if (escaped === LF)
          return failure.because("syntax", `${name.text}: a line feed after a backslash in a label value`)
        out[o++] = BACKSLASH
        h = Math.imul(h ^ BACKSLASH, HASH_PRIME)
        if (escaped === BACKSLASH || escaped === QUOTE || escaped === N) {
          out[o++] = escaped
          h = Math.imul(h ^ escaped, HASH_PRIME)
          i += 2
        } else {
          // What escapes nothing is a backslash.
          out = this.roomFor(o, i)
          out[o++] = BACKSLASH
          h = Math.imul(h ^ BACKSLASH, HASH_PRIME)
          i++
        }
      } else {
        this.odd = true
        out[o++] = c
        h = Math.imul(h ^ c, HASH_PRIME)
        i++
      }
    }
    const { maxLabelValue } = this.limits
    if (i - from > maxLabelValue)
      return failure.because(
        "too-large",
        `${name.text}: a label value of ${i - from} bytes, the limit is ${maxLabelValue}`
      )
    out[o++] = QUOTE
    line.length = o
    this.valueHash = h
    return i + 1
  }

  /** A byte becomes two: room for it and for what may still come of this line. */
  private roomFor(length: number, from: number): Uint8Array {
    this.line.length = length
    this.line.reserve(this.input.length - from + this.growth)
    return this.line.bytes
  }

  /** After the closing quote of the string that begins here; -1 where it is not closed. */
  endOfString(from: number): number {
    const { input: b, spans } = this
    for (let i = from + 1; i < b.length; i++) {
      const c = b[i]
      if (c === QUOTE) return i + 1
      if (c === BACKSLASH) {
        if (b[++i] === LF) return -1
      } else if (c === LF) {
        this.reached = Math.max(this.reached, i)
        if (!spans) return -1
      }
    }
    this.reached = b.length
    return -1
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
    while (this.uses(name)) name = join(EXPORTED, name)
    if (comma) this.line.put(COMMA)
    this.line.writeLabel(name, this.foreign)
    this.hash = (this.hash + hashOf(name, this.foreign)) | 0
  }

  private uses(name: Uint8Array): boolean {
    const { line, starts, ends } = this
    for (let k = 0; k < this.count; k++)
      if (sameBytes(line.bytes, starts[k]!, ends[k]!, name, 0, name.length)) return true
    return this.attachments.some((label) => sameBytes(label.name, 0, label.name.length, name, 0, name.length))
  }
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
