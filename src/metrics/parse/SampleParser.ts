/**
 * SampleParser: one sample line of either format into its canonical form in the line buffer, in one pass over its bytes.
 *
 * Blanks between tokens are taken as text 0.0.4 does in both formats; what is written is the same for both. Keeps no
 * string and makes no object for a sample. What is wrong with a line is raised as `Refused`.
 */
import type { Attachment } from "../text/Attachment.ts"
import type { InputFormat, ParseOptions } from "../text/Dump.ts"
import { endOfName, sameLabels } from "../text/Line.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import { placeSeries, type SeriesPlace, seriesHash } from "../text/Series.ts"
import { SeriesTable } from "../text/SeriesTable.ts"
import {
  ascii,
  BRACE_OPEN,
  continuesMetricName,
  encode,
  endOfDecimal,
  endOfWord,
  HASH,
  LF,
  numberIsValid,
  parseNumber,
  QUOTE,
  SPACE,
  sameBytes,
  shown,
  skipBlanks,
  startsMetricName,
  timestampText
} from "../text/Syntax.ts"
import { keepsTextRule } from "../text/TextRules.ts"
import { NO_RULE, type Point } from "./Conformity.ts"
import { type Families, type FamilyBuilder, Refused, type SampleName } from "./Families.ts"
import { LabelParser } from "./LabelParser.ts"
import type { LayoutRecorder } from "./LayoutRecorder.ts"

/** OpenMetrics' bound on the characters of an exemplar's label names and values. */
const MAX_EXEMPLAR = 128
const EXEMPLAR_START = encode(" # {")

export class SampleParser {
  series = 0
  private readonly input: Uint8Array
  private readonly format: InputFormat
  private readonly options: ParseOptions
  private readonly families: Families
  private readonly line: LineBuffer
  private readonly labels: LabelParser
  /** What a line can grow by on its way into the buffer. */
  private growth: number
  private readonly seen: SeriesTable
  private time: Uint8Array | undefined
  private readonly recorder: LayoutRecorder | undefined
  /** Where in the line buffer the value of the sample at hand begins. */
  valueAt = 0
  private last: SampleName | undefined
  private lineStart = 0
  private readonly point: Point = {
    role: "value",
    value: 0,
    bound: undefined,
    timestamp: 0,
    group: 0,
    line: 0,
    hasState: false
  }

  constructor(
    input: Uint8Array,
    options: ParseOptions,
    attachment: Attachment,
    families: Families,
    line: LineBuffer,
    recorder: LayoutRecorder | undefined
  ) {
    this.input = input
    this.format = options.format
    this.options = options
    this.families = families
    this.line = line
    this.recorder = recorder
    this.labels = new LabelParser(input, options.limits, attachment, line)
    this.growth = attachment.growth
    this.seen = new SeriesTable(Math.min(input.length >> 6, options.limits.maxSeries))
    this.time = options.timestamps === "event" ? encode(timestampText(options.time)) : undefined
  }

  /** The name of the sample at hand. */
  get name(): SampleName | undefined {
    return this.last
  }

  /** Where in the line buffer its own labels end. */
  get ownEnd(): number {
    return this.labels.ownEnd
  }

  /** Which series the sample at hand belongs to in samples mode, alone in the line buffer. */
  place(): SeriesPlace {
    const { labels, valueAt } = this
    const place = { hash: seriesHash(this.last!.hash, labels.hash), length: valueAt - 2, valueAt }
    if (labels.mayHaveNumber) placeSeries(this.line.bytes, 0, place)
    return place
  }

  /** For lines of another source, or time. */
  attach(attachment: Attachment, time: Uint8Array | undefined): void {
    this.labels.attach(attachment)
    this.growth = attachment.growth
    this.time = time
  }

  /** Parses the line whose first byte is at `from` into the dump; answers the position after its line feed. */
  parse(from: number): number {
    const end = this.read(from)
    this.enter(this.last!)
    return end
  }

