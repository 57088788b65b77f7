/**
 * LineEnd: the end of a sample line, from its value on, from the input to the line buffer: value, timestamp, exemplar. The one way in
 * which it is read, for lines that are known and for new ones. What it finds out is in its fields until the next line.
 *
 * In event mode every line gets a timestamp, its own or its dump's, in milliseconds; in scrape mode none does.
 */
import { isUtf8 } from "node:buffer"
import type { InputFormat } from "../text/Dump.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  canonicalFloatBytes,
  copyDecimal,
  encode,
  endOfWord,
  HASH,
  LF,
  MAX_DECIMAL,
  numberIsValid,
  parseNumber,
  SPACE,
  skipBlanks
} from "../text/Syntax.ts"
import { readExemplar } from "./Exemplar.ts"
import type { Failure } from "./Failure.ts"

/** What a line is of. */
interface Named {
  readonly text: string
}

/** What may be written of a value besides its own bytes, and of a timestamp. */
const ROOM = 64

export class LineEnd {
  /** Milliseconds since the epoch, NaN where the line has no timestamp of its own. */
  stamp = Number.NaN
  hasExemplar = false
  /** It is a value and nothing else. */
  isPlain = true
  /** An exemplar was there and is not shown. */
  lostExemplar = false
  private start = 0
  private stop = 0
  private input: Uint8Array = new Uint8Array(1)
  private format: InputFormat = "text"
  private time: Uint8Array | undefined
  private valid: boolean | undefined
  private readonly out: LineBuffer
  private readonly failure: Failure

  constructor(out: LineBuffer, failure: Failure) {
    this.out = out
    this.failure = failure
  }

  /** `time`: what lines without a timestamp of their own get; undefined where lines get none at all. */
  use(input: Uint8Array, format: InputFormat, time: Uint8Array | undefined): void {
    this.input = input
    this.format = format
    this.time = time
    this.valid = undefined
  }

  /** Every line gets a timestamp. */
  get isTimed(): boolean {
    return this.time !== undefined
  }

  /** The input is UTF-8 as a whole; looked at when some line asks. */
  get isValid(): boolean {
    this.valid ??= isUtf8(this.input)
    return this.valid
  }

  /** The value of the line just read. */
  number(): number {
    return parseNumber(this.input, this.start, this.stop)
  }

  /** From the value's first byte; answers the position after the line feed, or -1. `of` names the line in messages. */
  read(from: number, of: Named): number {
    const { input: b, out, time } = this
    out.reserve(MAX_DECIMAL + ROOM)
    const o = out.bytes
    const p = copyDecimal(b, from, o, out.length)
    if (p < 0 || (b[p] !== LF && b[p] !== SPACE)) return this.readSlowly(from, of)
    this.start = from
    this.stop = p
    let w = out.length + p - from
    out.length = w
    if (b[p] !== LF) return this.readRest(p, of)
    if (!this.isPlain) {
      this.isPlain = true
      this.stamp = Number.NaN
      this.hasExemplar = this.lostExemplar = false
    }
    if (time !== undefined) {
      o[w++] = SPACE
      for (let i = 0; i < time.length; i++) o[w++] = time[i]!
    }
    o[w++] = LF
    out.length = w
    return p + 1
  }

  /** A value that is no plain decimal number, or is followed by something else than a space. */
  private readSlowly(from: number, of: Named): number {
    const { input: b, out } = this
    const end = endOfWord(b, from)
    const value = parseNumber(b, from, end)
    if (end === from) return this.failure.because("value", () => `${of.text} has no value`)
    if (!numberIsValid())
      return this.failure.because("value", () => `${of.text}: the value ${excerpt(b, from, end)} is no number`)
    this.start = from
    this.stop = end
    out.reserve(end - from + ROOM)
    if (Number.isFinite(value)) out.write(b, from, end)
    else {
      const bytes = canonicalFloatBytes(value)
      out.write(bytes, 0, bytes.length)
    }
    return this.readRest(end, of)
  }

  /** What follows the value. */
  private readRest(from: number, of: Named): number {
    const { input: b, out, failure } = this
    this.isPlain = false
    this.stamp = Number.NaN
    this.hasExemplar = this.lostExemplar = false
    let i = skipBlanks(b, from)
    if (b[i] !== LF && b[i] !== HASH) {
      const end = endOfWord(b, i)
      const stamp = this.milliseconds(i, end)
      if (Number.isNaN(stamp))
        return failure.because("timestamp", () => `${of.text}: ${excerpt(b, i, end)} is no timestamp in ${this.unit}`)
      if (this.time !== undefined && !(stamp >= 0 && stamp <= Number.MAX_SAFE_INTEGER))
        return failure.because(
          "timestamp",
          () => `${of.text}: ${excerpt(b, i, end)} is before 1970 or too far ahead to be shown`
        )
      this.stamp = stamp
      i = skipBlanks(b, end)
    }
    if (this.time !== undefined) {
      const digits = Number.isNaN(this.stamp) ? this.time : encode(String(this.stamp))
      out.reserve(digits.length + ROOM)
      out.put(SPACE)
      out.write(digits, 0, digits.length)
    }
    if (b[i] === HASH && this.format === "openmetrics") {
      const before = out.length
      out.reserve(2 * (b.indexOf(LF, i) - i) + ROOM)
      const exemplar = readExemplar(b, i, out)
      if (exemplar.end < 0) return failure.because("exemplar", () => `${of.text}: ${exemplar.problem}`)
      // Of a known line all else was looked at when it was new.
      if (!this.isValid && !isUtf8(b.subarray(i, exemplar.end)))
        return failure.because("not-utf8", () => `${of.text}: the line is not valid UTF-8`)
      this.hasExemplar = exemplar.shown
      this.lostExemplar = !exemplar.shown
      if (!exemplar.shown) out.length = before
      i = exemplar.end
    }
    if (b[i] !== LF)
      return failure.because("syntax", () => `${of.text}: ${excerpt(b, i, endOfWord(b, i))} behind its value`)
    out.put(LF)
    return i + 1
  }

  private get unit(): string {
    return this.format === "openmetrics" ? "seconds" : "whole milliseconds"
  }

  /** NaN where it is no timestamp. Text: digits; OpenMetrics: seconds, cut off (not rounded) to milliseconds, as Prometheus does. */
  private milliseconds(start: number, end: number): number {
    const { input: b } = this
    if (this.format === "text") {
      let value = 0
      for (let i = start; i < end; i++) {
        if (b[i]! < 48 || b[i]! > 57) return Number.NaN
        value = value * 10 + (b[i]! - 48)
      }
      return value <= MAX_INT64 ? value : Number.NaN
    }
    const value = parseNumber(b, start, end)
    return numberIsValid() && Number.isFinite(value) ? Math.trunc(value * 1000) : Number.NaN
  }
}

/** The nearest double below 2^63. */
const MAX_INT64 = 2 ** 63 - 1024

const excerpt = (b: Uint8Array, start: number, end: number): string => {
  let text = ""
  for (let i = start; i < end && text.length < 30; i++)
    text += b[i]! > 32 && b[i]! < 127 ? String.fromCharCode(b[i]!) : "."
  return `"${text}"`
}
