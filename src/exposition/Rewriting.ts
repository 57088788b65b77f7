/**
 * Rewriting: one line at a time, where it cannot be copied as it is: another timestamp unit, canonical bucket bounds, no
 * exemplar, or only the lines of some sample names. It trusts the form of a dump's lines. Pure.
 */
import type { MetricType } from "./Dump.ts"
import { endOfLabels, endOfName, endOfToken, endOfValue } from "./Line.ts"
import type { LineChunks } from "./LineChunks.ts"
import type { FamilyMeta, OutputFormat } from "./MergedFamilies.ts"
import { canonicalFloatBytes, encode, parseNumber, QUOTE, SPACE } from "./Syntax.ts"

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

export const isSelected = (b: Uint8Array, line: number, { names }: Rewriting): boolean =>
  names === undefined ||
  names.some((name) => {
    for (let i = 0; i < name.length; i++) if (b[line + i] !== name[i]) return false
    return endOfName(b, line + name.length) === line + name.length
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
  const labelsEnd = endOfLabels(b, endOfName(b, line))
  let i = endOfName(b, line)
  while (i + 1 < labelsEnd) {
    const name = i + 1
    let value = name
    while (b[value] !== QUOTE) value++
    const end = endOfValue(b, value + 1)
    // The name and its equal sign.
    if (value - name === label.length + 1 && label.every((c, k) => b[name + k] === c)) {
      chunks.put(b, line, value + 1)
      chunks.put(canonicalFloatBytes(parseNumber(b, value + 1, end)))
      return end
    }
    i = end + 1
  }
  return line
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
