/**
 * Series: which series a canonical sample line belongs to, as a key that ignores the order of labels and the spelling of
 * numbers in `le` and `quantile`. Pure. It trusts the parser's form of a line.
 */
import type { Family, MetricType } from "./Dump.ts"
import { endOfLabels, endOfName, endOfValue } from "./Line.ts"
import { COMMA, canonicalFloat, EQUALS, LF, numberIsValid, parseNumber } from "./Syntax.ts"

export interface SeriesLine {
  /** One character a byte, so it is exact for any text. */
  readonly key: string
  readonly name: string
  /** The line in the family's bytes. */
  readonly start: number
  readonly end: number
}

/** The labels that are numbers in a family of this type. */
export const floatLabelsOf = (type: MetricType): ReadonlyArray<string> =>
  type === "summary" ? ["quantile"] : type === "histogram" || type === "gaugehistogram" ? ["le"] : []

/** `floats`: labels whose values are compared as numbers, where they are numbers. */
export const eachSeries = (family: Family, floats: ReadonlyArray<string>, visit: (line: SeriesLine) => void): void => {
  const { bytes } = family
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LF, start) + 1
    const nameEnd = endOfName(bytes, start)
    const name = text.toString("latin1", start, nameEnd)
    visit({ key: `${name}{${labelsKey(bytes, text, nameEnd, floats)}`, name, start, end })
    start = end
  }
}

const labelsKey = (bytes: Uint8Array, text: Buffer, nameEnd: number, floats: ReadonlyArray<string>): string => {
  const labelsEnd = endOfLabels(bytes, nameEnd)
  if (labelsEnd <= nameEnd + 2) return ""
  const labels: Array<string> = []
  let sorted = true
  for (let at = nameEnd + 1; ; ) {
    let equals = at
    while (bytes[equals] !== EQUALS) equals++
    const end = endOfValue(bytes, equals + 2) + 1
    let label = text.toString("latin1", at, end)
    for (const float of floats) {
      if (equals - at !== float.length || !label.startsWith(float)) continue
      const value = parseNumber(bytes, equals + 2, end - 1)
      if (numberIsValid()) label = `${float}="${canonicalFloat(value)}"`
    }
    if (labels.length > 0 && labels[labels.length - 1]! > label) sorted = false
    labels.push(label)
    if (bytes[end] !== COMMA) break
    at = end + 1
  }
  return (sorted ? labels : labels.sort()).join(",")
}