  /** The line alone: whether it goes with the others of its dump is not asked. */
  read(from: number): number {
    const { input: b, line } = this
    line.reserve(b.length - from + this.growth)
    this.lineStart = line.length
    let i = from
    if (!startsMetricName(b[i]!)) throw new Refused("syntax", badStart(b, i))
    do i++
    while (continuesMetricName(b[i]!))
    const name = this.nameOf(from, i)
    line.write(name.bytes, 0, name.bytes.length)
    i = this.labels.parse(skipBlanks(b, i), name)
    this.valueAt = line.length + 1
    i = this.parseValue(skipBlanks(b, i), name)
    i = this.parseTimestamp(i, name)
    if (b[i] === HASH && this.format === "openmetrics") i = this.parseExemplar(i + 1, name)
    if (b[i] !== LF) throw new Refused("syntax", `${name.text}: unexpected ${shown(b, i)} after the value`)
    line.put(LF)
    return i + 1
  }

  private enter(name: SampleName): void {
    const { line, lineStart, labels, point } = this
    const { family } = name
    const { limits } = this.options
    if (family.reserved) {
      this.pass(family)
      return
    }
    if (++this.series > limits.maxSeries) throw new Refused("too-many-series", `more than ${limits.maxSeries} series`)
    this.checkSize()
    const added = this.seen.add(seriesHash(name.hash, labels.hash), lineStart, this.sameSeries)
    if (added === "seen") throw new Refused("duplicate-series", `${name.text} comes twice with the same labels`)
    if (added === "too-many-collisions") throw new Refused("syntax", `${name.text}: too many colliding label sets`)
    let rule = NO_RULE
    if (family.conformity !== undefined) {
      point.role = name.role
      point.bound = labels.bound
      point.hasState = labels.hasState
      point.group = (labels.hash - labels.innerHash) | 0
      point.line = lineStart
      rule = family.conformity.add(point)
      const suffix = name.text.slice(family.name.length)
      family.conformsText &&= keepsTextRule(family.type, suffix, point.value, labels.bound)
    }
    this.recorder?.line(lineStart, labels.ownEnd, this.valueAt, line.length, rule)
    family.addLine(lineStart, line.length)
  }

  /** Of a line that is not shown nothing else matters. It is kept, for the layout of the next round. */
  private pass(family: FamilyBuilder): void {
    const { line, lineStart } = this
    this.checkSize()
    this.recorder?.line(lineStart, this.labels.ownEnd, this.valueAt, line.length, NO_RULE)
    family.addLine(lineStart, line.length)
  }

  private checkSize(): void {
    const { maxBytes } = this.options.limits
    if (this.line.length > maxBytes)
      throw new Refused("too-large", `more than ${maxBytes} bytes with the attached labels`)
  }

  private readonly sameSeries = (other: number): boolean => {
    const { bytes } = this.line
    return (
      sameBytes(bytes, other, endOfName(bytes, other), bytes, this.lineStart, endOfName(bytes, this.lineStart)) &&
      sameLabels(bytes, other, this.lineStart, undefined, this.last?.family.float)
    )
  }

  /** Lines of one name follow each other, or a histogram's few names alternate: the map of names is hardly asked. */
  private nameOf(start: number, end: number): SampleName {
    const { input: b, last } = this
    if (last !== undefined) {
      if (sameBytes(b, start, end, last.bytes, 0, last.bytes.length)) return last
      for (const name of last.family.sampleNames) {
        if (sameBytes(b, start, end, name.bytes, 0, name.bytes.length)) {
          this.last = name
          return name
        }
      }
    }
    if (end - start > this.options.limits.maxLabelValue)
      throw new Refused("too-large", `a name of ${end - start} bytes`)
    this.last = this.families.resolve(ascii(b, start, end))
    return this.last
  }

