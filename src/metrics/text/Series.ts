/**
 * Series: which series a canonical sample line belongs to, as a key that ignores the order of labels and the spelling of
 * numbers in `le` and `quantile`. Pure. It trusts the parser's form of a line.
 */

import type { Family, MetricType } from "./Dump.ts"
import { finishHash, HASH_PRIME, HASH_SEPARATOR, HASH_START, hashOfSample, hashOn } from "./Hash.ts"
import { eachLabel, endOfName, endOfValue } from "./Line.ts"
import {
  ascii,
  COMMA,
  canonicalFloat,
  canonicalFloatBytes,
  EQUALS,
  LF,
  numberIsValid,
  parseNumber,
  SPACE
} from "./Syntax.ts"

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

/** Of the series of a line without its key being made: what is equal for lines of equal keys, and the value's place. */
export interface SeriesPlace {
  hash: number
  /** The key's length. */
  length: number
  /** From the line's start. */
  valueAt: number
}

/** Of the hashes of a name and of its labels, as the parser makes them. */
export const seriesHash = (name: number, labels: number): number => (Math.imul(name, 31) + labels) | 0

/** With `le` and `quantile` as numbers, whatever the family's type. */
export const placeSeries = (b: Uint8Array, line: number, place: SeriesPlace): void => {
  const nameEnd = endOfName(b, line)
  const name = hashOfSample(b, line, nameEnd)
  let labels = 0
  let shift = 0
  let at = nameEnd
  if (b[at] !== SPACE) {
    do {
      const label = ++at
      let h = HASH_START
      for (; b[at] !== EQUALS; at++) h = Math.imul(h ^ b[at]!, HASH_PRIME)
      h = Math.imul(h ^ HASH_SEPARATOR, HASH_PRIME)
      const end = endOfValue(b, at + 2)
      if (isFloat(b, label, at)) {
        const value = parseNumber(b, at + 2, end)
        if (numberIsValid()) {
          const canonical = canonicalFloatBytes(value)
          h = hashOn(h, canonical, 0, canonical.length)
          shift += canonical.length - (end - at - 2)
          at = end
        }
      }
      for (at += at < end ? 2 : 0; at < end; at++) h = Math.imul(h ^ b[at]!, HASH_PRIME)
      labels = (labels + finishHash(h)) | 0
      at = end + 1
    } while (b[at] === COMMA)
    at++
  }
  place.hash = seriesHash(name, labels)
  place.valueAt = at + 1 - line
  place.length = b[nameEnd] === SPACE ? nameEnd + 1 - line : at - 1 - line + shift
}

/** In samples mode: a later record may declare the series as one of numbers, and it must not be there twice then. */
export const sampleFloats: ReadonlyArray<string> = ["le", "quantile"]

const isFloat = (b: Uint8Array, from: number, to: number): boolean => {
  const length = to - from
  if (length !== 2 && length !== 8) return false
  const name = sampleFloats[length === 2 ? 0 : 1]!
  for (let i = 0; i < length; i++) if (b[from + i] !== name.charCodeAt(i)) return false
  return true
}
