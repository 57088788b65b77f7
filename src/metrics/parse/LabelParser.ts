/**
 * LabelParser: the labels of one sample line, or of an exemplar, from the input to the line buffer in one pass.
 *
 * A sample's labels come out final: empty ones gone, the attached ones there, a foreign value of the source label renamed.
 * It also sums up their hashes, in whatever order they come, for finding series and groups again.
 */
import type { Attachment } from "../text/Attachment.ts"
import type { ParseLimits } from "../text/Dump.ts"
import { finishHash, HASH_PRIME, HASH_SEPARATOR, HASH_START, hashOf, hashOfName, hashOfValue } from "../text/Hash.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  ascii,
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  canonicalFloatBytes,
  continuesLabelName,
  EQUALS,
  encode,
  isControl,
  LF,
  numberIsValid,
  parseNumber,
  QUOTE,
  sameBytes,
  shown,
  skipBlanks,
  startsLabelName
} from "../text/Syntax.ts"
import { type FamilyBuilder, Refused, type SampleName } from "./Families.ts"

const LE_HASH = hashOfName(encode("le"))
const QUANTILE_HASH = hashOfName(encode("quantile"))
const EXPORTED = encode("exported_")

/** Bytes that end the plain run of a label value: the quote, the backslash, what may not stand there. */
const stops = Uint8Array.from({ length: 256 }, (_, c) => (c === QUOTE || c === BACKSLASH || isControl(c) ? 1 : 0))

export class LabelParser {
  /** Of the sample at hand: the sum of its labels' hashes, and the part of the label inside its group. */
  hash = 0
  innerHash = 0
  /** The number in `le` or `quantile`. */
  bound: number | undefined
  /** It may have a label named `le` or `quantile`, whatever its family. */
  mayHaveNumber = false
  /** It has the label named as its stateset. */
  hasState = false
  /** Where in the line buffer its own labels end and the attached ones begin; without own labels, where the name ends. */
  ownEnd = 0
  private readonly input: Uint8Array
  private readonly limits: ParseLimits
  private attachment: Attachment
  private readonly line: LineBuffer
  /** The names so far, by their position in the input. */
  private readonly starts: Int32Array
  private readonly ends: Int32Array
  private readonly nameHashes: Int32Array
  private readonly kept: Uint8Array
  private count = 0
  private attached: Uint8Array

  constructor(input: Uint8Array, limits: ParseLimits, attachment: Attachment, line: LineBuffer) {
    this.input = input
    this.limits = limits
    this.attachment = attachment
    this.line = line
    this.starts = new Int32Array(limits.maxLabels)
    this.ends = new Int32Array(limits.maxLabels)
    this.nameHashes = new Int32Array(limits.maxLabels)
    this.kept = new Uint8Array(limits.maxLabels)
    this.attached = new Uint8Array(attachment.labels.length)
  }

  /** For lines of another source. */
  attach(attachment: Attachment): void {
    this.attachment = attachment
    if (this.attached.length !== attachment.labels.length) this.attached = new Uint8Array(attachment.labels.length)
  }

