/**
 * LabelText: the name and the value of one label from the input to the line buffer, byte by byte, with their hash: the one place in which
 * the bytes of labels are looked at. Names that need no quotes lose them; escapes come out in the one form that all parsers take.
 */
import { defaultParseLimits, type ParseLimits } from "../text/Dump.ts"
import { hashOfName, hashOfValue } from "../text/Hash.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  BACKSLASH,
  continuesLabelName,
  decode,
  EQUALS,
  encode,
  escapeValue,
  isLabelName,
  LF,
  QUOTE,
  shown,
  skipBlanks,
  startsLabelName,
  unescapeValue
} from "../text/Syntax.ts"
import type { Failure } from "./Failure.ts"
import type { SampleName } from "./Names.ts"

/** Bytes that end the plain run of a label value: the quote, the backslash, the line feed, and NUL. */
const stops = Uint8Array.from({ length: 256 }, (_, c) =>
  c === QUOTE || c === BACKSLASH || c === LF || c === 0 ? 1 : 0
)

const N = 110

export class LabelText {
  /** Of the label at hand: its name's, and of name and value (see Hash). */
  nameHash = 0
  hash = 0
  /** Of the line at hand: some name must stand in quotes, or is a hidden one (see LineRecord.QUOTED). */
  quoted = false
  /** A value spans lines, or holds a byte that the comparison of known lines cannot tell: never compared. */
  odd = false
  /** Line feeds in its values, and how far they were followed. */
  feeds = 0
  reached = 0
  /** A name in quotes may span lines, and so may a value. */
  spans = false
  multiline = false
  private input: Uint8Array = new Uint8Array(1)
  private limits = defaultParseLimits
  private growth = 0
  private readonly line: LineBuffer
  private readonly failure: Failure

  constructor(line: LineBuffer, failure: Failure) {
    this.line = line
    this.failure = failure
  }

  /** `growth`: bytes that a line may get besides its own. */
  use(input: Uint8Array, limits: ParseLimits, growth: number): void {
    this.input = input
    this.limits = limits
    this.growth = growth
  }

  /** Another line. */
  begin(): void {
    this.feeds = 0
    this.quoted = this.odd = false
  }

  /** Name, `=` and the opening quote. Answers the position of the value. */
  readName(from: number, name: SampleName): number {
    const { input: b, line, failure, limits } = this
    let i = from
    if (b[i] === QUOTE) {
      i = this.readQuotedName(i, name)
      if (i < 0) return -1
    } else {
      if (!startsLabelName(b[i]!))
        return failure.because("syntax", () => `${name.text}: ${shown(b, i)} where a label name should begin`)
      const out = line.bytes
      let o = line.length
      for (let c = b[i]!; continuesLabelName(c); c = b[++i]!) out[o++] = c
      this.nameHash = hashOfName(out, line.length, o)
      line.length = o
    }
    if (i - from > limits.maxLabelValue)
      return failure.because("too-large", () => `${name.text}: a label name of ${i - from} bytes`)
    i = skipBlanks(b, i)
    if (b[i] !== EQUALS)
      return failure.because("syntax", () => `${name.text}: ${shown(b, i)} where = should follow a label name`)
    i = skipBlanks(b, i + 1)
    if (b[i] !== QUOTE) return failure.because("syntax", () => `${name.text}: a label value is not in quotes`)
    line.put(EQUALS)
    line.put(QUOTE)
    return i + 1
  }

  private readQuotedName(from: number, name: SampleName): number {
    const { input: b, line, failure } = this
    const end = this.endOfString(from)
    if (end < 0) return failure.because("syntax", () => `${name.text}: a quoted label name is not closed`)
    this.noteFeeds(from, end)
    const text = unescapeValue(decode(b, from + 1, end - 1))
    if (text === "" || text.includes("\0"))
      return failure.because("syntax", () => `${name.text}: a label name is empty, or has a NUL`)
    const plain = isLabelName(text)
    const bytes = encode(plain ? text : `"${escapeValue(text)}"`)
    if (!plain) this.quoted = true
    line.reserve(b.length - end + bytes.length + this.growth)
    line.write(bytes, 0, bytes.length)
    this.nameHash = hashOfName(bytes)
    return end
  }

  /** The value and its closing quote. Answers the position after the quote. */
  readValue(from: number, name: SampleName): number {
    const { input: b, line, failure } = this
    let out = line.bytes
    let i = from
    const start = line.length
    let o = start
    for (;;) {
      let c = b[i]!
      while (stops[c] === 0) {
        out[o++] = c
        c = b[++i]!
      }
      if (c === QUOTE) break
      if (c === LF) {
        this.reached = Math.max(this.reached, i)
        // Not within what a value may have either: nothing is looked for in the whole text.
        if (!this.multiline || i + 1 >= b.length || i - from > this.limits.maxLabelValue)
          return failure.because("syntax", () => `${name.text}: a label value is not closed`)
        this.odd = true
        this.feeds++
        out = this.roomFor(o, i)
        out[o++] = BACKSLASH
        out[o++] = N
        i++
      } else if (c === BACKSLASH) {
        const escaped = b[i + 1]!
        if (escaped === LF)
          return failure.because("syntax", () => `${name.text}: a line feed after a backslash in a label value`)
        out[o++] = BACKSLASH
        if (escaped === BACKSLASH || escaped === QUOTE || escaped === N) {
          out[o++] = escaped
          i += 2
        } else {
          // What escapes nothing is a backslash.
          out = this.roomFor(o, i)
          out[o++] = BACKSLASH
          i++
        }
      } else {
        this.odd = true
        out[o++] = c
        i++
      }
    }
    const { maxLabelValue } = this.limits
    if (i - from > maxLabelValue)
      return failure.because(
        "too-large",
        () => `${name.text}: a label value of ${i - from} bytes, the limit is ${maxLabelValue}`
      )
    this.hash = hashOfValue(this.nameHash, out, start, o)
    out[o++] = QUOTE
    line.length = o
    return i + 1
  }

  /** A byte becomes two: room for it and for what may still come of this line. */
  private roomFor(length: number, from: number): Uint8Array {
    this.line.length = length
    this.line.reserve(this.input.length - from + this.growth)
    return this.line.bytes
  }

  /** Of a name in quotes: whether it may span lines is a question of the whole text, which comparing does not ask. */
  noteFeeds(from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (this.input[i] !== LF) continue
      this.odd = true
      this.feeds++
    }
  }

  /** After the closing quote of the string that begins here; -1 where it is not closed, within what a value may have where it spans lines. */
  endOfString(from: number): number {
    const { input: b, spans } = this
    const { maxLabelValue } = this.limits
    for (let i = from + 1; i < b.length; i++) {
      const c = b[i]
      if (c === QUOTE) return i + 1
      if (c === BACKSLASH) {
        if (b[++i] === LF) return -1
      } else if (c === LF) {
        this.reached = Math.max(this.reached, i)
        if (!spans || i - from > maxLabelValue) return -1
      }
    }
    this.reached = b.length
    return -1
  }
}
