/**
 * Kindred: asks files whether one goes on with a stream that is known: it reads what Kin decides by. A stream whose file does not hold any more
 * what was read of it is found by the way, and told of.
 */
import type { Book } from "./Book.ts"
import { beginning, beginsWith, fingerprint, kilobyte } from "./Fingerprint.ts"
import { kinship } from "./Kin.ts"
import type { LogFile } from "./LogFile.ts"
import type { Stream } from "./Stream.ts"

export interface KindredOptions {
  readonly book: Book
  /** Undefined where it cannot be had now. */
  readonly fileOf: (stream: Stream) => Promise<LogFile | undefined>
  readonly rewritten: (stream: Stream, file: LogFile) => void
}

/** Its first kilobyte, or all of it. */
export const firstOf = async (file: LogFile): Promise<Buffer> => {
  const first = Buffer.alloc(kilobyte)
  return first.subarray(0, await file.read(first, 0))
}

/** Of the kilobyte before the position, or of all before it; undefined where the file does not reach it. */
const tailBefore = async (file: LogFile, position: number): Promise<string | undefined> => {
  const from = Math.max(0, position - kilobyte)
  const bytes = Buffer.alloc(position - from)
  return (await file.read(bytes, from)) === bytes.length ? fingerprint(bytes) : undefined
}

export class Kindred {
  private readonly options: KindredOptions

  constructor(options: KindredOptions) {
    this.options = options
  }

  /** The stream that the file goes on with, or whether it may become one's. `begin`: see `firstOf`. */
  async of(file: LogFile, begin: Buffer, size: number): Promise<Stream | "wait" | "other"> {
    let answer: "wait" | "other" = "other"
    let found: Stream | undefined
    const begins = beginning(begin)
    for (const stream of [...this.options.book]) {
      if (!begins(stream.head)) continue
      if (stream.isOver && !(file.isPacked && stream.lostAt !== undefined)) continue
      if (!(await this.isSure(stream))) {
        answer = "wait"
        continue
      }
      const reach = file.isPacked ? stream.read : Math.min(size, stream.read)
      const before = await tailBefore(file, reach)
      const reaches = before !== undefined && reach === stream.read
      const own = reach === stream.read ? stream.readTail : await this.tailAt(stream, reach)
      const evidence = { isPacked: file.isPacked, beginsAlike: true, isAlikeBefore: before === own, reaches }
      const kin = kinship(stream.fate, evidence)
      // Of several the one of which most was read: the others are copies of it that were read as files of their own.
      if (kin === "goes on" && (found === undefined || stream.read > found.read)) found = stream
      if (kin === "wait") answer = "wait"
    }
    return found ?? answer
  }

  /** Whether its fate is known: what is where its file was may not hold any more what was read. Reading asks as well, and may come later. */
  private async isSure(stream: Stream): Promise<boolean> {
    if (stream.fate !== "there" || stream.isPacked) return true
    const { read, readTail, head } = stream
    const file = await this.options.fileOf(stream)
    if (file === undefined) return false
    try {
      const isSame = (await tailBefore(file, read)) === readTail
      if (isSame && (read >= head.bytes || beginsWith(await firstOf(file), head))) return true
    } catch {
      // It cannot be read now: that is told where it is read.
      return false
    }
    if (stream.read !== read || stream.file !== file) return false
    this.options.rewritten(stream, file)
    return true
  }

  private async tailAt(stream: Stream, reach: number): Promise<string | undefined> {
    const file = await this.options.fileOf(stream)
    return file === undefined ? undefined : tailBefore(file, reach).catch(() => undefined)
  }
}
