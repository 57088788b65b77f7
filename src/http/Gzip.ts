/**
 * Gzip: one gzip stream of which several pieces are compressed at once on Node's thread pool, and sent in their order. Each
 * piece is deflated without a look at the one before (a full flush), so the results put one after the other are one deflate stream:
 * whoever reads gzip reads it, where several gzip members in a row are beyond some (curl, browsers).
 *
 * Bounds: so many pieces packed or being packed as there are lanes.
 */
import { availableParallelism } from "node:os"
import { constants, crc32, createDeflateRaw } from "node:zlib"
import { chunkBytes, type Outlet } from "./Outlet.ts"

/** Two are packed at once, about as fast as lines are made; one more waits, so that no thread waits for the event loop. */
const lanes = Math.min(2, availableParallelism()) + 1

/** A write to a socket costs the same for a few bytes. */
const enough = 128 * 1024

/** Deflate, no name, no time, fastest, of no particular system. */
const head = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255)
/** An empty block that says it is the last. */
const lastBlock = [3, 0]

export class GzipOutlet implements Outlet {
  private readonly to: Outlet
  private readonly lanes: Array<Lane> = []
  private pieces = 0
  private crc = 0
  private size = 0
  /** All pieces so far are packed. */
  private packed: Promise<unknown> = Promise.resolve()
  /** All pieces so far are sent. */
  private sent: Promise<void> = Promise.resolve()
  /** Packed, to be sent together. */
  private ready: Array<Uint8Array> = [head]
  private readyBytes = head.length

  constructor(to: Outlet) {
    this.to = to
  }

  async put(bytes: Uint8Array): Promise<void> {
    const place = this.pieces++ % lanes
    this.lanes[place] ??= new Lane()
    const lane = this.lanes[place]
    await lane.free
    this.crc = crc32(bytes, this.crc)
    this.size += bytes.length
    const packing = told(lane.pack(bytes))
    this.packed = told(Promise.all([this.packed, packing]))
    this.sent = told(this.sendAfter(this.sent, packing))
    lane.free = this.sent
  }

  whenTaken(then: () => void): void {
    this.packed.then(then, () => {})
  }

  async end(): Promise<void> {
    await this.sent
    const tail = Buffer.alloc(lastBlock.length + 8)
    tail.set(lastBlock)
    tail.writeUInt32LE(this.crc, lastBlock.length)
    tail.writeUInt32LE(this.size % 2 ** 32, lastBlock.length + 4)
    this.ready.push(tail)
    this.readyBytes += tail.length
    await this.flush()
    await this.to.end()
    this.closeLanes()
  }

  close(): void {
    this.closeLanes()
    this.to.close()
  }

  private closeLanes(): void {
    for (const lane of this.lanes) lane.close()
  }

  private async sendAfter(before: Promise<void>, packing: Promise<ReadonlyArray<Buffer>>): Promise<void> {
    await before
    for (const bytes of await packing) {
      this.ready.push(bytes)
      this.readyBytes += bytes.length
    }
    if (this.readyBytes >= enough) await this.flush()
  }

  private flush(): Promise<void> {
    const bytes = Buffer.concat(this.ready, this.readyBytes)
    this.ready = []
    this.readyBytes = 0
    return this.to.put(bytes)
  }
}

/** A failure is met by whoever waits for it next. */
const told = <A>(promise: Promise<A>): Promise<A> => {
  promise.catch(() => {})
  return promise
}

class Lane {
  /** What it packed last is sent. */
  free: Promise<void> = Promise.resolve()
  private readonly deflate = createDeflateRaw({ level: 1, flush: constants.Z_FULL_FLUSH, chunkSize: chunkBytes })
  private out: Array<Buffer> = []
  private fail: (error: Error) => void = () => {}

  constructor() {
    this.deflate.on("data", (bytes: Buffer) => this.out.push(bytes))
    this.deflate.on("error", (error) => this.fail(error))
  }

  pack(bytes: Uint8Array): Promise<ReadonlyArray<Buffer>> {
    return new Promise((resolve, reject) => {
      this.fail = reject
      this.deflate.write(bytes, (error) => {
        if (error != null) return reject(error)
        resolve(this.out)
        this.out = []
      })
    })
  }

  close(): void {
    this.deflate.destroy()
  }
}
