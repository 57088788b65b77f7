/**
 * OpenLogs: which streams' files are open, and for how long: one that changed within the last minute stays open, so that it can be read although
 * it is removed at once, up to a bound; one that rests is closed when all of it was sent, and opened again when there is more.
 */
import { codeOf, messageOf } from "../files/Disk.ts"
import type { Book } from "./Book.ts"
import { type LogFile, openLog } from "./LogFile.ts"
import type { Scout } from "./Scout.ts"
import type { Stream } from "./Stream.ts"

/** Ms for which a file that changed stays open. */
export const openFor = 60_000

export interface OpenLogsOptions {
  readonly book: Book
  readonly scout: Scout
  /** At most so many stay open. */
  readonly openFiles: number
  readonly now: () => number
  readonly ready: (stream: Stream) => void
  readonly trouble: (key: string, text: string) => void
}

export class OpenLogs {
  private readonly options: OpenLogsOptions
  private openedSince = 0

  constructor(options: OpenLogsOptions) {
    this.options = options
  }

  get count(): number {
    let open = 0
    for (const { file } of this.options.book) if (file !== undefined) open++
    return open
  }

  /** Opens the stream's file where it is not open; undefined where that is not possible now. */
  async fileOf(stream: Stream): Promise<LogFile | undefined> {
    if (stream.file !== undefined) return stream.file
    const { scout, trouble } = this.options
    const { path } = stream
    if (path === undefined || scout.isLate(path)) return undefined
    try {
      const file = await openLog(scout.rawOf(path), scout.runAt(path))
      if (file.id !== stream.id || stream.file !== undefined) {
        file.close()
        scout.lookAround(path)
        return stream.file
      }
      stream.why = ""
      stream.file = file
      trouble(`open ${path}`, "")
      this.opened()
      return file
    } catch (error) {
      scout.lookAround(path)
      // It was renamed, say.
      if (codeOf(error) === "ENOENT") return undefined
      stream.why = messageOf(error)
      trouble(`open ${path}`, `${path} cannot be opened: ${stream.why}; it is tried again`)
      return undefined
    }
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

  /** A stream has got an open file. Thousands may at once: the bound does not wait for the next time. */
  opened(): void {
    if (++this.openedSince >= this.options.openFiles) this.tidy(this.options.now())
  }

  /** Now and then. */
  tidy(now: number): void {
    this.openedSince = 0
    const open: Array<Stream> = []
    for (const stream of this.options.book) {
      // What could not be opened or read in time is asked for again.
      if (!stream.isOver && stream.endSeenAt < stream.noticedAt && stream.size > stream.read) this.options.ready(stream)
      if (stream.file === undefined) continue
      const isSent = stream.read >= stream.size && stream.read === stream.position
      if (stream.path === undefined) void this.stillGrows(stream, now)
      else if (now - stream.changedAt >= openFor && isSent && !stream.isPacked) {
        this.close(stream)
        continue
      }
      open.push(stream)
    }
    // Those that can be opened again first, of them those that rested for longest.
    open.sort((a, b) => Number(a.path === undefined) - Number(b.path === undefined) || a.changedAt - b.changedAt)
    for (const stream of open.slice(0, Math.max(0, open.length - this.options.openFiles)))
      if (!stream.file!.isBusy()) this.close(stream)
  }

  closeAll(): void {
    for (const { file } of this.options.book) file?.close()
  }

  private close(stream: Stream): void {
    stream.file?.close()
    stream.file = undefined
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
