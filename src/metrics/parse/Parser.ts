/**
 * Parser: the bytes of one round into a Dump, or the reason why not. Text 0.0.4 and OpenMetrics 1.0 text. Never throws.
 *
 * What it accepts can always be shown: whatever would make the merged output invalid for Prometheus, its Go library or
 * OpenMetrics' reference parser is refused or put right here (see Conformity for what is merely shown as of unknown type).
 * The result shares no bytes with the input. Refused on purpose: names in quotes (UTF-8 names), lines ending in CR LF,
 * negative timestamps. Accepted beyond the books: blank lines and further comments in OpenMetrics, a missing last line feed,
 * families whose samples are interrupted by others'.
 */
import { isUtf8 } from "node:buffer"
import { prepareAttachment } from "../text/Attachment.ts"
import type { Dump, ParseOptions, Refusal } from "../text/Dump.ts"
import { LineBuffer } from "../text/LineBuffer.ts"
import {
  ascii,
  continuesMetricName,
  decode,
  encode,
  HASH,
  isControl,
  LF,
  SPACE,
  sameBytes,
  startsMetricName,
  TAB,
  unescapeHelp
} from "../text/Syntax.ts"
import { assemble } from "./Assembly.ts"
import { Families, Refused } from "./Families.ts"
import type { Known } from "./Layout.ts"
import { LayoutRecorder } from "./LayoutRecorder.ts"
import { readNext } from "./NextRound.ts"
import { SampleParser } from "./SampleParser.ts"

export const isRefusal = (result: object): result is Refusal => "reason" in result

export const parseDump = (bytes: Uint8Array, options: ParseOptions): Dump | Refusal => parse(bytes, options, undefined)

/** A round that may have the lines of the one before, and what is needed to read the next one by it. */
export interface Parsed {
  readonly dump: Dump
  readonly known: Known | undefined
}

/** The same as `parseDump` does, faster where the round has the layout of an earlier one of its source. */
export const parseRound = (bytes: Uint8Array, options: ParseOptions, before: Known | undefined): Parsed | Refusal => {
  const next = before === undefined ? undefined : readNext(bytes, options, before)
  if (next !== undefined) return { dump: next.dump, known: next }
  const recorder = new LayoutRecorder()
  const dump = parse(bytes, options, recorder)
  return isRefusal(dump) ? dump : { dump, known: recorder.known }
}

const parse = (bytes: Uint8Array, options: ParseOptions, recorder: LayoutRecorder | undefined): Dump | Refusal => {
  const { limits } = options
  if (bytes.length > limits.maxBytes)
    return { reason: "too-large", detail: `${bytes.length} bytes, the limit is ${limits.maxBytes}`, line: 0 }
  if (!isUtf8(bytes)) return { reason: "not-utf8", detail: "the text is not valid UTF-8", line: 0 }
  const attachment = prepareAttachment(options.attach, limits)
  if (isRefusal(attachment)) return attachment
  const input = endingInLineFeed(bytes)
  const lines = new LineBuffer()
  const families = new Families(
    options.format,
    limits.maxSeries,
    () => lines.bytes,
    options.allowReservedNames === true
  )
  const samples = new SampleParser(input, options, attachment, families, lines, recorder)
  const reader = new DumpReader(input, options, families, samples, recorder)
  try {
    reader.read()
    const { dump, bytes } = assemble(families.all(), lines, options, recorder)
    recorder?.finish(input, options, dump, bytes, families.all())
    return dump
  } catch (error) {
    if (error instanceof Refused)
      return { reason: error.reason, detail: detailOf(error, reader.line), line: reader.line }
    throw error
  } finally {
    lines.release()
    recorder?.release()
  }
}

/** The line feed at the end lets every loop over a line do without a check for the end of input. */
const endingInLineFeed = (bytes: Uint8Array): Uint8Array => {
  // A plain Uint8Array also where a Buffer came: the loops then see one kind of object.
  if (bytes.at(-1) === LF) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  const input = new Uint8Array(bytes.length + 1)
  input.set(bytes)
  input[bytes.length] = LF
  return input
}

const keywords = ["HELP", "TYPE", "UNIT", "EOF"].map((text) => ({ text, bytes: encode(text) }))

