/**
 * LogFile: a file that is open, to be read at any position: a plain one, or the bytes that a packed one unpacks to. What is open can be read
 * to its end although it was renamed or removed. Every operation is begun by Groups, so that a mount that hangs holds its own files only;
 * it is closed when nobody reads any more, since a descriptor's number is soon another file's.
 */
import { Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import * as Disk from "../files/Disk.ts"
import type { RawPath } from "../files/FileNames.ts"
import type { Run } from "../files/OpenFile.ts"
import { kilobyte } from "./Fingerprint.ts"
import { idOf } from "./Sighting.ts"

export interface LogFile {
  readonly id: string
  readonly isPacked: boolean
  /** Something of it is being read. */
  readonly isBusy: () => boolean
  /** Fills `into` from its start as far as the file goes; answers how many bytes that were. */
  readonly read: (into: Buffer, position: number) => Promise<number>
  /** How long it is now; of a packed one, as far as it was unpacked. */
  readonly size: () => Promise<number>
  /** What is under way goes on to its end; what is begun afterwards rejects. */
  readonly close: () => void
}

/** Rejects where it cannot be opened, or is no regular file. */
export const openLog = async (path: RawPath, run: Run): Promise<LogFile> => {
  const descriptor = new Descriptor(await run(() => Disk.open(path)), run)
  try {
    const look = await descriptor.look()
    if (look.kind !== "file") throw new Error("it is not a regular file")
    const first = Buffer.alloc(magic.length)
    await descriptor.read(first, 0)
    const file = first.equals(magic) ? new Packed(descriptor) : new Plain(descriptor)
    const { isPacked } = file
    return {
      ...{ id: idOf(look), isPacked },
      read: (into, position) => file.read(into, position),
      size: () => file.size(),
      isBusy: () => descriptor.isBusy,
      close: () => file.close()
    }
  } catch (error) {
    descriptor.close()
    throw error
  }
}

/** Bytes of one system call: fewer would be a part where there is more. */
const atOnce = 16 * 1024 * 1024

/** Of gzip, with the only method that it has. */
const magic = Buffer.from([0x1f, 0x8b, 8])

class Descriptor {
  private readonly fd: number
  private readonly run: Run
  private users = 0
  private isClosed = false

  constructor(fd: number, run: Run) {
    this.fd = fd
    this.run = run
  }

  get isBusy(): boolean {
    return this.users > 0
  }

  look(): Promise<Disk.Look> {
    return this.use(() => this.run(() => Disk.fstat(this.fd)))
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.use(async () => {
      let filled = 0
      while (filled < into.length) {
        const length = Math.min(atOnce, into.length - filled)
        const came = await this.run(() => Disk.read(this.fd, into, filled, length, position + filled))
        filled += came
        // Its end. What is there a moment later may be another life's, if it was truncated meanwhile.
        if (came < length) break
      }
      return filled
    })
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.letGo()
  }

  private async use<A>(work: () => Promise<A>): Promise<A> {
    if (this.isClosed) throw new Error("it is closed")
    this.users++
    try {
      return await work()
    } finally {
      this.users--
      this.letGo()
    }
  }

  private letGo(): void {
    // Also closing may hang: nobody waits for it, and what it says changes nothing.
    if (this.isClosed && this.users === 0) this.run(() => Disk.close(this.fd)).catch(() => {})
  }
}

class Plain {
  readonly isPacked = false
  private readonly descriptor: Descriptor

  constructor(descriptor: Descriptor) {
    this.descriptor = descriptor
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.descriptor.read(into, position)
  }

  async size(): Promise<number> {
    return (await this.descriptor.look()).size
  }

  close(): void {
    this.descriptor.close()
  }
}

const nothing: Buffer = Buffer.alloc(0)
/** Packed bytes that are read at once. */
const piece = 64 * 1024

/** Unpacks from the beginning and goes on from there; a position before the kilobyte that it keeps begins anew. One read at a time. */
class Packed {
  readonly isPacked = true
  private readonly descriptor: Descriptor
  private pieces: AsyncIterator<Buffer> | undefined
  private stop = (): void => {}
  /** What was unpacked last, and a kilobyte before it; it begins at `at`. */
  private rest = nothing
  private at = 0
  private known = 0
  private turn: Promise<unknown> = Promise.resolve()

  constructor(descriptor: Descriptor) {
    this.descriptor = descriptor
  }

  read(into: Buffer, position: number): Promise<number> {
    const read = this.turn.then(() => this.unpack(into, position))
    this.turn = read.catch(() => {})
    return read
  }

  async size(): Promise<number> {
    return this.known
  }

  close(): void {
    this.stop()
    this.descriptor.close()
  }

  private async unpack(into: Buffer, position: number): Promise<number> {
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

  private begin(): void {
    this.stop()
    const raw = Readable.from(this.packed(), { objectMode: false })
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

  private async *packed(): AsyncGenerator<Buffer> {
    for (let at = 0; ; ) {
      const bytes = Buffer.allocUnsafe(piece)
      const came = await this.descriptor.read(bytes, at)
      if (came === 0) return
      at += came
      yield bytes.subarray(0, came)
    }
  }
}
