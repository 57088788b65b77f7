/**
 * SeriesReader: the name and labels of a sample line, read by the parser of the pods, and written again. What it does not read a pod
 * does not show. A label that the line gives as "" is not among them.
 */
import { Failure } from "../read/Failure.ts"
import { LineEnd } from "../read/LineEnd.ts"
import { LineParser } from "../read/LineParser.ts"
import { isLegacyName, Names } from "../read/Names.ts"
import { prepareAttachment } from "../text/Attachment.ts"
import { defaultParseLimits, type ParseLimits } from "../text/Dump.ts"
import { LineBuffer } from "../text/LineBuffer.ts"
import {
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  decode,
  escapeValue,
  isLabelName,
  LF,
  QUOTE,
  SPACE,
  skipBlanks,
  TAB,
  unescapeValue
} from "../text/Syntax.ts"

/** `__name__` first, then the labels in the order of the line. @stable */
export type SeriesLabels = ReadonlyArray<readonly [name: string, value: string]>

/** The parser attaches labels and cannot do without: what it attaches stands behind the own labels and is left there. */
const attachment = prepareAttachment(
  { sourceLabel: "kafka2prom_not_of_the_series", source: "-", labels: [] },
  defaultParseLimits
)

/** `name="value"` of the canonical form; a name may stand in quotes. */
const label = /(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")="((?:[^"\\]|\\.)*)"/gs
const value = Buffer.from(" 0\n")

/** Where the series that begins at `from` ends: its labels may span lines where they are in quotes, as the text format allows. -1: nowhere. */
export const seriesEnd = (b: Uint8Array, from: number, { maxLabelValue } = defaultParseLimits): number => {
  let i = from
  for (; ; i++) {
    const c = b[i]
    if (c === BRACE_OPEN) break
    if (c === undefined || c === LF) return -1
    if (c !== SPACE && c !== TAB) continue
    // Blanks may stand between a name and its labels.
    const next = skipBlanks(b, i)
    if (b[next] !== BRACE_OPEN) return i
    i = next
    break
  }
  for (i++; ; i++) {
    const c = b[i]
    if (c === BRACE_CLOSE) return i + 1
    if (c === undefined || c === LF) return -1
    if (c !== QUOTE) continue
    // Half of it may be backslashes.
    const last = i + 2 * maxLabelValue
    for (i++; b[i] !== QUOTE; i++) {
      if (b[i] === undefined || i > last) return -1
      if (b[i] === BACKSLASH) i++
    }
  }
}

export class SeriesReader {
  private readonly line = new LineBuffer()
  private readonly failure = new Failure()
  private readonly end = new LineEnd(this.line, this.failure)
  private readonly parser = new LineParser(this.line, this.end, this.failure)
  private readonly names = new Names()
  private readonly limits: ParseLimits

  constructor(limits = defaultParseLimits) {
    // One more, which is left there.
    this.limits = { ...limits, maxLabels: limits.maxLabels + 1 }
  }

  /** `series` is a line's beginning without its value; undefined where it is no series. */
  read(series: Uint8Array): SeriesLabels | undefined {
    if ("reason" in attachment) throw new Error(attachment.detail)
    const { line, parser } = this
    const input = Buffer.concat([series, value])
    const view = new DataView(input.buffer, input.byteOffset, input.length)
    line.begin(0)
    this.end.use(input, "text", undefined)
    parser.use(input, view, this.names)
    parser.attach(attachment, this.limits)
    parser.labels.text.spans = parser.labels.text.multiline = true
    if (parser.read(0) !== input.length) return undefined
    const name = parser.name!.text
    const start = parser.name!.quoted ? quotedName(name).length : 0
    const text = decode(line.bytes, 0, parser.labels.ownEnd).slice(start)
    const labels = Array.from(text.matchAll(label), ([, bare, quoted, value]): readonly [string, string] => [
      bare ?? unescapeValue(quoted!),
      unescapeValue(value!)
    ])
    return [["__name__", name], ...labels]
  }
}

const quotedName = (name: string): string => `{"${escapeValue(name)}"`

const labelText = ([name, value]: readonly [string, string]): string =>
  `${isLabelName(name) ? name : `"${escapeValue(name)}"`}="${escapeValue(value)}"`

/** The beginning of a line of the series: all but `__name__` are labels. */
export const writeSeries = (name: string, labels: SeriesLabels): string => {
  const texts = labels.filter(([label]) => label !== "__name__").map(labelText)
  if (!isLegacyName(name)) return `{${[`"${escapeValue(name)}"`, ...texts].join(",")}}`
  return texts.length === 0 ? name : `${name}{${texts.join(",")}}`
}