  /** From the `{`, or from whatever follows the name of a line without labels. Answers where it goes on. */
  parse(from: number, name: SampleName): number {
    const { input: b, line, attached } = this
    const { source, labels: attachments } = this.attachment
    const { family } = name
    this.count = this.hash = this.innerHash = 0
    this.bound = undefined
    this.hasState = this.mayHaveNumber = false
    for (let k = 0; k < attached.length; k++) attached[k] = 0
    const nameEnd = line.length
    line.put(BRACE_OPEN)
    let written = 0
    let renamed = -1
    let renamedEnd = -1
    let i = from
    if (b[i] === BRACE_OPEN) {
      i = skipBlanks(b, i + 1)
      while (b[i] !== BRACE_CLOSE) {
        const before = line.length
        if (written > 0) line.put(COMMA)
        const nameStart = i
        const valueStart = this.parseName(i, name)
        const k = this.count - 1
        const labelEnd = this.ends[k]!
        const valueAt = line.length
        const nameHash = this.nameHashes[k]!
        let hash = this.parseValue(valueStart, nameHash, name)
        const valueEnd = valueStart + line.length - 1 - valueAt
        if (family.float !== undefined && sameBytes(b, nameStart, labelEnd, family.float, 0, family.float.length))
          hash = this.readBound(valueAt, nameHash, family, name)
        const which = this.attachmentNamed(nameStart, labelEnd)
        // An empty label is a missing one.
        let keep = valueEnd > valueStart
        this.kept[k] = keep ? 1 : 0
        if (keep && which === 0 && !sameBytes(b, valueStart, valueEnd, source.value, 0, source.value.length)) {
          renamed = valueStart
          renamedEnd = valueEnd
          keep = false
        }
        if (keep) {
          written++
          this.hash = (this.hash + hash) | 0
          if (nameHash === LE_HASH || nameHash === QUANTILE_HASH) this.mayHaveNumber = true
          if (which >= 0) attached[which] = 1
          else if (
            family.inner !== undefined &&
            sameBytes(b, nameStart, labelEnd, family.inner, 0, family.inner.length)
          ) {
            this.innerHash = hash
            this.hasState = true
          }
        } else line.length = before
        i = this.afterLabel(valueEnd + 1, name)
      }
      i++
    }
    if (renamed >= 0) this.rename(renamed, renamedEnd, written++ > 0)
    this.ownEnd = written > 0 ? line.length : nameEnd
    for (let k = 0; k < attachments.length; k++) {
      if (attached[k] === 1) continue
      const label = attachments[k]!
      if (written++ > 0) line.put(COMMA)
      line.writeLabel(label.name, label.value)
      this.hash = (this.hash + label.hash) | 0
    }
    if (written > this.limits.maxLabels)
      throw new Refused("too-many-labels", `${name.text} has ${written} labels, the limit is ${this.limits.maxLabels}`)
    line.put(BRACE_CLOSE)
    return i
  }

  /** From after the `{`, as they are; answers the position after the `}`. At most `maxSize` characters of names and values. */
  parseExemplar(from: number, name: SampleName, maxSize: number): number {
    const { input: b, line } = this
    this.count = 0
    let size = 0
    let i = skipBlanks(b, from)
    while (b[i] !== BRACE_CLOSE) {
      if (this.count > 0) line.put(COMMA)
      const nameStart = i
      i = this.parseName(i, name)
      const valueAt = line.length
      this.parseValue(i, 0, name)
      size += this.ends[this.count - 1]! - nameStart + characters(line.bytes, valueAt, line.length - 1)
      i = this.afterLabel(i + line.length - valueAt, name)
    }
    if (size > maxSize)
      throw new Refused("syntax", `${name.text}: the labels of an exemplar have more than ${maxSize} characters`)
    line.put(BRACE_CLOSE)
    return i + 1
  }

  private afterLabel(from: number, name: SampleName): number {
    const b = this.input
    const i = skipBlanks(b, from)
    if (b[i] === COMMA) return skipBlanks(b, i + 1)
    if (b[i] !== BRACE_CLOSE) throw new Refused("syntax", `${name.text}: unexpected ${shown(b, i)} in the labels`)
    return i
  }

  /** Name, `=` and the opening quote. Remembers the name; answers the position of the value. */
  private parseName(from: number, name: SampleName): number {
    const { input: b, line } = this
    const out = line.bytes
    let i = from
    let o = line.length
    let h = HASH_START
    if (!startsLabelName(b[i]!)) throw new Refused("syntax", `${name.text}: ${shown(b, i)} cannot start a label name`)
    for (let c = b[i]!; continuesLabelName(c); c = b[++i]!) {
      out[o++] = c
      h = Math.imul(h ^ c, HASH_PRIME)
    }
    if (b[from] === 95 && b[from + 1] === 95)
      throw new Refused("syntax", `${name.text}: label names starting with __ are reserved`)
    if (i - from > this.limits.maxLabelValue)
      throw new Refused("too-large", `${name.text}: a label name of ${i - from} bytes`)
    this.remember(from, i, h, name)
    i = skipBlanks(b, i)
    if (b[i] !== EQUALS) throw new Refused("syntax", `${name.text}: ${shown(b, i)} where = should follow a label name`)
    i = skipBlanks(b, i + 1)
    if (b[i] !== QUOTE) throw new Refused("syntax", `${name.text}: a label value is not in quotes`)
    out[o++] = EQUALS
    out[o++] = QUOTE
    line.length = o
    return i + 1
  }

