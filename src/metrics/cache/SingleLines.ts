/**
 * SingleLines: a record that is one plain line of a source that has samples: by far the most of those that come one by one. What it
 * does comes to the same as the way of every round, and costs less; whatever is unusual is left to that.
 */
import type { LogTime } from "../../engine/PartitionProcessor.ts"
import type { LogRecord } from "../../transport/Transport.ts"
import type { Now, Stamp } from "../rounds/Ages.ts"
import type { Envelope } from "../rounds/Record.ts"
import type { Rhythms } from "../rounds/Rhythm.ts"
import type { Rounds } from "../rounds/Rounds.ts"
import { LineReader } from "../samples/LineReader.ts"
import { plainLine } from "../samples/PlainLine.ts"
import { timestampBytes } from "../text/Syntax.ts"
import type { Admission } from "./Admission.ts"
import type { Books } from "./Books.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import type { Contents } from "./Contents.ts"
import { tooEarly } from "./DumpTime.ts"

/** The parts of the cache that a line goes through. */
interface Way {
  readonly contents: Contents
  readonly admission: Admission
  readonly rounds: Pick<Rounds<unknown>, "single">
  readonly rhythms: Rhythms
  readonly books: Books
}

export class SingleLines {
  private readonly options: CacheOptions
  private readonly time: LogTime
  private readonly way: Way
  private readonly reader: LineReader

  constructor(options: CacheOptions, time: LogTime, way: Way) {
    this.options = options
    this.time = time
    this.way = way
    this.reader = new LineReader(options)
  }

  /** False, and nothing done, where the line is not all there is to it. */
  take(envelope: Envelope, { value, offset }: LogRecord, stamp: Stamp, now: Now): boolean {
    const { source, labels, time } = envelope
    if (envelope.mode !== "samples" || envelope.number !== undefined || envelope.count !== 1) return false
    if (envelope.format !== "text" || value === null || !plainLine.read(value)) return false
    const { timestamps } = this.options
    if (tooEarly(timestamps, stamp, time) !== undefined) return false
    const { contents, admission, rounds, rhythms, books } = this.way
    const content = contents.get(source)
    if (content?.shown.mode !== "samples") return false
    const { series } = content.shown
    const stampText = timestamps === "event" ? timestampBytes(time) : undefined
    const beat = { source, number: undefined, first: offset, appended: now.mono - this.time.appendedAgo(offset) }
    const known = series.recognise(plainLine, labels, stampText)
    const line = known === undefined ? this.reader.read(envelope, stampText) : undefined
    if (line?.reserved === true) {
      rounds.single(source)
      rhythms.note(beat)
      const lines = { count: 1, bytes: line.bytes.subarray(0, line.length) }
      books.reserved(lines, true, source, stamp.offset, now)
      return true
    }
    const change = known ?? (line === undefined ? undefined : series.measureLine(line))
    if (change === undefined || admission.extend(content.share, series, change, now) !== undefined) return false
    if (line === undefined) series.renew(change, plainLine, stampText, stamp)
    else series.addLine(change, line, stampText !== undefined, stamp)
    rounds.single(source)
    contents.renew(content, { number: undefined, stamp, time, first: offset, rhythm: rhythms.note(beat) })
    books.accepted(stamp, time, now)
    return true
  }
}
