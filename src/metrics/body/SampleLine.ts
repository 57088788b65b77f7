/**
 * SampleLine: a dump's line taken apart, for the few lines that cannot be copied: names in quotes, and lines that others' TYPE finds a
 * place for. It trusts the form of a dump's lines. Pure; strings, so it is for the seldom case.
 */

import { type Escaping, escapeLabel, isPlainLabel, isPlainMetric } from "../text/Escaping.ts"
import type { OutputFormat } from "../text/Negotiation.ts"
import { canonicalFloat, escapeValue } from "../text/Syntax.ts"

export interface SampleLine {
  readonly name: string
  /** Names as they are, values as they are escaped. */
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>
  readonly value: string
  /** Milliseconds; "" where there are none. */
  readonly timestamp: string
  /** From its ` # ` on; "" where there is none. */
  readonly exemplar: string
}

const unescapeName = (text: string): string =>
  text.includes("\\") ? text.replace(/\\([\\n"])/g, (_, c: string) => (c === "n" ? "\n" : c)) : text

/** The index of the quote that closes, from the first character behind the one that opens. */
const closing = (text: string, from: number): number => {
  let i = from
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1
  return i
}

/** Without its line feed. */
export const readLine = (text: string): SampleLine => {
  let i = 0
  let name: string
  let more: boolean
  if (text[0] === "{") {
    i = closing(text, 2)
    name = unescapeName(text.slice(2, i))
    more = text[i + 1] === ","
    i += 2
  } else {
    while (text[i] !== "{" && text[i] !== " ") i++
    name = text.slice(0, i)
    more = text[i] === "{" && text[i + 1] !== "}"
    if (text[i] === "{") i += more ? 1 : 2
  }
  const labels: Array<readonly [string, string]> = []
  while (more) {
    const quoted = text[i] === '"'
    const end = quoted ? closing(text, i + 1) : text.indexOf("=", i)
    const label = quoted ? unescapeName(text.slice(i + 1, end)) : text.slice(i, end)
    const value = end + (quoted ? 3 : 2)
    i = closing(text, value)
    labels.push([label, text.slice(value, i)])
    more = text[i + 1] === ","
    i += 2
  }
  const start = i + 1
  let end = text.indexOf(" ", start)
  if (end < 0) return { name, labels, value: text.slice(start), timestamp: "", exemplar: "" }
  const value = text.slice(start, end)
  let timestamp = ""
  if (text[end + 1] !== "#") {
    const stop = text.indexOf(" ", end + 1)
    timestamp = text.slice(end + 1, stop < 0 ? text.length : stop)
    end = stop < 0 ? text.length : stop
  }
  return { name, labels, value, timestamp, exemplar: text.slice(end) }
}

export interface LineForm {
  readonly format: OutputFormat
  /** The label whose number OpenMetrics wants in its canonical form. */
  readonly float: string | undefined
  readonly exemplars: boolean
}

/** As the format has it, with its line feed. */
export const writeLine = (line: SampleLine, { format, float, exemplars }: LineForm): string => {
  const openMetrics = format === "openmetrics"
  let inner = isPlainMetric(line.name) ? "" : `"${escapeValue(line.name)}"`
  for (const [name, value] of line.labels) {
    if (inner !== "") inner += ","
    inner += isPlainLabel(name) ? name : `"${escapeValue(name)}"`
    inner += `="${openMetrics && name === float ? canonical(value) : value}"`
  }
  let text = isPlainMetric(line.name) ? line.name : ""
  if (inner !== "") text += `{${inner}}`
  text += ` ${line.value}`
  if (line.timestamp !== "") text += ` ${openMetrics ? seconds(line.timestamp) : line.timestamp}`
  return `${exemplars ? text + line.exemplar : text}\n`
}

/** Milliseconds as seconds, digit by digit: exact. */
const seconds = (timestamp: string): string => {
  const digits = timestamp.replace("-", "").padStart(4, "0")
  return `${timestamp.startsWith("-") ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`
}

/** As Go and Python read the numbers of a dump's lines; undefined where it is none. */
export const numberOf = (text: string): number | undefined => {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return Number(text)
  if (/^[+-]?inf(?:inity)?$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return /^nan$/i.test(text) ? Number.NaN : undefined
}

const canonical = (text: string): string => {
  const number = numberOf(text)
  return number === undefined ? text : canonicalFloat(number)
}

/** The line under the names that the scheme makes; undefined where not every parser would take it: two labels of one name, or a hidden one. */
export const escapeLine = (line: SampleLine, name: string, scheme: Escaping): SampleLine | undefined => {
  const labels: Array<readonly [string, string]> = []
  const seen = new Set<string>()
  for (const [label, value] of line.labels) {
    const shown = escapeLabel(label, scheme)
    if (seen.has(shown) || shown.startsWith("__")) return undefined
    seen.add(shown)
    labels.push([shown, value])
  }
  return { ...line, name, labels }
}

/** Equal for the same labels in whatever order. */
export const labelsKey = (labels: SampleLine["labels"], without?: string): string => {
  const texts: Array<string> = []
  for (const [name, value] of labels) if (name !== without) texts.push(`${name}="${value}"`)
  return texts.sort().join(",")
}
