/**
 * Search: looks for streams whose file is not where it was: beside its old path, under names that no pattern means; there may be its file, renamed,
 * or a copy or a packed one that goes on with it. What is not found in time is given up, with what of it was not read.
 */
import { messageOf } from "../files/Disk.ts"
import type { RawPath } from "../files/FileNames.ts"
import { type Book, isMissing } from "./Book.ts"
import { firstOf, type Kindred } from "./Kindred.ts"
import { type LogFile, openLog } from "./LogFile.ts"
import type { Newcomers } from "./Newcomers.ts"
import type { Scout } from "./Scout.ts"
import type { Seen } from "./Sighting.ts"
import { Stream } from "./Stream.ts"

/** Ms for which it goes on, and pauses between. */
const lostFor = 60_000
const seekEvery = 500

export interface SearchOptions {
  readonly book: Book
  readonly scout: Scout
  readonly kindred: Kindred
  readonly newcomers: Newcomers
  readonly now: () => number
  /** Its own file is at the path. */
  readonly found: (stream: Stream, path: string, seen: Seen) => void
  readonly goesOn: (stream: Stream, file: LogFile, path: string, size: number) => void
  readonly givenUp: (stream: Stream) => void
}

export class Search {
  private readonly options: SearchOptions

  constructor(options: SearchOptions) {
    this.options = options
  }

  /** Of a lost one, at each tick. */
  ask(stream: Stream, now: number): void {
    if (stream.file === undefined && this.isHopeless(stream, now)) this.options.givenUp(stream)
    else if (now >= stream.seekAt) void this.seek(stream)
  }

  private isHopeless(stream: Stream, now: number): boolean {
    if (!stream.isTruncated) return now - stream.lostAt! >= lostFor
    return isMissing(stream, now) && !this.options.newcomers.isAsking(stream.lastPath)
  }

  private async seek(stream: Stream): Promise<void> {
    const { book, scout, newcomers, now } = this.options
    if (scout.isLate(stream.lastPath)) return
    stream.seekAt = Number.POSITIVE_INFINITY
    try {
      for (const { path, raw, seen } of await scout.beside(stream.lastPath)) {
        if (stream.lostAt === undefined || stream.isOver) return
        if (stream.ids.includes(seen.id) && !stream.isTruncated) {
          scout.follow(path, raw)
          this.options.found(stream, path, seen)
          return
        }
        if (book.ofId(seen.id) !== undefined || seen.size === 0 || newcomers.isPassed(seen)) continue
        if (await this.mayBe(stream, path, raw, seen)) return
      }
    } catch (error) {
      stream.why = messageOf(error)
    } finally {
      stream.sought++
      stream.seekAt = now() + seekEvery * stream.sought
    }
  }

  /** Whether the file goes on with some stream; then it is let. */
  private async mayBe(stream: Stream, path: string, raw: RawPath, { id, size }: Seen): Promise<boolean> {
    const { book, scout, kindred, newcomers } = this.options
    const file = await openLog(raw, scout.runAt(path)).catch(() => undefined)
    if (file === undefined) return false
    const kin =
      file.id === id
        ? await firstOf(file)
            .then((begin) => kindred.of(file, begin, size))
            .catch(() => "other" as const)
        : "other"
    if (!(kin instanceof Stream) || book.ofId(id) !== undefined) {
      if (kin === "other" && file.isPacked) newcomers.pass({ id, size })
      file.close()
      return false
    }
    scout.follow(path, raw)
    this.options.goesOn(kin, file, path, size)
    return kin === stream
  }
}
