/**
 * Series: which series a canonical sample line belongs to, as a key that ignores the order of labels and the spelling of
 * numbers in `le` and `quantile`. Pure. It trusts the parser's form of a line.
 */

import type { Family, MetricType } from "./Dump.ts"
import { eachLabel, endOfName } from "./Line.ts"
import { ascii, canonicalFloat, LF, numberIsValid, parseNumber } from "./Syntax.ts"

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
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LF, start) + 1
    const name = ascii(bytes, start, endOfName(bytes, start))
    visit({ key: seriesKey(bytes, start, floats), name, start, end })
    start = end
  }
}

export const seriesKey = (bytes: Uint8Array, line: number, floats: ReadonlyArray<string>): string => {
  const nameEnd = endOfName(bytes, line)
  return `${ascii(bytes, line, nameEnd)}{${labelsKey(bytes, nameEnd, floats)}`
}

const labelsKey = (bytes: Uint8Array, nameEnd: number, floats: ReadonlyArray<string>): string => {
  const labels: Array<string> = []
  let sorted = true
  eachLabel(bytes, nameEnd, (name, equals, from, end) => {
    let label = ascii(bytes, name, end + 1)
    for (const float of floats) {
      if (equals - name !== float.length || !label.startsWith(float)) continue
      const value = parseNumber(bytes, from, end)
      if (numberIsValid()) label = `${float}="${canonicalFloat(value)}"`
    }
    if (labels.length > 0 && labels[labels.length - 1]! > label) sorted = false
    labels.push(label)
    return true
  })
  return (sorted ? labels : labels.sort()).join(",")
}

/** Of the hashes of a name and of its labels, as the parser makes them. */
export const seriesHash = (name: number, labels: number): number => (Math.imul(name, 31) + labels) | 0

/** In samples mode: a later record may declare the series as one of numbers, and it must not be there twice then. */
export const sampleFloats: ReadonlyArray<string> = ["le", "quantile"]
