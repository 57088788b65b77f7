/**
 * Syntax: the bytes of both text formats. Character classes, numbers, escapes and the canonical form of a float.
 * Pure, and without strings where the caller has bytes: these functions run for every sample.
 */

export const LF = 10
export const TAB = 9
export const SPACE = 32
export const UNDERSCORE = 0x5f
export const QUOTE = 34
export const HASH = 35
export const COMMA = 44
export const EQUALS = 61
export const MINUS = 45
export const BACKSLASH = 92
export const BRACE_OPEN = 123
export const BRACE_CLOSE = 125

const START = 1
const CONTINUE = 2
const COLON = 4

/** Bits per byte: may start a label name, may continue one, is the colon that only metric names may have. */
const classes = (() => {
  const table = new Uint8Array(256)
  for (let c = 0; c < 256; c++) {
    const letter = (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95
    const digit = c >= 48 && c <= 57
    table[c] = (letter ? START | CONTINUE : 0) | (digit ? CONTINUE : 0) | (c === 58 ? COLON : 0)
  }
  return table
})()

export const startsLabelName = (c: number): boolean => (classes[c]! & START) !== 0
export const continuesLabelName = (c: number): boolean => (classes[c]! & CONTINUE) !== 0
export const startsMetricName = (c: number): boolean => (classes[c]! & (START | COLON)) !== 0
export const continuesMetricName = (c: number): boolean => (classes[c]! & (CONTINUE | COLON)) !== 0

export const isLabelName = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)

const encoder = new TextEncoder()
export const encode = (text: string): Uint8Array => encoder.encode(text)
/** The slices of a Buffer work on any bytes; making a Buffer first would cost more than the text. */
const { latin1Slice, utf8Slice } = Buffer.prototype

/** Valid UTF-8 only. */
export const decode = (b: Uint8Array, start: number, end: number): string => utf8Slice.call(b as Buffer, start, end)

/** ASCII only: names and numbers. */
export const ascii = (b: Uint8Array, start: number, end: number): string => latin1Slice.call(b as Buffer, start, end)

export const sameBytes = (
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number
): boolean => {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false
  return true
}

/** Of ASCII. */
export const isText = (b: Uint8Array, start: number, end: number, text: string): boolean => {
  if (end - start !== text.length) return false
  for (let i = start, k = 0; i < end; i++, k++) if (b[i] !== text.charCodeAt(k)) return false
  return true
}

const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i)

let valid = true

/**
 * A number as Go's ParseFloat and the OpenMetrics grammar both take it: decimal, `1.`, `.5`, exponents, and any case of
 * inf, infinity (signed or not) and nan (unsigned). No hexadecimal, no underscores, nothing beyond a double's range.
 * After the call `numberIsValid()` tells whether it was one.
 */
export const parseNumber = (b: Uint8Array, start: number, end: number): number => {
  valid = true
  let i = start
  const negative = b[i] === 45
  if (negative || b[i] === 43) i++
  let digits = 0
  let mantissa = 0
  let scale = 0
  let point = false
  for (; i < end; i++) {
    const c = b[i]! - 48
    if (c >= 0 && c <= 9) {
      mantissa = mantissa * 10 + c
      digits++
      if (point) scale++
    } else if (c === -2 && !point) point = true
    else break
  }
  // Up to 15 digits are exact in a double and so is 10^22: one division rounds correctly.
  if (i === end && digits > 0 && digits <= 15) {
    const value = mantissa / POWERS[scale]!
    return negative ? -value : value
  }
  return parseSlowly(b, start, end)
}

export const numberIsValid = (): boolean => valid

const PLUS = 43
const POINT = 46
const UPPER_E = 69
const LOWER_E = 101
/** Of so many digits a mantissa with an exponent of two is within a double's range for certain. */
const MAX_DIGITS = 100
/** The longest plain decimal number: with its sign, point and exponent. */
export const MAX_DECIMAL = MAX_DIGITS + 7

/**
 * Copies the plain decimal number that begins at `from` to `at` of another memory, which has room for MAX_DECIMAL bytes, where it is in a
 * double's range. Answers where it ends; -1 where there is none, or one that takes a closer look: then what was copied means nothing.
 */
