/**
 * LogFile: a file that is open, to be read at any position: a plain one, or the bytes that a packed one unpacks to. What is open can be read
 * to its end although it was renamed or removed. Every operation is begun by Groups, so that a mount that hangs holds its own files only.
 */
import { createReadStream } from "node:fs"
import { createGunzip } from "node:zlib"
import * as Disk from "../files/Disk.ts"
import type { RawPath } from "../files/FileNames.ts"
import type { Run } from "../files/OpenFile.ts"
import { kilobyte } from "./Fingerprint.ts"
import { idOf } from "./Sighting.ts"

export interface LogFile {
  readonly id: string
  readonly isPacked: boolean
  /** Fills `into` from its start as far as the file goes; answers how many bytes that were. */
  readonly read: (into: Buffer, position: number) => Promise<number>
  /** How long it is now; of a packed one, as far as is known. */
  readonly size: () => Promise<number>
  readonly close: () => void
}

const isPacked = (bytes: Buffer): boolean =>
  bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8

/** Rejects where it cannot be opened, or is no regular file. */
export const openLog = async (path: RawPath, run: Run): Promise<LogFile> => {
  const fd = await run(() => Disk.open(path))
  const close = () => void run(() => Disk.close(fd)).catch(() => {})
  try {
    const look = await run(() => Disk.fstat(fd))
    if (look.kind !== "file") throw new Error("it is not a regular file")
    const id = idOf(look)
    const read = async (into: Buffer, position: number) => {
      let filled = 0
      while (filled < into.length) {
        const came = await run(() => Disk.read(fd, into, filled, into.length - filled, position + filled))
        if (came === 0) break
        filled += came
      }
      return filled
    }
    const first = Buffer.alloc(3)
    await read(first, 0)
    if (!isPacked(first)) {
      const size = async () => (await run(() => Disk.fstat(fd))).size
      return { id, isPacked: false, read, size, close }
    }
    const packed = new Unpacking(fd)
    const end = () => {
      packed.end()
      close()
    }
    return {
      id,
      isPacked: true,
      read: (into, position) => packed.read(into, position),
      size: async () => packed.known,
      close: end
    }
  } catch (error) {
    close()
    throw error
  }
}

const nothing: Buffer = Buffer.alloc(0)

/** Unpacks from the beginning and goes on from there; a position before that begins anew. */
class Unpacking {
  private readonly fd: number
  private pieces: AsyncIterator<Buffer> | undefined
  private stop = (): void => {}
  /** What was unpacked last, and a kilobyte before it; it begins at `at`. */
  private rest = nothing
  private at = 0
  /** Bytes that it unpacks to, as far as it was unpacked. */
  known = 0

  constructor(fd: number) {
    this.fd = fd
  }

  async read(into: Buffer, position: number): Promise<number> {
    if (this.pieces === undefined || position < this.at) this.begin()
    let filled = 0
    while (filled < into.length) {
      const offset = position + filled - this.at
      if (offset < this.rest.length) filled += this.rest.copy(into, filled, offset)
      else if (!(await this.unpackMore())) break
    }
    return filled
  }

  private async unpackMore(): Promise<boolean> {
    const { done, value } = await this.pieces!.next()
    if (done === true) return false
    const from = Math.max(0, this.rest.length - kilobyte)
    this.rest = Buffer.concat([this.rest.subarray(from), value])
    this.at += from
    this.known = Math.max(this.known, this.at + this.rest.length)
    return true
  }

  end(): void {
    this.stop()
    this.pieces = undefined
  }

  private begin(): void {
    this.end()
    const raw = createReadStream("", { fd: this.fd, start: 0, autoClose: false })
    const gunzip = createGunzip()
    raw.on("error", (error) => gunzip.destroy(error))
    raw.pipe(gunzip)
    this.stop = () => {
      raw.destroy()
      gunzip.destroy()
    }
    this.pieces = gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    this.rest = nothing
    this.at = 0
  }
}