/** The keyword of a comment, "" for any other word. */
const keywordAt = (b: Uint8Array, start: number, end: number): string => {
  for (const { text, bytes } of keywords) if (sameBytes(b, start, end, bytes, 0, bytes.length)) return text
  return ""
}

const detailOf = (error: Refused, line: number): string => {
  const text = line > 0 ? `line ${line}: ${error.detail}` : error.detail
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}

/** The loop over lines, and the lines that start with `#`. */
class DumpReader {
  line = 0
  private ended = false
  private lastName = { start: 0, end: 0, text: "" }
  private readonly input: Uint8Array
  private readonly options: ParseOptions
  private readonly families: Families
  private readonly samples: SampleParser
  private readonly recorder: LayoutRecorder | undefined

  constructor(
    input: Uint8Array,
    options: ParseOptions,
    families: Families,
    samples: SampleParser,
    recorder: LayoutRecorder | undefined
  ) {
    this.input = input
    this.options = options
    this.families = families
    this.samples = samples
    this.recorder = recorder
  }

  read(): void {
    const b = this.input
    let i = 0
    let between = 0
    while (i < b.length) {
      this.line++
      while (b[i] === SPACE || b[i] === TAB) i++
      if (b[i] === LF) i++
      else if (this.ended) throw new Refused("syntax", "text after # EOF")
      else if (b[i] === HASH) i = this.readComment(i)
      else {
        if (i > between) this.recorder?.comment(between, i)
        between = i = this.samples.parse(i)
      }
    }
    if (i > between) this.recorder?.comment(between, i)
    if (this.options.format === "openmetrics" && !this.ended) {
      this.line = 0
      throw new Refused("no-eof", "OpenMetrics text must end with # EOF; the text is cut off or of another format")
    }
  }

  private readComment(hash: number): number {
    const b = this.input
    const end = b.indexOf(LF, hash)
    const word = this.token(hash + 1, end)
    const keyword = keywordAt(b, word.start, word.end)
    if (keyword === "EOF" && this.options.format === "openmetrics") {
      this.ended = true
      return end + 1
    }
    const isMetadata =
      keyword === "HELP" || keyword === "TYPE" || (keyword === "UNIT" && this.options.format === "openmetrics")
    const name = this.token(word.end, end)
    // Like Prometheus' own library: a keyword alone is a comment, a name alone says nothing.
    if (!isMetadata || (b[hash + 1] !== SPACE && b[hash + 1] !== TAB) || name.start === end) return end + 1
    const family = this.metricName(name.start, name.end)
    let rest = name.end
    while (rest < end && (b[rest] === SPACE || b[rest] === TAB)) rest++
    if (rest === end) return end + 1
    for (let i = rest; i < end; i++) {
      if (b[i] === 13 && i === end - 1)
        throw new Refused("syntax", "carriage return: lines must end with a line feed alone")
      if (isControl(b[i]!)) throw new Refused("syntax", `control character in the ${keyword} of ${family}`)
    }
    const text = decode(b, rest, end)
    if (keyword === "HELP") this.families.help(family, unescapeHelp(text, this.options.format))
    else if (keyword === "TYPE") this.families.declareType(family, text.trimEnd())
    else this.families.unit(family, text.trimEnd())
    return end + 1
  }

  private token(from: number, end: number): { readonly start: number; readonly end: number } {
    const b = this.input
    let start = from
    while (start < end && (b[start] === SPACE || b[start] === TAB)) start++
    let i = start
    while (i < end && b[i] !== SPACE && b[i] !== TAB) i++
    return { start, end: i }
  }

  private metricName(start: number, end: number): string {
    const b = this.input
    // HELP and TYPE of one family follow each other.
    const { start: before, end: beforeEnd, text } = this.lastName
    if (text !== "" && sameBytes(b, start, end, b, before, beforeEnd)) return text
    let valid = startsMetricName(b[start]!)
    for (let i = start; i < end; i++) valid &&= continuesMetricName(b[i]!)
    if (!valid) throw new Refused("syntax", "a comment names no valid metric (names in quotes are not supported)")
    if (end - start > this.options.limits.maxLabelValue)
      throw new Refused("too-large", `a name of ${end - start} bytes`)
    this.lastName = { start, end, text: ascii(b, start, end) }
    return this.lastName.text
  }
}
