/**
 * Reading: the next lines of a stream, from its file into memory that is lent. Each read begins a kilobyte before where the last one ended:
 * what stands there must be what was read, or the file is another one by now. The values point into that memory until the log has them.
 */
import { beginsWith, fingerprint, kilobyte } from "./Fingerprint.ts"
import { cutLine, cutLines, type LineLimits, type Piece } from "./Lines.ts"
import type { LogFile } from "./LogFile.ts"
import type { Stream } from "./Stream.ts"

export type Taken =
  | {
      readonly kind: "read"
      readonly pieces: ReadonlyArray<Piece>
      /** Where the pieces end, and the hash of the kilobyte before that. */
      readonly to: number
      readonly tail: string
      /** What was read did not end where the file does. */
      readonly hasMore: boolean
      /** Of the memory, those that the values need. */
      readonly bytes: number
    }
  /** The file does not hold what was read of it. */
  | { readonly kind: "other" }

/** Bytes that are looked through at once for the end of a line over the limit, and in one turn. */
const stride = 256 * 1024
const turn = 16 * stride

/** Positions of pieces are the stream's. That they were read is the caller's to note: it may have given up waiting. */
export const readLines = async (stream: Stream, file: LogFile, memory: Buffer, limits: LineLimits): Promise<Taken> => {
  const at = stream.read
  const overlap = Math.min(kilobyte, at)
  const from = at - overlap
  const filled = await file.read(memory, from)
  if (filled < overlap || (overlap > 0 && fingerprint(memory.subarray(0, overlap)) !== stream.readTail))
    return { kind: "other" }
  // After a crash the log may have more than is known here: what it has begins so, too.
  if (at < stream.head.bytes && !beginsWith(memory.subarray(0, filled), stream.head)) return { kind: "other" }
  // Nothing is sent beyond a beginning that is not a kilobyte yet, nor known to the state directory (see `Stream.isKept`).
  const known = file.isPacked || stream.head.bytes === kilobyte ? filled : Math.min(filled, stream.head.bytes - from)
  const fresh = memory.subarray(overlap, known)
  const isWhole = filled < memory.length && known === filled
  const { pieces, taken, isLong } = cutLines(fresh, limits)
  const found: Array<Piece> = pieces.map((piece) => ({ ...piece, from: at + piece.from, to: at + piece.to }))
  let used = taken
  if (isWhole && stream.isFinal && taken < fresh.length && !isLong) {
    // Its last line has no end, and gets none.
    found.push({ from: at + taken, to: at + fresh.length, value: fresh.subarray(taken), isCut: false })
    used = fresh.length
  }
  const end = overlap + used
  if (used > 0 || !isLong) {
    const tail = used === 0 ? stream.readTail : fingerprint(memory.subarray(Math.max(0, end - kilobyte), end))
    return { kind: "read", pieces: found, to: at + used, tail, hasMore: !isWhole || isLong, bytes: end }
  }
  const long = await readLong(stream, file, limits.line)
  if (long === "more" || long === "waits")
    return { kind: "read", pieces: [], to: at, tail: stream.readTail, hasMore: long === "more", bytes: 0 }
  return { kind: "read", pieces: [long.piece], to: long.piece.to, tail: long.tail, hasMore: true, bytes: 0 }
}

/** A line over the limit, whose end is further away than memory is long: looked for a few megabytes at a time. */
const readLong = async (stream: Stream, file: LogFile, limit: number): Promise<Long | "more" | "waits"> => {
  const from = stream.read
  const piece = Buffer.allocUnsafe(stride)
  let at = Math.max(stream.scanned, from + limit)
  for (const stop = at + turn; at < stop; stream.scanned = at) {
    const came = await file.read(piece, at)
    const end = piece.subarray(0, came).indexOf(10)
    if (end !== -1) return takeLong(stream, file, limit, at + end, at + end + 1)
    at += came
    if (came < piece.length) return stream.isFinal ? takeLong(stream, file, limit, at, at) : "waits"
  }
  return "more"
}

interface Long {
  readonly piece: Piece
  readonly tail: string
}

/** The line goes on to `end`, the next one begins at `to`. */
const takeLong = async (stream: Stream, file: LogFile, limit: number, end: number, to: number): Promise<Long> => {
  const from = stream.read
  // A character may be cut where the limit is.
  const first = Buffer.alloc(limit + 4)
  const begin = first.subarray(0, await file.read(first, from))
  const last = Buffer.alloc(Math.min(kilobyte, to))
  const before = last.subarray(0, await file.read(last, to - last.length))
  return { piece: cutLine(begin, limit, from, to, end - from), tail: fingerprint(before) }
}
