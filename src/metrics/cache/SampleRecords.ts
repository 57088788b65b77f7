/**
 * SampleRecords: a record without a number, of samples, of a source that has samples already: single lines and header-less dumps, which
 * make a round by themselves. What it does comes to the same as the way of every round, and costs less; whatever is unusual
 * is left to that.
 */
import type { LogTime } from "../../engine/PartitionProcessor.ts"
import type { Reading } from "../read/Reading.ts"
import type { Now, Stamp } from "../rounds/Ages.ts"
import { type Envelope, isRefused } from "../rounds/Record.ts"
import type { Rhythm, Rhythms } from "../rounds/Rhythm.ts"
import type { Rounds } from "../rounds/Rounds.ts"
import type { Refusal, RefusedLines } from "../text/Dump.ts"
import type { Books } from "./Books.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import type { Contents } from "./Contents.ts"
import { tooEarly } from "./DumpTime.ts"
import type { Room } from "./Room.ts"
import type { RoundReader } from "./RoundReader.ts"
import type { SourceContent } from "./SourceContent.ts"
import type { Tapped } from "./Tapped.ts"

/** The parts of the cache that a record goes through. */
interface Way {
  readonly contents: Contents
  readonly room: Room
  readonly rounds: Pick<Rounds<unknown>, "single">
  readonly rhythms: Rhythms
  readonly books: Books
  readonly reader: RoundReader
  readonly tapped: Tapped | undefined
}

export class SampleRecords {
  private readonly options: CacheOptions
  private readonly time: LogTime
  private readonly way: Way

  constructor(options: CacheOptions, time: LogTime, way: Way) {
    this.options = options
    this.time = time
    this.way = way
  }

  /** False, and nothing done, where the record is not all there is to it. `ahead`: where it was read already; `left`: series that are not in it any more. */
  take(
    envelope: Envelope,
    value: Uint8Array | undefined,
    offset: number,
    stamp: Stamp,
    now: Now,
    ahead: Reading | Refusal | undefined,
    left: RefusedLines | undefined
  ): boolean {
    const { source, time } = envelope
    if (envelope.mode !== "samples" || envelope.number !== undefined || envelope.count !== 1) return false
    if (value === undefined || value.length === 0 || tooEarly(this.options.timestamps, stamp, time) !== undefined)
      return false
    const { contents, room, rounds, books, reader } = this.way
    const content = contents.get(source)
    if (content?.shown.mode !== "samples") return false
    const { series } = content.shown
    const line = ahead === undefined ? reader.readLine(envelope, value, series) : undefined
    if (line === undefined || !room.renewsLine(content.share, series, line, stamp, now)) {
      const reading = reader.readSamples({ envelope, value, read: undefined, reading: ahead }, series)
      if (isRefused(reading) || !room.addsSamples(content.share, series, reading, stamp, now)) return false
      const refused = reading.refused()
      if (refused.length > 0) books.lines(refused, source, stamp.offset, now)
    }
    if (left !== undefined) books.lines([left], source, offset, now)
    rounds.single(source)
    contents.renew(content, {
      number: undefined,
      stamp,
      time,
      first: offset,
      rhythm: this.rhythmOf(content, source, offset, now)
    })
    this.way.tapped?.accepted(source, content, content, [{ envelope, value, read: undefined }])
    books.accepted(stamp, time, now)
    return true
  }

  /** What comes in one moment tells nothing about how often its source sends. */
  private rhythmOf({ rhythm, stamp, number }: SourceContent, source: string, first: number, now: Now): Rhythm {
    if (stamp.mono === now.mono && number === undefined) return rhythm
    const appended = now.mono - this.time.appendedAgo(first)
    return this.way.rhythms.note({ source, number: undefined, first, appended })
  }
}
