/**
 * Intake: what an accepted round holds becomes what its source shows, or is refused. Whether a round is accepted was decided before, by the
 * log alone (Rounds); what is decided here only hides. It takes nothing away for a refusal: that is its caller's, who knows the fence.
 */
import type { Reading } from "../read/Reading.ts"
import { noSamples } from "../read/Snapshot.ts"
import type { Now, Stamp } from "../rounds/Ages.ts"
import { isRefused, refusal } from "../rounds/Record.ts"
import type { Rhythm } from "../rounds/Rhythm.ts"
import type { Round } from "../rounds/Rounds.ts"
import { SampleSeries } from "../samples/SampleSeries.ts"
import type { Refusal } from "../text/Dump.ts"
import type { Books } from "./Books.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import type { Contents } from "./Contents.ts"
import { tooEarly } from "./DumpTime.ts"
import { isOfBudget, type Room } from "./Room.ts"
import type { Part, RoundReader } from "./RoundReader.ts"
import type { SourceContent } from "./SourceContent.ts"
import type { Tapped } from "./Tapped.ts"

/** The parts of the cache that a round goes through. */
interface Way {
  readonly contents: Contents
  readonly room: Room
  readonly books: Books
  readonly reader: RoundReader
  readonly tapped: Tapped | undefined
}

type Admitted = Pick<SourceContent, "shown" | "share">

export class Intake {
  private readonly timestamps: CacheOptions["timestamps"]
  private readonly way: Way

  constructor({ timestamps }: CacheOptions, way: Way) {
    this.timestamps = timestamps
    this.way = way
  }

  /** Answers why the round is refused; undefined where all was done, also where its source is shown elsewhere. */
  take(round: Round<Part>, rhythm: Rhythm, stamp: Stamp, now: Now): Refusal | undefined {
    const { contents, books, tapped } = this.way
    const { source, number, first } = round
    const { envelope } = round.parts[0]!
    if (envelope.ended) contents.remove(source)
    else {
      const early = tooEarly(this.timestamps, stamp, envelope.time)
      if (early !== undefined) return early
      const before = contents.get(source)
      const holder = before === undefined ? contents.claim(source, now) : undefined
      if (holder !== undefined) {
        const why = refusal("elsewhere", `${holder} has this source, too: it is shown from there alone`)
        books.away("elsewhere", why, source, stamp.offset, now)
        return undefined
      }
      const since = first === stamp.offset ? stamp : { ...stamp, offset: first }
      const admitted =
        envelope.mode === "snapshot" ? this.snapshot(round, before, now) : this.samples(round, before, since, now)
      if (admitted === undefined || isRefused(admitted)) {
        if (before === undefined) contents.disclaim(source)
        // Samples lose what is new, a snapshot is refused as a whole: what was shown before would stand still.
        const whole = envelope.mode === "snapshot" || before?.shown.mode === "snapshot"
        if (admitted !== undefined && whole && isOfBudget(admitted)) contents.remove(source)
        return admitted
      }
      const { shown, share } = admitted
      const content = { shown, share, number, stamp, time: envelope.time, first, rhythm }
      tapped?.accepted(source, before, content, round.parts)
      contents.put(source, content)
    }
    books.accepted(stamp, envelope.time, now)
    return undefined
  }

  private snapshot(round: Round<Part>, before: SourceContent | undefined, now: Now): Admitted | Refusal {
    const { room, books, reader } = this.way
    const content = reader.read(round)
    if (isRefused(content)) return content
    this.tellLeftOut(round, now)
    const { refused } = content.dump
    if (refused !== undefined) books.lines(refused, round.source, round.first, now)
    return room.admit(round.source, before, content, now)
  }

  private tellLeftOut({ parts, source, first }: Round<Part>, now: Now): void {
    for (const { left } of parts) if (left !== undefined) this.way.books.lines([left], source, first, now)
  }

  /** Undefined where the round has nothing that may be shown: then it adds nothing to what there is. */
  private samples(
    round: Round<Part>,
    before: SourceContent | undefined,
    stamp: Stamp,
    now: Now
  ): Admitted | Refusal | undefined {
    const { room, books, reader } = this.way
    const present = before?.shown.mode === "samples" ? before.shown.series : undefined
    const series = present ?? new SampleSeries()
    const { source } = round
    let admitted: Admitted | undefined
    this.tellLeftOut(round, now)
    // A chunk that is refused refuses them all: of none anything may have been added then.
    if (round.parts.length > 1)
      for (const part of round.parts) {
        const why = refusalOf(reader.readSamples(part, series))
        if (why !== undefined) return why
      }
    for (const part of round.parts) {
      const reading = reader.readSamples(part, series)
      if (isRefused(reading)) return reading
      const why = noSamples(reading)
      if (why !== undefined) return why
      const refused = reading.refused()
      if (refused.length > 0) books.lines(refused, source, stamp.offset, now)
      if (reading.count === 0 && refused.some(({ reason }) => reason === "reserved-name")) books.unshown()
      if (reading.isEmpty || (reading.count === 0 && present === undefined)) continue
      const share = admitted?.share ?? before?.share
      const added = room.admitSamples(source, share, series, reading, stamp, now)
      if (isRefused(added) && admitted === undefined) return added
      if (isRefused(added)) books.refused(added, source, stamp.offset, now)
      else admitted = added
    }
    return admitted
  }
}

/** Why its record is refused as a whole. */
const refusalOf = (reading: Reading | Refusal): Refusal | undefined =>
  isRefused(reading) ? reading : noSamples(reading)
