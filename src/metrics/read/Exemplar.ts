/**
 * Exemplar: what stands behind `#` in a sample line of OpenMetrics: labels, a value, maybe a timestamp. What Prometheus' parser
 * refuses is refused with its line; what it takes and others do not (more than 128 characters, a label twice, a name in
 * quotes) costs the exemplar alone. Pure.
 */
import type { LineBuffer } from "../text/LineBuffer.ts"
import {
  ascii,
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  continuesLabelName,
  EQUALS,
  encode,
  endOfWord,
  LF,
  numberIsValid,
  parseNumber,
  QUOTE,
  skipBlanks,
  startsLabelName
} from "../text/Syntax.ts"

/** `end`: after the exemplar, -1 where the line is refused for `problem`. */
export interface ExemplarRead {
  readonly end: number
  readonly shown: boolean
  readonly problem: string
}

/** OpenMetrics' bound on the characters of an exemplar's label names and values. */
const MAX_CHARACTERS = 128
const START = encode(" # {")
const N = 110

const refused = (problem: string): ExemplarRead => ({ end: -1, shown: false, problem })

/** From the `#` on into the buffer, which has room for twice what is left of the input. */
export const readExemplar = (b: Uint8Array, hash: number, out: LineBuffer): ExemplarRead => {
  let i = skipBlanks(b, hash + 1)
  if (b[i] !== BRACE_OPEN) return refused("an exemplar without labels")
  out.write(START, 0, START.length)
  i = skipBlanks(b, i + 1)
  let characters = 0
  let shown = true
  const names: Array<string> = []
  while (b[i] !== BRACE_CLOSE) {
    if (names.length > 0) out.put(COMMA)
    const nameAt = i
    if (b[i] === QUOTE) {
      shown = false
      i = endOfString(b, i)
      if (i < 0) return refused("a label name of its exemplar is not closed")
    } else {
      if (!startsLabelName(b[i]!)) return refused("an exemplar's labels are malformed")
      while (continuesLabelName(b[i]!)) i++
    }
    // More names than characters are allowed are too many whatever they are.
    if (names.length <= MAX_CHARACTERS) {
      const name = ascii(b, nameAt, i)
      if (names.includes(name) || name.startsWith("__")) shown = false
      names.push(name)
    } else shown = false
    characters += i - nameAt
    if (shown) out.write(b, nameAt, i)
    i = skipBlanks(b, i)
    if (b[i] !== EQUALS) return refused("a label of its exemplar has no value")
    i = skipBlanks(b, i + 1)
    if (b[i] !== QUOTE) return refused("a label value of its exemplar is not in quotes")
    const end = endOfString(b, i)
    if (end < 0) return refused("a label value of its exemplar is not closed")
    out.put(EQUALS)
    characters += putValue(b, i, end, out)
    if (characters > MAX_CHARACTERS) shown = false
    i = skipBlanks(b, end)
    if (b[i] === COMMA) i = skipBlanks(b, i + 1)
    else if (b[i] !== BRACE_CLOSE) return refused("an exemplar's labels are malformed")
  }
  out.put(BRACE_CLOSE)
  i = putNumber(b, skipBlanks(b, i + 1), out, false)
  if (i >= 0 && b[i] !== LF) i = putNumber(b, i, out, true)
  return i < 0 ? refused("a number of its exemplar is none") : { end: i, shown, problem: "" }
}

/** After the closing quote; -1 where there is none in the line. */
const endOfString = (b: Uint8Array, from: number): number => {
  for (let i = from + 1; b[i] !== LF; i++) {
    if (b[i] === QUOTE) return i + 1
    if (b[i] === BACKSLASH && b[++i] === LF) return -1
  }
  return -1
}

/** With its quotes, in valid escapes alone; answers its characters, an escape being one. */
const putValue = (b: Uint8Array, start: number, end: number, out: LineBuffer): number => {
  let characters = 0
  out.put(QUOTE)
  for (let i = start + 1; i < end - 1; i++) {
    const c = b[i]!
    if ((c & 0xc0) !== 0x80) characters++
    out.put(c)
    if (c !== BACKSLASH) continue
    const escaped = b[i + 1]!
    if (escaped === BACKSLASH || escaped === QUOTE || escaped === N) out.put(b[++i]!)
    else out.put(BACKSLASH)
  }
  out.put(QUOTE)
  return characters
}

/** After the number and the blanks behind it, -1 where it is none. */
const putNumber = (b: Uint8Array, from: number, out: LineBuffer, finite: boolean): number => {
  const end = endOfWord(b, from)
  const value = parseNumber(b, from, end)
  if (end === from || !numberIsValid() || (finite && !Number.isFinite(value))) return -1
  out.writeNumber(b, from, end, value)
  return skipBlanks(b, end)
}