  private remember(start: number, end: number, hash: number, name: SampleName): void {
    const { starts, ends, nameHashes, count, input } = this
    for (let k = 0; k < count; k++) {
      if (nameHashes[k] === hash && sameBytes(input, start, end, input, starts[k]!, ends[k]!))
        throw new Refused("syntax", `${name.text}: label ${ascii(input, start, Math.min(end, start + 60))} comes twice`)
    }
    const { maxLabels } = this.limits
    if (count >= maxLabels) throw new Refused("too-many-labels", `${name.text} has more than ${maxLabels} labels`)
    starts[count] = start
    ends[count] = end
    nameHashes[count] = hash
    this.count++
  }

  /** The value and its closing quote, as they are. Answers the label's hash. */
  private parseValue(from: number, nameHash: number, name: SampleName): number {
    const { input: b, line } = this
    const out = line.bytes
    let i = from
    let o = line.length
    let h = Math.imul(nameHash ^ HASH_SEPARATOR, HASH_PRIME)
    for (;;) {
      let c = b[i]!
      while (stops[c] === 0) {
        out[o++] = c
        h = Math.imul(h ^ c, HASH_PRIME)
        c = b[++i]!
      }
      if (c === QUOTE) break
      const escaped = b[i + 1]!
      if (c !== BACKSLASH)
        throw new Refused(
          "syntax",
          `${name.text}: ${c === LF ? "a label value is not closed" : `${shown(b, i)} in a label value`}`
        )
      if (escaped !== BACKSLASH && escaped !== QUOTE && escaped !== 110)
        throw new Refused("syntax", `${name.text}: bad escape, a backslash and ${shown(b, i + 1)}, in a label value`)
      out[o++] = c
      out[o++] = escaped
      h = Math.imul(Math.imul(h ^ c, HASH_PRIME) ^ escaped, HASH_PRIME)
      i += 2
    }
    const { maxLabelValue } = this.limits
    if (i - from > maxLabelValue)
      throw new Refused("too-large", `${name.text}: a label value of ${i - from} bytes, the limit is ${maxLabelValue}`)
    out[o++] = QUOTE
    line.length = o
    return finishHash(h)
  }

  /** The `le` or `quantile` just written. Its hash is that of its number, since `1` and `1.0` become one series. */
  private readBound(valueAt: number, nameHash: number, family: FamilyBuilder, name: SampleName): number {
    const { bytes, length } = this.line
    const value = parseNumber(bytes, valueAt, length - 1)
    if (!numberIsValid())
      throw new Refused("syntax", `${name.text}: ${ascii(family.float!, 0, family.float!.length)} is not a number`)
    const canonical = canonicalFloatBytes(value)
    if (!sameBytes(bytes, valueAt, length - 1, canonical, 0, canonical.length)) family.floatLabels = true
    this.bound = value
    return hashOfValue(nameHash, canonical)
  }

  private attachmentNamed(start: number, end: number): number {
    const { labels } = this.attachment
    for (let k = 0; k < labels.length; k++) {
      const { name } = labels[k]!
      if (name.length === end - start && sameBytes(this.input, start, end, name, 0, name.length)) return k
    }
    return -1
  }

  /** As Prometheus does: `exported_` before the name, as often as it takes to find a name that the series does not use. */
  private rename(valueStart: number, valueEnd: number, comma: boolean): void {
    let name = join(EXPORTED, this.attachment.source.name)
    while (this.uses(name)) name = join(EXPORTED, name)
    if (comma) this.line.put(COMMA)
    const value = this.input.subarray(valueStart, valueEnd)
    this.line.writeLabel(name, value)
    this.hash = (this.hash + hashOf(name, value)) | 0
  }

  private uses(name: Uint8Array): boolean {
    const { input, starts, ends, kept } = this
    for (let k = 0; k < this.count; k++)
      if (kept[k] === 1 && sameBytes(input, starts[k]!, ends[k]!, name, 0, name.length)) return true
    return this.attachment.labels.some((label) => sameBytes(label.name, 0, label.name.length, name, 0, name.length))
  }
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}

/** Characters of a label value, an escape being one. */
const characters = (b: Uint8Array, start: number, end: number): number => {
  let count = 0
  for (let i = start; i < end; i++) {
    if (b[i] === BACKSLASH) i++
    if ((b[i]! & 0xc0) !== 0x80) count++
  }
  return count
}
