/**
 * Tailer: from what is seen of files to streams: which goes on, where one ends, where one begins. It has files opened (OpenLogs), asks whether
 * one is another's copy (Kindred), has lost ones looked for (Search), and lets go of what is over. Whatever is given up with bytes that
 * nobody read is counted, with its file. It reads no lines: a stream that has something to read is told of (`ready`).
 */

import { newStream } from "../../Span.ts"
import { Book } from "./Book.ts"
import { beginsWith, type Head, headOf, kilobyte } from "./Fingerprint.ts"
import { firstOf, Kindred } from "./Kindred.ts"
import type { LogFile } from "./LogFile.ts"
import { type Newcomer, Newcomers } from "./Newcomers.ts"
import { OpenLogs, openFor } from "./OpenLogs.ts"
import { Scout, type ScoutOptions } from "./Scout.ts"
import { Search } from "./Search.ts"
import { type Seen, sight } from "./Sighting.ts"
import { type Place, Stream } from "./Stream.ts"
import { Vanished } from "./Vanished.ts"

export interface TailerOptions extends Omit<ScoutOptions, "looked"> {
  readonly host: string
  readonly openFiles: number
  readonly places: ReadonlyArray<Place>
  /** It may have something to read. */
  readonly ready: (stream: Stream) => void
  /** What is kept is to be written; `soon`: something waits for it. */
  readonly dirty: (soon: boolean) => void
  /** For people: a file of which bytes were not read. */
  readonly vanished: (text: string) => void
}

export class Tailer {
  readonly book = new Book()
  readonly vanished = new Vanished()
  readonly files: OpenLogs
  private readonly options: TailerOptions
  private readonly scout: Scout
  private readonly search: Search
  private readonly kindred: Kindred
  private readonly newcomers: Newcomers
  private isSettled = false
  private tidiedAt = 0

  constructor(options: TailerOptions) {
    this.options = options
    const { book } = this
    const scout = new Scout({ ...options, looked: (looked) => this.looked(looked) })
    this.scout = scout
    this.files = new OpenLogs({ ...options, book, scout })
    this.kindred = new Kindred({
      book,
      fileOf: (stream) => this.files.fileOf(stream),
      rewritten: (stream, file) => this.rewritten(stream, file)
    })
    this.newcomers = new Newcomers({
      kindred: this.kindred,
      ...{ now: options.now, trouble: options.trouble },
      runAt: (path) => scout.runAt(path),
      isKnown: (id) => book.ofId(id) !== undefined,
      look: (path) => scout.look(path),
      begin: (newcomer, head, isThere) => this.begin(newcomer, head, isThere),
      goesOn: (stream, file, path, size) => this.goesOn(stream, file, path, size),
      vanished: (path, bytes) => options.vanished(this.vanished.note(path, bytes))
    })
    this.search = new Search({
      ...{ book, scout, kindred: this.kindred, newcomers: this.newcomers, now: options.now },
      found: (stream, path, seen) => this.there(stream, path, seen, options.now()),
      goesOn: (stream, file, path, size) => this.goesOn(stream, file, path, size),
      givenUp: (stream) => this.giveUp(stream)
    })
    const now = options.now()
    for (const place of options.places) {
      const stream = new Stream(place, now, true)
      stream.lose(now)
      book.add(stream, true)
    }
  }

  /** Some file hangs whose mount does not answer. */
  get hanging(): ReadonlySet<string> {
    return this.scout.hanging
  }

  get fileCount(): number {
    return this.scout.fileCount
  }

  get openCount(): number {
    return this.files.count + this.newcomers.openCount
  }

  /** Packed files that are not read, since none that was known is in them. */
  get packedCount(): number {
    return this.newcomers.passedCount
  }

  tick(): void {
    const now = this.options.now()
    this.scout.tick()
    if (!this.isSettled && this.scout.hasSeenAll) {
      this.isSettled = true
      // What is missing now was lost while no agent ran.
      for (const stream of this.book) if (stream.lostAt !== undefined) stream.lose(now)
    }
    if (!this.isSettled) return
    this.newcomers.ask()
    for (const stream of this.book) if (stream.lostAt !== undefined && !stream.isOver) this.missing(stream, now)
    if (now - this.tidiedAt >= 1_000) this.tidy(now)
  }

  close(): void {
    this.scout.close()
    this.files.closeAll()
    this.newcomers.close()
  }

  /** `file` does not hold what was read of the stream: it was truncated, and has grown since, or was written over. */
  rewritten(stream: Stream, file: LogFile): void {
    if (stream.isTruncated || stream.isOver) return
    // It goes on in another file since that read began, or is to be opened again.
    if (stream.file !== file) {
      this.options.ready(stream)
      return
    }
    const { path, id, size } = stream
    this.beginAnew(stream, path ?? stream.lastPath, { id, size, mtime: 0, at: this.options.now() })
    if (path === undefined) this.book.unbind(this.book.ofId(id)!)
  }

  /** All of it was read, the log has it, and it goes on no more. */
  finished(stream: Stream): void {
    stream.isOver = true
    stream.file?.close()
    stream.file = undefined
    if (stream.path !== undefined) this.scout.letGo(stream.path)
    if (stream.path === undefined) stream.lostAt ??= this.options.now()
    this.options.dirty(false)
    this.wakeSource(stream)
  }

