/**
 * Renderer: dumps into the body of one scrape, in chunks, lazily. Pure; it never changes a dump, and holds one chunk at a time.
 *
 * Lines are copied as they are wherever the format allows; only parts that need another timestamp unit, canonical bucket
 * bounds, no exemplars, or some of their lines, go line by line. A chunk once given is the caller's.
 */

import type { Dump, MetricType } from "./Dump.ts"
import { endOfLabels, endOfName, endOfToken, endOfValue } from "./Line.ts"
import { type Merged, type MergedFamily, mergeFamilies, type OutputFormat, type Part } from "./MergedFamilies.ts"
import { canonicalFloatBytes, encode, escapeHelp, escapeValue, LF, parseNumber, QUOTE, SPACE } from "./Syntax.ts"

const CHUNK = 256 * 1024

/** The whole body; in OpenMetrics it ends with `# EOF`. */
export const render = (dumps: ReadonlyArray<Dump>, format: OutputFormat): Iterable<Uint8Array> =>
  renderMerged(mergeFamilies(dumps, format))

export function* renderMerged({ format, families }: Merged): Generator<Uint8Array, void, undefined> {
  const chunks = new Chunks()
  for (const family of families) {
    chunks.put(encode(header(family, format)))
    for (const part of family.parts) {
      const { bytes } = part.family
      const rewriting = rewritingOf(part, family.type, format)
      if (rewriting === undefined) {
        for (let at = 0; at < bytes.length; at += CHUNK) {
          chunks.put(bytes, at, Math.min(at + CHUNK, bytes.length))
          yield* chunks.full()
        }
      } else {
        for (let line = 0; line < bytes.length; ) {
          const end = bytes.indexOf(LF, line)
          if (isSelected(bytes, line, rewriting)) {
            rewrite(chunks, bytes, line, end, rewriting)
            yield* chunks.full()
          }
          line = end + 1
        }
      }
    }
  }
  if (format === "openmetrics") chunks.put(encode("# EOF\n"))
  yield* chunks.full()
  const rest = chunks.rest()
  if (rest.length > 0) yield rest
}

const header = ({ name, type, help, unit }: MergedFamily, format: OutputFormat): string => {
  let text = ""
  if (help !== "") text += `# HELP ${name} ${format === "text" ? escapeHelp(help) : escapeValue(help)}\n`
  text += `# TYPE ${name} ${format === "text" && type === "unknown" ? "untyped" : type}\n`
  if (format === "openmetrics" && unit !== "") text += `# UNIT ${name} ${unit}\n`
  return text
}

interface Rewriting {
  readonly names: ReadonlyArray<Uint8Array> | undefined
  /** The label whose number takes its canonical form. */
  readonly float: Uint8Array | undefined
  readonly timestamps: "none" | "milliseconds" | "seconds"
  readonly exemplars: "none" | "kept" | "dropped"
}

const LE = encode("le")
const QUANTILE = encode("quantile")

/** Undefined where the lines can be copied as they are. */
const rewritingOf = ({ family, only }: Part, shown: MetricType, format: OutputFormat): Rewriting | undefined => {
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

const isSelected = (b: Uint8Array, line: number, { names }: Rewriting): boolean =>
  names === undefined ||
  names.some((name) => {
    for (let i = 0; i < name.length; i++) if (b[line + i] !== name[i]) return false
    return endOfName(b, line + name.length) === line + name.length
  })

/** `end` is the line feed's index. */
const rewrite = (chunks: Chunks, b: Uint8Array, line: number, end: number, how: Rewriting): void => {
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
const rewriteFloat = (chunks: Chunks, b: Uint8Array, line: number, label: Uint8Array): number => {
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
const putSeconds = (chunks: Chunks, b: Uint8Array, start: number, end: number): void => {
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

/** Bytes in, chunks of one size out. */
class Chunks {
  private readonly ready: Array<Uint8Array> = []
  private chunk = new Uint8Array(CHUNK)
  private length = 0

  put(bytes: Uint8Array, start = 0, end = bytes.length): void {
    let from = start
    while (from < end) {
      const size = Math.min(end - from, CHUNK - this.length)
      this.copy(bytes, from, size)
      from += size
      if (this.length === CHUNK) {
        this.ready.push(this.chunk)
        this.chunk = new Uint8Array(CHUNK)
        this.length = 0
      }
    }
  }

  /** Below some dozen bytes a loop beats the call. */
  private copy(bytes: Uint8Array, from: number, size: number): void {
    const { chunk } = this
    const at = this.length
    if (size > 48) chunk.set(bytes.subarray(from, from + size), at)
    else for (let i = 0; i < size; i++) chunk[at + i] = bytes[from + i]!
    this.length = at + size
  }

  *full(): Generator<Uint8Array, void, undefined> {
    for (let chunk = this.ready.shift(); chunk !== undefined; chunk = this.ready.shift()) yield chunk
  }

  rest(): Uint8Array {
    return this.chunk.subarray(0, this.length)
  }
}
