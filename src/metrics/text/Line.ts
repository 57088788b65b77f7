/**
 * Line: reading the canonical sample line that the parser writes, `name{a="b",c="d"} value[ timestamp][ # exemplar]\n`; with a
 * name that must stand in quotes, `{"na.me",a="b","c.d"="e"} value…`. It trusts that form (one space between parts, no blanks in the labels, valid escapes), so it must only see a dump's lines.
 */
import {
  ascii,
  BACKSLASH,
  BRACE_CLOSE,
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

/** The index of what ends the name: `{` or the space, in quotes the comma or brace behind it. */
export const endOfName = (b: Uint8Array, line: number): number => {
  let i = line
  if (b[i] === BRACE_OPEN) return endOfValue(b, i + 2) + 1
  while (b[i] !== BRACE_OPEN && b[i] !== SPACE) i++
  return i
}

/** The index of the quote that closes a label value, from the value's first byte. */
export const endOfValue = (b: Uint8Array, from: number): number => {
  let i = from
  while (b[i] !== QUOTE) i += b[i] === BACKSLASH ? 2 : 1
  return i
}

/** The index of the `=` behind a label's name, from the name's first byte. */
const endOfLabelName = (b: Uint8Array, from: number): number => {
  if (b[from] === QUOTE) return endOfValue(b, from + 1) + 1
  let i = from
  while (b[i] !== EQUALS) i++
  return i
}

/** The index of the space before the sample's value, from the end of the name. */
export const endOfLabels = (b: Uint8Array, nameEnd: number): number => {
  if (b[nameEnd] === SPACE) return nameEnd
  let i = nameEnd
  while (b[i] !== BRACE_CLOSE) i = endOfValue(b, endOfLabelName(b, i + 1) + 2) + 1
  return i + 1
}

/** The first byte of the label's value in the line; -1 where it has no such label. */
export const labelValue = (b: Uint8Array, line: number, label: Uint8Array): number => {
  let i = endOfName(b, line)
  if (b[i] === SPACE) return -1
  while (b[i] !== BRACE_CLOSE) {
    const equals = endOfLabelName(b, i + 1)
    if (sameBytes(b, i + 1, equals, label, 0, label.length)) return equals + 2
    i = endOfValue(b, equals + 2) + 1
  }
  return -1
}

/**
 * The same where the label is the last one of a line, or of a part of it that ends at `end`; -1 where that does not show. The labels before
 * need not be read: the last quote but one opens the last value, or is escaped in it, and then no `=` stands before it.
 */
export const lastLabelValue = (b: Uint8Array, line: number, end: number, label: Uint8Array): number => {
  let value = end - 1
  if (b[value] !== QUOTE) return -1
  do value--
  while (value > line && b[value] !== QUOTE)
  const name = value - 1 - label.length
  if (name <= line || b[value] !== QUOTE || b[value - 1] !== EQUALS) return -1
  if ((b[name - 1] !== COMMA && b[name - 1] !== BRACE_OPEN) || !sameBytes(b, name, value - 1, label, 0, label.length))
    return -1
  return value + 1
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
  const count = countLabels(b, mine, ignored)
  if (count !== countLabels(b, theirs, ignored)) return false
  // Each beside each: of many labels that would be too much.
  if (count > MANY) return labelsKey(b, mine, ignored, float) === labelsKey(b, theirs, ignored, float)
  return eachLabel(b, mine, (name, nameEnd, value, valueEnd) => {
    if (ignored !== undefined && sameBytes(b, name, nameEnd, ignored, 0, ignored.length)) return true
    return !eachLabel(b, theirs, (n, ne, v, ve) => {
      if (!sameBytes(b, name, nameEnd, b, n, ne)) return true
      if (float !== undefined && sameBytes(b, name, nameEnd, float, 0, float.length))
        return !sameNumber(b, value, valueEnd, v, ve)
      return !sameBytes(b, value, valueEnd, b, v, ve)
    })
  })
}

const MANY = 12

/** Equal for the same labels in whatever order. */
const labelsKey = (
  b: Uint8Array,
  nameEnd: number,
  ignored: Uint8Array | undefined,
  float: Uint8Array | undefined
): string => {
  const labels: Array<string> = []
  eachLabel(b, nameEnd, (name, equals, from, end) => {
    if (ignored !== undefined && sameBytes(b, name, equals, ignored, 0, ignored.length)) return true
    let label = ascii(b, name, end)
    if (float !== undefined && sameBytes(b, name, equals, float, 0, float.length)) {
      const value = parseNumber(b, from, end)
      // In quotes as it stands, so that it is no number's.
      if (numberIsValid()) label = `${ascii(b, name, equals)}=${value === 0 ? 0 : value}`
    }
    labels.push(label)
    return true
  })
  return labels.sort().join('",')
}

/** Calls until the answer is false; answers whether it never was. */
export const eachLabel = (
  b: Uint8Array,
  nameEnd: number,
  visit: (name: number, nameEnd: number, value: number, valueEnd: number) => boolean
): boolean => {
  if (b[nameEnd] === SPACE) return true
  let i = nameEnd
  while (b[i] !== BRACE_CLOSE) {
    const name = i + 1
    const equals = endOfLabelName(b, name)
    const valueEnd = endOfValue(b, equals + 2)
    if (!visit(name, equals, equals + 2, valueEnd)) return false
    i = valueEnd + 1
  }
  return true
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
