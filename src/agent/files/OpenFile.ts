/**
 * OpenFile: one file that is held open while it settles and is read, whatever is at its path meanwhile. It knows how the file looked
 * last and since when it looks so, and reads it piece by piece: a slow disk has time enough for each, and what goes on is seen.
 * It decides nothing: Sight does.
 */
import type { Look } from "./Disk.ts"
import * as Disk from "./Disk.ts"
import type { RawPath } from "./FileNames.ts"
import { same } from "./Settling.ts"

/** Begins an operation when the file's group may have one. */
export type Run = <A>(work: () => Promise<A>) => Promise<A>

/** Bytes of one read. */
const piece = 256 * 1024

export class OpenFile {
  private readonly fd: number
  private readonly run: Run
  private readonly now: () => number
  look: Look
  /** Ms, monotonic. */
  since: number

  private constructor(fd: number, look: Look, run: Run, now: () => number) {
    this.fd = fd
    this.run = run
    this.now = now
    this.look = look
    this.since = now()
  }

  /** Rejects where it cannot be opened, or is no regular file. */
  static async open(path: RawPath, run: Run, now: () => number): Promise<OpenFile> {
    const fd = await run(() => Disk.open(path))
    try {
      const look = await run(() => Disk.fstat(fd))
      if (look.kind !== "file") throw new Error("it is not a regular file")
      return new OpenFile(fd, look, run, now)
    } catch (error) {
      closeLater(fd, run)
      throw error
    }
  }

  /** Whether it is as it was; if not, how it is now is noted. */
  async stands(): Promise<boolean> {
    const current = await this.run(() => Disk.fstat(this.fd))
    if (same(current, this.look)) return true
    this.look = current
    this.since = this.now()
    return false
  }

  /** From `offset` to its end, in memory of its own; undefined where it changed meanwhile, which is noted. */
  async read(offset: number): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafeSlow(this.look.size - offset)
    for (let filled = 0; filled < bytes.length; ) {
      const length = Math.min(piece, bytes.length - filled)
      const came = await this.run(() => Disk.read(this.fd, bytes, filled, length, offset + filled))
      if (came === 0) {
        await this.stands()
        return undefined
      }
      filled += came
    }
    return (await this.stands()) ? bytes : undefined
  }

  close(): void {
    closeLater(this.fd, this.run)
  }
}

/** Also closing may hang: nobody waits for it, and what it says changes nothing. */
const closeLater = (fd: number, run: Run): void => {
  run(() => Disk.close(fd)).catch(() => {})
}