  private looked(looked: ReadonlyMap<string, Seen | undefined>): void {
    const now = this.options.now()
    const { book, scout } = this
    const knowledge = { ofId: (id: string) => book.ofId(id), ofPath: (path: string) => book.ofPath(path) }
    for (const verdict of sight(looked, knowledge)) {
      if (verdict.kind === "new") this.newcomers.found(verdict.path, scout.rawOf(verdict.path), verdict.seen)
      else if (verdict.kind === "truncated") this.beginAnew(verdict.stream, verdict.path, verdict.seen)
      else if (verdict.kind === "lost") {
        book.unbind(verdict.stream)
        verdict.stream.lose(now)
        this.newcomers.askAll()
        scout.lookAround(verdict.stream.lastPath)
      } else this.there(verdict.stream, verdict.path, verdict.seen, now)
    }
    for (const [path, seen] of looked) this.newcomers.left(path, seen)
  }

  private there(stream: Stream, path: string, seen: Seen, now: number): void {
    if (stream.isTruncated && stream.id !== seen.id) return
    if (stream.path !== path || stream.id !== seen.id || stream.lostAt !== undefined) {
      if (stream.path !== undefined && stream.path !== path) this.scout.letGo(stream.path)
      this.book.bind(stream, path, seen.id)
      this.options.dirty(false)
    }
    if (stream.isPacked && stream.isOver) return
    const isOther = seen.size !== stream.size || seen.mtime !== stream.mtime
    stream.size = seen.size
    stream.mtime = seen.mtime
    if (!isOther) return
    stream.noticedAt = now
    stream.changedAt = now - Math.min(openFor, Math.max(0, Date.now() - seen.mtime))
    if (stream.isOver && seen.size > stream.read) stream.isOver = stream.isFinal = false
    if (stream.isOver) return
    if (now - stream.changedAt < openFor) void this.learn(stream)
    this.options.ready(stream)
  }

  /** Opens it, so that it can be read although it is removed at once, and notes how it begins, up to a kilobyte. */
  async learn(stream: Stream): Promise<void> {
    const file = await this.files.fileOf(stream)
    const { head } = stream
    if (file === undefined || file.isPacked || head.bytes === kilobyte) return
    const begin = await firstOf(file).catch(() => undefined)
    if (begin === undefined || stream.file !== file || stream.head !== head) return
    if (head.bytes > 0 && !beginsWith(begin, head)) this.rewritten(stream, file)
    else if (begin.length > head.bytes) {
      stream.head = headOf(begin)
      this.options.dirty(true)
    }
  }

  /** Another life of the file begins; of the one before there may be a copy. */
  private beginAnew(stream: Stream, path: string, { id, size, mtime }: Seen): void {
    const now = this.options.now()
    const { book } = this
    const next = Stream.begin(newStream(), stream.source, path, id, now)
    next.file = stream.file
    next.size = size
    next.mtime = mtime
    stream.file = undefined
    if (!stream.isOver) {
      stream.isTruncated = true
      stream.lose(now)
    }
    book.unbind(stream)
    book.takeId(stream, id)
    book.add(next, false)
    book.bind(next, path, id)
    void this.learn(next)
    this.newcomers.askAll()
    this.scout.lookAround(path)
    this.options.dirty(true)
    this.options.ready(next)
  }

  private goesOn(stream: Stream, file: LogFile, path: string, size: number): void {
    if (stream.file !== undefined && stream.file !== file) stream.file.close()
    stream.file = file
    stream.isPacked = file.isPacked
    stream.isTruncated = false
    stream.isFinal = true
    if (!file.isPacked) stream.size = size
    this.book.bind(stream, path, file.id)
    this.options.dirty(false)
    // Of one that is over it is asked as well: something may have come after the last look.
    stream.isOver = false
    this.options.ready(stream)
  }

  private begin({ path, id, file, size }: Newcomer, head: Head, isThere: boolean): void {
    const now = this.options.now()
    const stream = Stream.begin(newStream(), `${this.options.host}${path}`, path, id, now)
    stream.file = file
    stream.size = size
    stream.head = head
    this.book.add(stream, false)
    if (isThere) this.book.bind(stream, path, id)
    else stream.lose(now)
    this.files.opened()
    this.options.dirty(true)
    this.options.ready(stream)
    this.scout.look(path)
  }

  private missing(stream: Stream, now: number): void {
    if (stream.file !== undefined && !stream.isFinal && now - stream.changedAt >= openFor) {
      stream.isFinal = true
      this.options.ready(stream)
    }
    this.search.ask(stream, now)
  }

  private giveUp(stream: Stream): void {
    const unread = stream.size - stream.read
    if (unread > 0) this.options.vanished(this.vanished.note(stream.lastPath, unread))
    stream.isOver = true
    stream.isTruncated = false
    this.options.dirty(false)
    this.wakeSource(stream)
  }

  private wakeSource(stream: Stream): void {
    for (const other of this.book) if (other.source === stream.source && !other.isOver) this.options.ready(other)
  }

  private tidy(now: number): void {
    this.tidiedAt = now
    this.files.tidy(now)
    if (this.book.forget(now)) this.options.dirty(false)
  }
}