export const copyDecimal = (b: Uint8Array, from: number, to: Uint8Array, at: number): number => {
  let i = from
  let o = at
  let c = b[i]!
  if (c === MINUS) {
    to[o++] = c
    c = b[++i]!
  }
  const mantissa = i
  const last = i + MAX_DIGITS
  while (c >= 48 && c <= 57 && i < last) {
    to[o++] = c
    c = b[++i]!
  }
  let digits = i - mantissa
  if (c === POINT) {
    to[o++] = c
    c = b[++i]!
    while (c >= 48 && c <= 57 && i <= last) {
      to[o++] = c
      c = b[++i]!
    }
    digits = i - mantissa - 1
  }
  if (digits === 0 || (c >= 48 && c <= 57)) return -1
  if (c === UPPER_E || c === LOWER_E) {
    to[o++] = c
    c = b[++i]!
    if (c === MINUS || c === PLUS) {
      to[o++] = c
      c = b[++i]!
    }
    const exponent = i
    while (c >= 48 && c <= 57 && i < exponent + 3) {
      to[o++] = c
      c = b[++i]!
    }
    if (i === exponent || i - exponent > 2) return -1
  }
  return i
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const INFINITE = /^[+-]?inf(?:inity)?$/i

const parseSlowly = (b: Uint8Array, start: number, end: number): number => {
  // No number of any meaning is longer; without the bound a token of megabytes would become a string.
  if (end - start <= 1024) {
    const text = ascii(b, start, end)
    if (DECIMAL.test(text)) {
      const value = Number(text)
      if (Number.isFinite(value)) return value
    } else if (INFINITE.test(text)) return text.startsWith("-") ? -Infinity : Infinity
    else if (/^nan$/i.test(text)) return Number.NaN
  }
  valid = false
  return Number.NaN
}

/** The form OpenMetrics asks for in `le` and `quantile`, as Go's and Python's clients write it: `1.0`, `0.25`, `1e+06`, `+Inf`. */
export const canonicalFloat = (value: number): string => {
  if (Number.isNaN(value)) return "NaN"
  if (value === Infinity) return "+Inf"
  if (value === -Infinity) return "-Inf"
  if (value === 0) return "0.0"
  const [mantissa, power] = value.toExponential().split("e") as [string, string]
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 6) {
    const size = Math.abs(exponent)
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${size < 10 ? "0" : ""}${size}`
  }
  const text = String(value)
  return text.includes(".") ? text : `${text}.0`
}

/** By some bits of the number: a map's own hashes of numbers are no secret, and its chains would have no bound. */
const FORMS = 4096
const formOf = new Float64Array(FORMS).fill(Number.NaN)
const forms: Array<Uint8Array> = new Array(FORMS)
const bits = new Float64Array(1)
const halves = new Int32Array(bits.buffer)
const NOT_A_NUMBER = encode("NaN")

/** The same as bytes. Bucket bounds are few and come again and again. */
export const canonicalFloatBytes = (value: number): Uint8Array => {
  if (Number.isNaN(value)) return NOT_A_NUMBER
  bits[0] = value
  // Of round numbers the high bits alone tell them apart.
  let h = halves[0]! ^ Math.imul(halves[1]!, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  const at = (h ^ (h >>> 16)) & (FORMS - 1)
  if (formOf[at] !== value) {
    forms[at] = encode(canonicalFloat(value))
    formOf[at] = value
  }
  return forms[at]!
}

/** Label values: the bytes between the quotes. OpenMetrics escapes HELP in the same way. */
export const escapeValue = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

/** What stands between quotes. A backslash that escapes nothing is itself. */
export const unescapeValue = (text: string): string =>
  text.includes("\\") ? text.replace(/\\([\\n"])/g, (_, c: string) => (c === "n" ? "\n" : c)) : text

/** HELP of text 0.0.4, where a quote stays as it is. */
export const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

/** HELP of either format. An unknown escape is taken as it stands: Prometheus does so too, and help is only for people. */
export const unescapeHelp = (text: string, format: "text" | "openmetrics"): string =>
  text.includes("\\")
    ? text.replace(format === "text" ? /\\([\\n])/g : /\\([\\n"])/g, (_, c: string) => (c === "n" ? "\n" : c))
    : text

/** Control characters break lines, terminals and some parsers. A tab is harmless. */
export const isControl = (c: number): boolean => (c < 32 && c !== TAB) || c === 127

export const skipBlanks = (b: Uint8Array, from: number): number => {
  let i = from
  while (b[i] === SPACE || b[i] === TAB) i++
  return i
}

export const endOfWord = (b: Uint8Array, from: number): number => {
  let i = from
  while (b[i] !== SPACE && b[i] !== TAB && b[i] !== LF) i++
  return i
}

/** The timestamp of lines that have none of their own, in event mode: whole milliseconds since 1970. */
export const timestampText = (time: number): string => String(Math.max(0, Math.trunc(time)))

let lastTime = Number.NaN
let lastTimeBytes: Uint8Array = new Uint8Array(0)

/** The same as bytes. Lines of one batch, or millisecond, share it: for single lines, of which each asks anew. */
export const timestampBytes = (time: number): Uint8Array => {
  if (time !== lastTime) {
    lastTimeBytes = encode(timestampText(time))
    lastTime = time
  }
  return lastTimeBytes
}

/** A byte, for a message. */
export const shown = (b: Uint8Array, i: number): string => {
  const c = b[i]!
  if (c === LF) return "the end of the line"
  if (c === 13) return "a carriage return (lines must end with a line feed alone)"
  return c > 32 && c < 127 ? `"${String.fromCharCode(c)}"` : `byte 0x${c.toString(16).padStart(2, "0")}`
}
