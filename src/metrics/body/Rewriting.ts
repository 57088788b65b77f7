/**
 * Rewriting: one line at a time, where it cannot be copied as it is: another timestamp unit, canonical bucket bounds, no
 * exemplar, or only the lines of some sample names. It trusts the form of a dump's lines, and that no name in them is in quotes. Pure.
 *
 * Bounds alone are the common case, every histogram of a text dump in OpenMetrics. Most of its lines stay as they are, so
 * `otherForm` looks for those that do not.
 */
import type { MetricType } from "../text/Dump.ts"
import { endOfLabels, endOfName, endOfToken, endOfValue } from "../text/Line.ts"
import type { OutputFormat } from "../text/Negotiation.ts"
import {
  BRACE_OPEN,
  COMMA,
  canonicalFloatBytes,
  encode,
  numberIsValid,
  parseNumber,
  QUOTE,
  SPACE,
  sameBytes
} from "../text/Syntax.ts"
import type { FamilyMeta } from "./FamilyMeta.ts"
import type { LineChunks } from "./LineChunks.ts"

export interface Rewriting {
  readonly names: ReadonlyArray<Uint8Array> | undefined
  /** The label whose number takes its canonical form. */
  readonly float: Uint8Array | undefined
  readonly timestamps: "none" | "milliseconds" | "seconds"
  readonly exemplars: "none" | "kept" | "dropped"
}

const LE = encode("le")
const QUANTILE = encode("quantile")

/** Undefined where the lines can be copied as they are. */
export const rewritingOf = (
  family: FamilyMeta,
  only: ReadonlyArray<string> | undefined,
  shown: MetricType,
  format: OutputFormat
): Rewriting | undefined => {
  const openMetrics = format === "openmetrics"
  const seconds = openMetrics && family.timestamps
  // By the type that the dump gave: the label must not change its form when the family becomes unknown for others' sake.
  const float = openMetrics && family.floatLabels ? (family.type === "summary" ? QUANTILE : LE) : undefined
  const drops = family.exemplars && !(openMetrics && shown === family.type)
  if (only === undefined && !seconds && float === undefined && !drops) return undefined
  return {
    names: only?.map(encode),
    float,
    timestamps: family.timestamps ? (seconds ? "seconds" : "milliseconds") : "none",
    exemplars: family.exemplars ? (drops ? "dropped" : "kept") : "none"
  }
}

/** All that may have to change in a line where every line stays and none loses its end: a label's number, the timestamp's unit. */
export interface Touch {
  readonly float: Uint8Array | undefined
  readonly seconds: boolean
}

export const onlyTouch = ({ names, float, timestamps, exemplars }: Rewriting): Touch | undefined => {
  const seconds = timestamps === "seconds"
  return names !== undefined || exemplars === "dropped" || (seconds && exemplars === "kept")
    ? undefined
    : { float, seconds }
}

export const isSelected = (b: Uint8Array, line: number, { names }: Rewriting): boolean =>
  names === undefined ||
  names.some((name) => {
    for (let i = 0; i < name.length; i++) if (b[line + i] !== name[i]) return false
    const next = b[line + name.length]
    return next === BRACE_OPEN || next === SPACE
  })

/** `end` is the line feed's index. */
export const rewrite = (chunks: LineChunks, b: Uint8Array, line: number, end: number, how: Rewriting): void => {
  let from = line
  if (how.float !== undefined) from = rewriteFloat(chunks, b, line, how.float)
  let until = end
  if (how.exemplars !== "none") {
    until = endOfToken(b, endOfLabels(b, endOfName(b, line)) + 1)
    if (how.timestamps !== "none") until = endOfToken(b, until + 1)
  }
  if (how.timestamps === "seconds") {
    let digits = until
    while (b[digits - 1] !== SPACE) digits--
    chunks.put(b, from, digits)
    putSeconds(chunks, b, digits, until)
  } else chunks.put(b, from, until)
  if (how.exemplars === "kept") chunks.put(b, until, end)
  chunks.put(LINE_FEED)
}

/** Writes up to the label's value and the value's canonical form; answers where the rest begins. */
const rewriteFloat = (chunks: LineChunks, b: Uint8Array, line: number, label: Uint8Array): number => {
  const value = labelValue(b, line, label)
  if (value < 0) return line
  const end = endOfValue(b, value)
  chunks.put(b, line, value)
  chunks.put(otherForm(b, value, end) ?? b.subarray(value, end))
  return end
}

/** The first byte of the label's value in the line; -1 where it has no such label. */
export const labelValue = (b: Uint8Array, line: number, label: Uint8Array): number => {
  for (let i = endOfName(b, line); b[i] !== SPACE; ) {
    const name = i + 1
    let quote = name
    while (b[quote] !== QUOTE) quote++
    // The name ends before its equal sign.
    if (sameBytes(b, name, quote - 1, label, 0, label.length)) return quote + 1
    i = endOfValue(b, quote + 1) + 1
    if (b[i] !== COMMA) return -1
  }
  return -1
}

/**
 * Whether two lines have the same first so many bytes, looked at eight at a time; of fewer than eight it does not say. Read as
 * doubles: no bits of canonical text are a NaN or a zero.
 */
export const sameText = (text: DataView, a: number, b: number, length: number): boolean => {
  if (length < 8 || b + length > text.byteLength) return false
  for (let at = 0; at < length - 8; at += 8) if (text.getFloat64(a + at) !== text.getFloat64(b + at)) return false
  return text.getFloat64(a + length - 8) === text.getFloat64(b + length - 8)
}

/** The canonical form of the number between the quotes, where it is not written so already. */
export const otherForm = (b: Uint8Array, value: number, end: number): Uint8Array | undefined => {
  const bound = parseNumber(b, value, end)
  if (!numberIsValid()) return undefined
  const canonical = canonicalFloatBytes(bound)
  return sameBytes(b, value, end, canonical, 0, canonical.length) ? undefined : canonical
}

/**
 * Writes from `from` on up to and with the timestamp that ends at `end`, in seconds; answers where what was not written begins. A point
 * before the last three digits is all that most need.
 */
export const putWithSeconds = (chunks: LineChunks, b: Uint8Array, from: number, end: number): number => {
  const point = end - 3
  if (b[point - 1] !== SPACE && b[point] !== SPACE && b[point + 1] !== SPACE) {
    chunks.put(b, from, point)
    chunks.put(POINT)
    return point
  }
  let digits = end
  while (b[digits - 1] !== SPACE) digits--
  chunks.put(b, from, digits)
  putSeconds(chunks, b, digits, end)
  return end
}

/** Milliseconds as seconds, digit by digit: exact. */
const putSeconds = (chunks: LineChunks, b: Uint8Array, start: number, end: number): void => {
  const point = end - 3
  if (point > start) chunks.put(b, start, point)
  else chunks.put(ZERO)
  chunks.put(POINT)
  for (let missing = start - point; missing > 0; missing--) chunks.put(ZERO)
  chunks.put(b, Math.max(start, point), end)
}

const LINE_FEED = encode("\n")
const POINT = encode(".")
const ZERO = encode("0")
