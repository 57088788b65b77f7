/**
 * NextRound: a round that has the lines of an earlier one of its source, read by its layout: each line is compared with the line
 * before up to its value and copied in the same step, then its value is read. What costs is a scan and a copy.
 *
 * Promise: the answer is what parsing in full would give, or undefined, which says nothing. It never refuses: whatever it
 * does not expect, down to a second blank, is for the parser to judge. Two facts carry the proof: a line with the name and
 * own labels of a canonical line becomes that line, and the parser's view of everything but values depends on those and on
 * the comments alone. So only the rules about values are left to check; a family that would now keep them or not keep them
 * where it did before is the parser's, too, since other things follow from it.
 */

import type { Family, ParseOptions } from "../text/Dump.ts"
import { LineBuffer } from "../text/LineBuffer.ts"
import { allocateLines, SLACK } from "../text/LineMemory.ts"
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  canonicalFloatBytes,
  encode,
  endOfDecimal,
  endOfWord,
  LF,
  MINUS,
  numberIsValid,
  parseNumber,
  SPACE,
  timestampText
} from "../text/Syntax.ts"
import {
  BUCKET,
  COUNT,
  METRIC_STARTS,
  NO_RULE,
  NOT_BELOW_ZERO,
  NOT_BELOW_ZERO_OR_NAN,
  valueKeeps
} from "./Conformity.ts"
import { fits, type Known, MAX_VALUE_BYTES, NOT_RANGED, RANGED, UNGOVERNED } from "./Layout.ts"

export const readNext = (bytes: Uint8Array, options: ParseOptions, before: Known): Known | undefined => {
  if (!fits(before.layout, options) || bytes.length > options.limits.maxBytes || bytes.at(-1) !== LF) return undefined
  const output = new LineBuffer()
  try {
    const reader = new NextRound(bytes, options, before, output)
    return reader.read() ? reader.known() : undefined
  } finally {
    output.release()
  }
}

const ZERO = 48
/** Of so many a whole number is exact. */
const MAX_WHOLE = 15

/** Scratch: where each line starts, before and now, where that is not simply one after the other. */
let startsBefore = new Uint32Array(1024)
let starts = new Uint32Array(1024)

class NextRound {
  private readonly input: Uint8Array
  private readonly options: ParseOptions
  private readonly before: Known
  private readonly output: LineBuffer
  private readonly time: Uint8Array
  private readonly sizes: Uint8Array
  private readonly familyEnds: Array<number> = []

  constructor(bytes: Uint8Array, options: ParseOptions, before: Known, output: LineBuffer) {
    const lines = before.sizes.length
    // A plain Uint8Array also where a Buffer came: the loops then see one kind of object.
    this.input = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.options = options
    this.before = before
    this.output = output
    this.time = options.timestamps === "event" ? encode(` ${timestampText(options.time)}`) : new Uint8Array(0)
    this.sizes = new Uint8Array(lines)
    output.reserve(before.lines.length + bytes.length + lines * (this.time.length + SLACK) + SLACK)
    if (before.layout.order !== undefined) this.findStarts(before.layout.order.places)
  }