  private parseValue(from: number, name: SampleName): number {
    const b = this.input
    const decimal = endOfDecimal(b, from)
    // Which number it is matters only to rules.
    if (name.family.conformity === undefined && (b[decimal] === LF || b[decimal] === SPACE)) {
      this.line.put(SPACE)
      this.line.write(b, from, decimal)
      return skipBlanks(b, decimal)
    }
    const end = endOfWord(b, from)
    const value = parseNumber(b, from, end)
    if (!numberIsValid()) throw new Refused("syntax", `${name.text}: the value ${excerpt(b, from, end)} is no number`)
    this.point.value = value
    this.line.writeNumber(b, from, end, value)
    return skipBlanks(b, end)
  }

  private parseTimestamp(from: number, name: SampleName): number {
    const b = this.input
    let i = from
    let own = -1
    if (b[i] !== LF && b[i] !== HASH) {
      const end = endOfWord(b, i)
      own = this.milliseconds(i, end, name)
      if (this.time !== undefined) this.recorder?.ownTime(this.format === "text" && name.family.timesAreFree)
      i = skipBlanks(b, end)
    }
    this.point.timestamp = 0
    if (this.time !== undefined) {
      const digits = own < 0 ? this.time : encode(String(own))
      this.line.put(SPACE)
      this.line.write(digits, 0, digits.length)
      this.point.timestamp = own < 0 ? this.options.time : own
    }
    return i
  }

  private milliseconds(start: number, end: number, name: SampleName): number {
    const b = this.input
    const value = parseNumber(b, start, end)
    const seconds = this.format === "openmetrics"
    const milliseconds = seconds ? Math.round(value * 1000) : value
    const wellFormed = numberIsValid() && (seconds || isDigits(b, start, end))
    if (wellFormed && milliseconds >= 0 && milliseconds <= Number.MAX_SAFE_INTEGER) return milliseconds
    const unit = seconds ? "seconds" : "whole milliseconds"
    throw new Refused("syntax", `${name.text}: ${excerpt(b, start, end)} is no timestamp in ${unit} since 1970`)
  }

  /** From after the `#`. Written as it was, in canonical spacing. */
  private parseExemplar(from: number, name: SampleName): number {
    const b = this.input
    if (name.role !== "total" && name.role !== "bucket")
      throw new Refused("syntax", `${name.text}: only counters and buckets can have exemplars`)
    const open = skipBlanks(b, from)
    if (b[open] !== BRACE_OPEN) throw new Refused("syntax", `${name.text}: an exemplar without labels`)
    this.line.write(EXEMPLAR_START, 0, EXEMPLAR_START.length)
    let i = skipBlanks(b, this.labels.parseExemplar(open + 1, name, MAX_EXEMPLAR))
    i = this.parseExemplarNumber(i, name, false)
    if (b[i] !== LF) i = this.parseExemplarNumber(i, name, true)
    name.family.exemplars = true
    this.recorder?.spoil()
    return i
  }

  private parseExemplarNumber(from: number, name: SampleName, finite: boolean): number {
    const b = this.input
    const end = endOfWord(b, from)
    const value = parseNumber(b, from, end)
    if (!numberIsValid() || (finite && !Number.isFinite(value)))
      throw new Refused("syntax", `${name.text}: ${excerpt(b, from, end)} in an exemplar is no number`)
    this.line.writeNumber(b, from, end, value)
    return skipBlanks(b, end)
  }
}

const badStart = (b: Uint8Array, i: number): string =>
  b[i] === QUOTE || b[i] === BRACE_OPEN
    ? "names in quotes (Prometheus 3's UTF-8 names) are not supported"
    : `${shown(b, i)} cannot start a metric name`

const isDigits = (b: Uint8Array, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) if (b[i]! < 48 || b[i]! > 57) return false
  return end > start
}

const excerpt = (b: Uint8Array, start: number, end: number): string => {
  let text = ""
  for (let i = start; i < end && text.length < 30; i++)
    text += b[i]! > 32 && b[i]! < 127 ? String.fromCharCode(b[i]!) : "."
  return `"${text}"`
}
