/**
 * Tailer: from what is seen of files to streams: which goes on, where one ends, where one begins. It opens files, asks whether one is another's
 * copy (Kin), looks for what was lost, and lets go of what is over. Whatever is given up with bytes that nobody read is counted, with its
 * file. It reads no lines: a stream that has something to read is told of (`ready`).
 */
import { codeOf, messageOf } from "../files/Disk.ts"
import type { RawPath } from "../files/FileNames.ts"
import { Book, isMissing } from "./Book.ts"
import { beginsWith, type Head, headOf, kilobyte } from "./Fingerprint.ts"
import { firstOf, Kindred } from "./Kindred.ts"
import { type LogFile, openLog } from "./LogFile.ts"
import { type Newcomer, Newcomers } from "./Newcomers.ts"
import { Scout, type ScoutOptions } from "./Scout.ts"
import { type Seen, sight } from "./Sighting.ts"
import { newStream } from "./Span.ts"
import { type Place, Stream } from "./Stream.ts"
import { Vanished } from "./Vanished.ts"

/** Ms for which a file that changed stays open, so that it can be read although it is removed at once. */
const openFor = 60_000
/** Ms for which a stream is looked for whose file is not where it was, and pauses between. */
const lostFor = 60_000
const seekEvery = 500

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
  private readonly options: TailerOptions
  private readonly scout: Scout
  private readonly kindred: Kindred
  private readonly newcomers: Newcomers
  private isSettled = false
  private tidiedAt = 0

  constructor(options: TailerOptions) {
    this.options = options
    this.scout = new Scout({ ...options, looked: (looked) => this.looked(looked) })
    this.kindred = new Kindred({
      book: this.book,
      fileOf: (stream) => this.fileOf(stream),
      rewritten: (stream, file) => this.rewritten(stream, file)
    })
    this.newcomers = new Newcomers({
      kindred: this.kindred,
      ...{ now: options.now, trouble: options.trouble },
      runAt: (path) => this.scout.runAt(path),
      isKnown: (id) => this.book.ofId(id) !== undefined,
      look: (path) => this.scout.look(path),
      begin: (newcomer, head, isThere) => this.begin(newcomer, head, isThere),
      goesOn: (stream, file, path, size) => this.goesOn(stream, file, path, size),
      vanished: (path, bytes) => options.vanished(this.vanished.note(path, bytes))
    })
    const now = options.now()
    for (const place of options.places) {
      const stream = new Stream(place, now, true)
      stream.lose(now)
      this.book.add(stream, true)
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
    let open = 0
    for (const { file } of this.book) if (file !== undefined) open++
    return open + this.newcomers.openCount
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
    for (const { file } of this.book) file?.close()
    this.newcomers.close()
  }

  /** Opens the stream's file where it is not open; undefined where that is not possible now. */
  async fileOf(stream: Stream): Promise<LogFile | undefined> {
    if (stream.file !== undefined) return stream.file
    const { path } = stream
    if (path === undefined || this.scout.isLate(path)) return undefined
    try {
      const file = await openLog(this.scout.rawOf(path), this.scout.runAt(path))
      if (file.id !== stream.id || stream.file !== undefined) {
        file.close()
        this.scout.lookAround(path)
        return stream.file
      }
      stream.why = ""
      stream.file = file
      this.options.trouble(`open ${path}`, "")
      return file
    } catch (error) {
      this.scout.lookAround(path)
      // It was renamed, say.
      if (codeOf(error) === "ENOENT") return undefined
      stream.why = messageOf(error)
      this.options.trouble(`open ${path}`, `${path} cannot be opened: ${stream.why}; it is tried again`)
      return undefined
    }
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

  /** Reading it failed: the disk's trouble, or what is packed is damaged. It is tried again when it is looked at next. */
  unreadable(stream: Stream, file: LogFile, error: unknown): void {
    file.close()
    if (stream.file !== file) return
    stream.file = undefined
    stream.why = messageOf(error)
    const path = stream.lastPath
    this.options.trouble(`read ${path}`, `${path} cannot be read: ${stream.why}; it is tried again`)
    stream.mtime = 0
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
    const file = await this.fileOf(stream)
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
    this.options.dirty(true)
    this.options.ready(stream)
    this.scout.look(path)
  }

  private missing(stream: Stream, now: number): void {
    if (stream.file !== undefined) {
      if (now - stream.changedAt >= openFor && !stream.isFinal) {
        stream.isFinal = true
        this.options.ready(stream)
      }
    } else if (
      stream.isTruncated
        ? isMissing(stream, now) && !this.newcomers.isAsking(stream.lastPath)
        : now - stream.lostAt! >= lostFor
    ) {
      this.giveUp(stream)
      return
    }
    if (now >= stream.seekAt) void this.seek(stream)
  }

  private giveUp(stream: Stream): void {
    const unread = stream.size - stream.read
    if (unread > 0) this.options.vanished(this.vanished.note(stream.lastPath, unread))
    stream.isOver = true
    stream.isTruncated = false
    this.options.dirty(false)
    this.wakeSource(stream)
  }

  /** Whether it is beside its old path, under a name that no pattern means. */
  private async seek(stream: Stream): Promise<void> {
    if (this.scout.isLate(stream.lastPath)) return
    stream.seekAt = Number.POSITIVE_INFINITY
    try {
      for (const { path, raw, seen } of await this.scout.beside(stream.lastPath)) {
        if (stream.lostAt === undefined || stream.isOver) return
        if (stream.ids.includes(seen.id) && !stream.isTruncated) {
          this.scout.follow(path, raw)
          this.there(stream, path, seen, this.options.now())
          return
        }
        if (this.book.ofId(seen.id) !== undefined || seen.size === 0 || this.newcomers.isPassed(seen)) continue
        if (await this.mayBe(stream, path, raw, seen)) return
      }
    } catch (error) {
      stream.why = messageOf(error)
    } finally {
      stream.sought++
      stream.seekAt = this.options.now() + seekEvery * stream.sought
    }
  }

  /** Whether the file goes on with some stream; then it is let. */
  private async mayBe(stream: Stream, path: string, raw: RawPath, { id, size }: Seen): Promise<boolean> {
    const file = await openLog(raw, this.scout.runAt(path)).catch(() => undefined)
    if (file === undefined) return false
    const kin =
      file.id === id
        ? await firstOf(file)
            .then((begin) => this.kindred.of(file, begin, size))
            .catch(() => "other" as const)
        : "other"
    if (!(kin instanceof Stream) || this.book.ofId(id) !== undefined) {
      if (kin === "other" && file.isPacked) this.newcomers.pass({ id, size })
      file.close()
      return false
    }
    this.scout.follow(path, raw)
    this.goesOn(kin, file, path, size)
    return kin === stream
  }

  private wakeSource(stream: Stream): void {
    for (const other of this.book) if (other.source === stream.source && !other.isOver) this.options.ready(other)
  }

  private tidy(now: number): void {
    this.tidiedAt = now
    const open: Array<Stream> = []
    for (const stream of this.book) {
      // What could not be opened or read in time is asked for again.
      if (!stream.isOver && stream.endSeenAt < stream.noticedAt && stream.size > stream.read) this.options.ready(stream)
      if (stream.file === undefined) continue
      const isRead = stream.read >= stream.size && stream.read === stream.position
      if (stream.path === undefined) void this.stillGrows(stream, now)
      else if (now - stream.changedAt >= openFor && isRead && !stream.isPacked) {
        stream.file.close()
        stream.file = undefined
        continue
      }
      open.push(stream)
    }
    // Those that can be opened again first, of them those that rested for longest.
    open.sort((a, b) => Number(a.path === undefined) - Number(b.path === undefined) || a.changedAt - b.changedAt)
    for (const stream of open.slice(0, Math.max(0, open.length - this.options.openFiles))) {
      stream.file?.close()
      stream.file = undefined
    }
    if (this.book.forget(now)) this.options.dirty(false)
  }

  /** It has no path any more, and somebody may write to it still. */
  private async stillGrows(stream: Stream, now: number): Promise<void> {
    const size = await stream.file!.size().catch(() => stream.size)
    if (size === stream.size) return
    stream.size = size
    stream.changedAt = stream.noticedAt = now
    this.options.ready(stream)
  }
}