  /** The lines in the order of the input into the output. False: this round is for the parser. */
  read(): boolean {
    const { input: b, before, time, sizes } = this
    const { lines: a, sizes: sizesBefore } = before
    const { owns, tails, rules, commentLines, familyEnds, verdicts, freeTimes, order } = before.layout
    const o = this.output.bytes
    const input = new DataView(b.buffer, b.byteOffset, b.length)
    const known = new DataView(a.buffer, a.byteOffset, a.length + SLACK)
    const { buffer, byteOffset, byteLength } = before.layout.comments
    const comments = new DataView(buffer, byteOffset, byteLength)
    const output = new DataView(o.buffer, o.byteOffset, o.length)
    const length = b.length
    const dropsTimestamps = this.options.timestamps === "scrape" && this.options.format === "text"
    const keepsTimestamps = this.options.timestamps === "event"
    let p = 0
    let q = 0
    let w = 0
    let comment = 0
    let commentLine = commentLines.length > 0 ? commentLines[0]! : -1
    let line = 0
    for (let family = 0; family < familyEnds.length; family++) {
      const familyEnd = familyEnds[family]!
      let ranged = true
      let bucket = 0
      let count = -1
      for (; line < familyEnd; line++) {
        if (line === commentLine) {
          p = this.readComment(comment, p, input, comments)
          if (p < 0) return false
          comment++
          commentLine = comment < commentLines.length ? commentLines[comment]! : -1
        }
        if (order !== undefined) {
          q = startsBefore[line]!
          starts[line] = w
        }
        // Name and own labels, eight bytes at a time. Read as doubles: no bits of canonical text are a NaN or a zero.
        const own = owns[line]!
        const ownEnd = q + own
        if (p + own + 3 > length) return false
        const toInput = p - q
        const toOutput = w - q
        if (own >= 8) {
          const last = ownEnd - 8
          for (; q < last; q += 8) {
            const eight = known.getFloat64(q, true)
            if (eight !== input.getFloat64(q + toInput, true)) return false
            output.setFloat64(q + toOutput, eight, true)
          }
          const eight = known.getFloat64(last, true)
          if (eight !== input.getFloat64(last + toInput, true)) return false
          output.setFloat64(last + toOutput, eight, true)
        } else
          for (; q < ownEnd; q++) {
            if (a[q] !== b[q + toInput]) return false
            o[q + toOutput] = a[q]!
          }
        // The attached labels. What is copied beyond them is overwritten.
        const valueBefore = ownEnd + tails[line]!
        for (q = ownEnd; q < valueBefore; q += 8) output.setFloat64(q + toOutput, known.getFloat64(q, true), true)
        w = valueBefore + toOutput
        q = valueBefore + sizesBefore[line]!
        // What ends the labels in the input.
        p += own
        if (a[ownEnd] !== BRACE_OPEN) {
          if (b[p] === COMMA) p++
          if (b[p] !== BRACE_CLOSE || b[p + 1] !== SPACE) return false
          p += 2
        } else if (b[p] === SPACE) p++
        else if (b[p] === BRACE_OPEN && b[p + 1] === BRACE_CLOSE && b[p + 2] === SPACE) p += 3
        else return false
        // The value.
        const valueAt = w
        const from = p
        let value = 0
        let c = b[p]!
        while (c >= 48 && c <= 57) {
          value = value * 10 + (c - 48)
          o[w++] = c
          c = b[++p]!
        }
        let whole = p > from && p - from <= MAX_WHOLE
        // Neither below zero nor NaN, whatever it is exactly.
        let positive = whole
        if (c !== LF || p === from || p - from > MAX_WHOLE) {
          p = endOfDecimal(b, from)
          if (b[p] === LF || b[p] === SPACE) {
            whole &&= p - from === w - valueAt
            positive = b[from] !== MINUS
            for (let i = from + w - valueAt; i < p; i++) o[w++] = b[i]!
          } else {
            p = endOfWord(b, from)
            const other = parseNumber(b, from, p)
            if (!numberIsValid()) return false
            whole = positive = false
            w = valueAt
            const digits = Number.isFinite(other) ? b.subarray(from, p) : canonicalFloatBytes(other)
            if (digits.length >= MAX_VALUE_BYTES) return false
            for (let i = 0; i < digits.length; i++) o[w++] = digits[i]!
          }
        }
        const rule = rules[line]!
        if (rule !== NO_RULE) {
          if ((rule & METRIC_STARTS) !== 0) {
            if (count >= 0 && count !== bucket) ranged = false
            bucket = 0
            count = -1
          }
          const kind = rule & ~METRIC_STARTS
          if (!positive || (kind !== NOT_BELOW_ZERO && kind !== NOT_BELOW_ZERO_OR_NAN)) {
            if (!whole) value = parseNumber(b, from, p)
            if (!valueKeeps(kind, value)) ranged = false
            if (kind === BUCKET) {
              if (value < bucket) ranged = false
              bucket = value
            } else if (kind === COUNT) count = value
          }
        }
        if (b[p] === LF) for (let i = 0; i < time.length; i++) o[w++] = time[i]!
        else {
          // The line's own time, where it is left out, or kept and under no rule.
          const keeps = keepsTimestamps && freeTimes[family] === 1
          if (!(dropsTimestamps || keeps) || b[p] !== SPACE) return false
          const space = p++
          while (b[p]! >= 48 && b[p]! <= 57) p++
          const digits = p - space - 1
          if (digits === 0 || digits > MAX_WHOLE || b[p] !== LF) return false
          if (keeps) {
            if (b[space + 1] === ZERO && digits > 1) return false
            for (let i = space; i < p; i++) o[w++] = b[i]!
          }
        }
        p++
        o[w++] = LF
        const size = w - valueAt
        if (size > MAX_VALUE_BYTES) return false
        sizes[line] = size
      }
      if (count >= 0 && count !== bucket) ranged = false
      const verdict = verdicts[family]
      if (verdict !== UNGOVERNED && verdict !== (ranged ? RANGED : NOT_RANGED)) return false
      this.familyEnds.push(w)
    }
    if (comment < commentLines.length) p = this.readComment(comment, p, input, comments)
    this.output.length = w
    return p === length && w <= this.options.limits.maxBytes
  }

