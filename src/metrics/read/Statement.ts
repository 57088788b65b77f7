/**
 * Statement: what a line that begins with `#` says of a metric: HELP, TYPE, UNIT. Pure. It harms no sample: a statement that says
 * nothing, or that Prometheus would refuse the scrape for, is kept as one that is wrong, to be counted.
 */
import { isUtf8 } from "node:buffer"
import type { InputFormat, MetricType, ParseLimits } from "../text/Dump.ts"
import {
  continuesMetricName,
  decode,
  QUOTE,
  SPACE,
  shown,
  startsMetricName,
  TAB,
  unescapeHelp,
  unescapeValue
} from "../text/Syntax.ts"

export type Statement =
  | { readonly kind: "HELP" | "UNIT"; readonly name: string; readonly text: string }
  | { readonly kind: "TYPE"; readonly name: string; readonly type: MetricType }
  | { readonly kind: "EOF" }
  | { readonly kind: "wrong"; readonly detail: string }

const textTypes = new Map<string, MetricType>([
  ["counter", "counter"],
  ["gauge", "gauge"],
  ["histogram", "histogram"],
  ["summary", "summary"],
  ["untyped", "unknown"],
  // Other clients' word, which no parser but Prometheus' own minds.
  ["unknown", "unknown"]
])

const openMetricsTypes = new Map<string, MetricType>(
  (["counter", "gauge", "histogram", "summary", "unknown", "gaugehistogram", "info", "stateset"] as const).map((t) => [
    t,
    t
  ])
)

const wrong = (detail: string): Statement => ({ kind: "wrong", detail })

/** Of the line from its `#` to its end, without the line feed; undefined where it is a comment like any. */
export const readStatement = (
  b: Uint8Array,
  hash: number,
  end: number,
  format: InputFormat,
  { maxLabelValue, maxHelp }: Pick<ParseLimits, "maxLabelValue" | "maxHelp">
): Statement | undefined => {
  let i = skipTo(b, hash + 1, end)
  if (i === hash + 1) return undefined
  const keyword = wordAt(b, i, end)
  i += keyword.length
  if (keyword === "EOF" && format === "openmetrics" && i === end) return { kind: "EOF" }
  const known = keyword === "HELP" || keyword === "TYPE" || (keyword === "UNIT" && format === "openmetrics")
  const nameAt = skipTo(b, i, end)
  // A keyword alone is a comment, as `# HELPFUL` is.
  if (!known || nameAt === i) return undefined
  const nameEnd = endOfName(b, nameAt, end)
  if (nameEnd < 0) return wrong(`${keyword} of no valid metric name (${shown(b, nameAt)})`)
  if (nameEnd - nameAt > maxLabelValue) return wrong(`${keyword} of a name of ${nameEnd - nameAt} bytes`)
  const written = decode(b, nameAt, nameEnd)
  const name = written.startsWith('"') ? unescapeValue(written.slice(1, -1)) : written
  if (name === "") return wrong(`${keyword} of an empty name`)
  if (!isUtf8(b.subarray(nameAt, end))) return wrong(`${keyword} of ${name} is not valid UTF-8`)
  const textAt = skipTo(b, nameEnd, end)
  if (end - textAt > maxHelp) return wrong(`${keyword} of ${name} has ${end - textAt} bytes, the limit is ${maxHelp}`)
  const text = decode(b, textAt, end)
  if (keyword === "HELP") return { kind: "HELP", name, text: unescapeHelp(text, format) }
  // A carriage return is no blank: `counter\r` is no type.
  const word = text.replace(/[ \t]+$/, "")
  if (keyword === "UNIT") {
    if (word !== "" && !name.endsWith(`_${word}`)) return wrong(`unit ${quoted(word)} is not the end of ${name}`)
    return { kind: "UNIT", name, text: word }
  }
  const type = (format === "text" ? textTypes : openMetricsTypes).get(word)
  return type === undefined ? wrong(`TYPE of ${name} is ${quoted(word)}, no known type`) : { kind: "TYPE", name, type }
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 40))

const skipTo = (b: Uint8Array, from: number, end: number): number => {
  let i = from
  while (i < end && (b[i] === SPACE || b[i] === TAB)) i++
  return i
}

const wordAt = (b: Uint8Array, from: number, end: number): string => {
  let i = from
  while (i < end && i < from + 5 && b[i] !== SPACE && b[i] !== TAB) i++
  return decode(b, from, i)
}

/** -1 where none begins here, or one in quotes is not closed. */
const endOfName = (b: Uint8Array, from: number, end: number): number => {
  let i = from
  if (b[i] === QUOTE) {
    for (i++; i < end; i++) {
      if (b[i] === QUOTE) return i + 1
      if (b[i] === 92) i++
    }
    return -1
  }
  if (i >= end || !startsMetricName(b[i]!)) return -1
  while (i < end && continuesMetricName(b[i]!)) i++
  // `# TYPE app-requests counter`, `# TYPE jvm.memory gauge`: names that need quotes.
  return i === end || b[i] === SPACE || b[i] === TAB ? i : -1
}
