/**
 * BatchCursor: a compressed batch that is read in portions: its stored bytes, its decoder and how far it was read. So a batch that unpacks to
 * very much costs what it is once, not once for each portion. Cursors keeps it between two fetches of its partition; where it
 * is lost, the batch is fetched again and unpacked from its beginning, to the same records.
 */
import type { LogRecord, Unreadable } from "../../Transport.ts"
import { RecordStream } from "./RecordStream.ts"
import type { Progress, Wanted } from "./Records.ts"
import { type Unpacking, unpacking } from "./Unpacking.ts"
import { UnreadableBytes } from "./UnreadableBytes.ts"
import { zstdWindow } from "./ZstdFrames.ts"

const ZSTD = 4
/** Of any other codec: blocks of 4 MB. */
const DECODER = 4 * 1024 * 1024

export interface CursorRead {
  readonly records: Array<LogRecord>
  /** What the records are views of. */
  readonly slabs: Array<Buffer>
  /** Where the next portion begins, or the next batch. */
  readonly next: number
  /** Nothing of the batch is left. */
  readonly done: boolean
  /** What cannot be read of it, up to its end. */
  readonly unreadable: Unreadable | undefined
}

export class BatchCursor {
  /** The offset that its next portion begins at. */
  next: number
  /** What it holds at most: the stored bytes, and what the decoder keeps. */
  readonly bytes: number
  readonly #wanted: Wanted
  readonly #progress: Progress
  readonly #unpacking: Unpacking
  readonly #stream: RecordStream

  /** `packed` is copied: the answer that it came with may go. Throws UnreadableBytes on an unknown codec. */
  readonly #batch: Buffer

  /** `header`: bytes of the batch before what is packed. */
  constructor(codec: number, batch: Buffer, header: number, wanted: Wanted) {
    this.#batch = Buffer.from(batch)
    const own = this.#batch.subarray(header)
    this.#wanted = wanted
    this.#progress = { read: 0, offset: wanted.base - 1 }
    this.#unpacking = unpacking(codec, own)
    this.#stream = new RecordStream(this.#unpacking, own.length, wanted, this.#progress)
    this.next = wanted.from
    this.bytes = own.length + (codec === ZSTD ? zstdWindow(own) : DECODER)
  }

  /** The next portion. Rejects where that failed here; then the cursor is closed. */
  async read(room: number): Promise<CursorRead> {
    const records: Array<LogRecord> = []
    const slabs: Array<Buffer> = []
    const { from, last } = this.#wanted
    let done = true
    let unreadable: Unreadable | undefined
    try {
      done = await this.#stream.read({ records, slabs }, room)
    } catch (error) {
      this.close()
      if (!(error instanceof UnreadableBytes)) throw error
      unreadable = stretch(error, Math.max(from, this.#progress.offset + 1), last + 1, this.#batch)
    }
    if (done) this.close()
    this.next = done ? Math.max(from, last + 1) : Math.max(from, this.#progress.offset + 1)
    return { records, slabs, next: this.next, done, unreadable }
  }

  close(): void {
    this.#unpacking.close()
  }
}

/** Undefined where nothing is lost: what is wrong stands behind the last record. */
export const stretch = (
  error: UnreadableBytes,
  from: number,
  next: number,
  bytes: Uint8Array
): Unreadable | undefined =>
  from < next ? { from, next, reason: error.reason, detail: error.message, bytes } : undefined