  /** After `read`. */
  known(): Known {
    const { before, output, sizes } = this
    const { layout } = before
    const { length } = output
    const lines = allocateLines(length)
    const ends = layout.order === undefined ? this.familyEnds : this.arrange(lines, layout.order)
    if (layout.order === undefined) lines.set(output.bytes.subarray(0, length))
    let at = 0
    const families: Array<Family> = before.dump.families.map((family, k) => {
      const bytes = lines.subarray(at, ends[k])
      at = ends[k]!
      return { ...family, bytes }
    })
    const { source, series, bytes, reserved } = before.dump
    const dump = { source, families, series, bytes: bytes - before.lines.length + length }
    // They lie behind all families.
    const rest = reserved === undefined ? {} : { reserved: { count: reserved.count, bytes: lines.subarray(at) } }
    return { dump: { ...dump, ...rest }, layout, lines, sizes }
  }

  /** Answers where it ends in the input, or -1 where something else stands there. */
  private readComment(comment: number, from: number, input: DataView, comments: DataView): number {
    const { commentEnds } = this.before.layout
    const end = commentEnds[comment]!
    let i = comment === 0 ? 0 : commentEnds[comment - 1]!
    const shift = from - i
    if (end + shift > input.byteLength) return -1
    // Not as doubles: a comment may hold any character.
    for (; i + 4 <= end; i += 4) if (comments.getInt32(i) !== input.getInt32(i + shift)) return -1
    for (; i < end; i++) if (comments.getUint8(i) !== input.getUint8(i + shift)) return -1
    return end + shift
  }

  private findStarts(places: Uint32Array): void {
    const { owns, tails } = this.before.layout
    const { sizes } = this.before
    if (starts.length < sizes.length) {
      starts = new Uint32Array(sizes.length)
      startsBefore = new Uint32Array(sizes.length)
    }
    let at = 0
    for (let k = 0; k < places.length; k += 2)
      for (let line = places[k]!; line < places[k + 1]!; line++) {
        startsBefore[line] = at
        at += owns[line]! + tails[line]! + sizes[line]!
      }
  }

  /** Puts the lines into the dump's order; answers the ends of its families. */
  private arrange(into: Uint8Array, order: NonNullable<Known["layout"]["order"]>): ReadonlyArray<number> {
    const { bytes, length } = this.output
    const lines = this.sizes.length
    let at = 0
    let k = 0
    return Array.from(order.familyEnds, (placesEnd) => {
      for (; k < placesEnd; k += 2) {
        const end = order.places[k + 1]!
        const part = bytes.subarray(starts[order.places[k]!], end === lines ? length : starts[end])
        into.set(part, at)
        at += part.length
      }
      return at
    })
  }
}
