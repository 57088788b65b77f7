/**
 * LineReader: a record that is one plain line of a series that is not known yet, read without what it takes to read a dump. The
 * line is read by the parser's own parts, so what it becomes is what the parser would have made of it; where they refuse it, or
 * anything else is unusual, the answer is undefined, which says nothing: the record is the parser's then.
 *
 * All it leaves out is what one line of a family without metadata cannot bring about: other lines, types, rules about values.
 */
import { isUtf8 } from "node:buffer"
import type { ReaderOptions } from "../cache/RoundReader.ts"
import { Families } from "../parse/Families.ts"
import { SampleParser } from "../parse/SampleParser.ts"
import type { Envelope } from "../rounds/Record.ts"
import { type Attachment, prepareAttachment } from "../text/Attachment.ts"
import { LineBuffer } from "../text/LineBuffer.ts"
import { plainLine } from "./PlainLine.ts"
import type { NewLine } from "./SampleLines.ts"

/** A line with its name, in memory that the next one is read into. */
export interface LineRead extends NewLine {
  readonly name: string
  /** It is not shown: Prometheus writes series of that name itself. */
  readonly reserved: boolean
}

/** Names are remembered; starting over only costs time. */
const MAX_NAMES = 1024
const noAttachment: Attachment = {
  source: { name: new Uint8Array(0), value: new Uint8Array(0), hash: 0 },
  labels: [],
  growth: 0
}

/** One for all, as `plainLine` is. */
const output = new LineBuffer(new Uint8Array(4096))
let view = new DataView(output.bytes.buffer)

export class LineReader {
  private readonly options: ReaderOptions
  private families: Families | undefined
  private samples: SampleParser | undefined
  private attached: { source: string; labels: Envelope["labels"]; attachment: Attachment | undefined } | undefined

  constructor(options: ReaderOptions) {
    this.options = options
  }

  /** Of `plainLine`. `time`: what follows the value, where lines carry one. */
  read({ source, labels }: Envelope, time: Uint8Array | undefined): LineRead | undefined {
    const { limits } = this.options
    const { bytes, end, hash, ascii } = plainLine
    if (limits.maxSeries < 1 || end >= limits.maxBytes || (!ascii && !isUtf8(bytes.subarray(0, end)))) return undefined
    const attachment = this.attachmentOf(source, labels)
    if (attachment === undefined) return undefined
    const samples = this.parser()
    samples.attach(attachment, time)
    output.length = 0
    try {
      if (samples.read(0) !== end + 1) return undefined
    } catch {
      // Refused, or a defect: the parser comes to the same and says so.
      return undefined
    }
    const { length } = output
    if (output.bytes.buffer !== view.buffer) view = new DataView(output.bytes.buffer)
    const series = samples.place()
    const shape = { hash, ownEnd: samples.ownEnd, labels }
    const { text: name, family } = samples.name!
    // Others are measured with what their source has.
    if (family.reserved && length > limits.maxBytes) return undefined
    return { bytes: output.bytes, view, start: 0, length, series, shape, name, reserved: family.reserved }
  }

  /** A source's lines come one after the other. */
  private attachmentOf(source: string, labels: Envelope["labels"]): Attachment | undefined {
    const last = this.attached
    if (last?.source === source && last.labels === labels) return last.attachment
    const { sourceLabel, limits } = this.options
    const prepared = prepareAttachment({ sourceLabel, source, labels }, limits)
    const attachment = "reason" in prepared ? undefined : prepared
    this.attached = { source, labels, attachment }
    return attachment
  }

  private parser(): SampleParser {
    if (this.samples !== undefined && this.families!.size <= MAX_NAMES) return this.samples
    const { limits, timestamps, sourceLabel, allowReservedNames = false } = this.options
    const attach = { sourceLabel, source: "", labels: [] }
    const options = { format: "text", attach, limits, timestamps, time: 0 } as const
    this.families = new Families("text", Number.POSITIVE_INFINITY, () => output.bytes, allowReservedNames)
    this.samples = new SampleParser(plainLine.bytes, options, noAttachment, this.families, output, undefined)
    return this.samples
  }
}
