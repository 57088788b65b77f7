/**
 * Line: reading the canonical sample line that the parser writes, `name{a="b",c="d"} value[ timestamp][ # exemplar]\n`.
 * It trusts that form (one space between parts, no blanks in the labels, valid escapes), so it must only see a dump's lines.
 */
import {
  BACKSLASH,
  BRACE_OPEN,
  COMMA,
  EQUALS,
  LF,
  numberIsValid,
  parseNumber,
  QUOTE,
  SPACE,
  sameBytes
} from "./Syntax.ts"

/** The index of the `{` or the space that ends the name. */
export const endOfName = (b: Uint8Array, line: number): number => {
  let i = line
  while (b[i] !== BRACE_OPEN && b[i] !== SPACE) i++
  return i
}

/** The index of the quote that closes a label value, from the value's first byte. */
export const endOfValue = (b: Uint8Array, from: number): number => {
  let i = from
  while (b[i] !== QUOTE) i += b[i] === BACKSLASH ? 2 : 1
  return i
}

/** The index of the space before the sample's value, from the end of the name. */
export const endOfLabels = (b: Uint8Array, nameEnd: number): number => {
  if (b[nameEnd] === SPACE) return nameEnd
  let i = nameEnd + 1
  for (;;) {
    while (b[i] !== EQUALS) i++
    i = endOfValue(b, i + 2) + 1
    if (b[i] !== COMMA) return i + 1
    i++
  }
}

export const endOfToken = (b: Uint8Array, from: number): number => {
  let i = from
  while (b[i] !== SPACE && b[i] !== LF) i++
  return i
}

/** Whether two lines carry the same label set in whatever order, leaving `ignored` out and comparing `float` as a number. */
export const sameLabels = (
  b: Uint8Array,
  line: number,
  other: number,
  ignored: Uint8Array | undefined,
  float: Uint8Array | undefined
): boolean => {
  const mine = endOfName(b, line)
  const theirs = endOfName(b, other)
  return (
    countLabels(b, mine, ignored) === countLabels(b, theirs, ignored) &&
    eachLabel(b, mine, (name, nameEnd, value, valueEnd) => {
      if (ignored !== undefined && sameBytes(b, name, nameEnd, ignored, 0, ignored.length)) return true
      return !eachLabel(b, theirs, (n, ne, v, ve) => {
        if (!sameBytes(b, name, nameEnd, b, n, ne)) return true
        if (float !== undefined && sameBytes(b, name, nameEnd, float, 0, float.length))
          return !sameNumber(b, value, valueEnd, v, ve)
        return !sameBytes(b, value, valueEnd, b, v, ve)
      })
    })
  )
}

/** Calls until the answer is false; answers whether it never was. */
const eachLabel = (
  b: Uint8Array,
  nameEnd: number,
  visit: (name: number, nameEnd: number, value: number, valueEnd: number) => boolean
): boolean => {
  if (b[nameEnd] === SPACE) return true
  let i = nameEnd + 1
  for (;;) {
    const name = i
    while (b[i] !== EQUALS) i++
    const value = i + 2
    const valueEnd = endOfValue(b, value)
    if (!visit(name, i, value, valueEnd)) return false
    if (b[valueEnd + 1] !== COMMA) return true
    i = valueEnd + 2
  }
}

const countLabels = (b: Uint8Array, nameEnd: number, ignored: Uint8Array | undefined): number => {
  let count = 0
  eachLabel(b, nameEnd, (name, end) => {
    if (ignored === undefined || !sameBytes(b, name, end, ignored, 0, ignored.length)) count++
    return true
  })
  return count
}

const sameNumber = (b: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): boolean => {
  const a = parseNumber(b, aStart, aEnd)
  if (!numberIsValid()) return sameBytes(b, aStart, aEnd, b, bStart, bEnd)
  const c = parseNumber(b, bStart, bEnd)
  return numberIsValid() && (a === c || (Number.isNaN(a) && Number.isNaN(c)))
}
