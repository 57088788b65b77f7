/**
 * Lines: from the bytes of a file to the values of log records: whole lines as they stand there (CR, NUL and bytes that are no UTF-8
 * included), LF between them, the last LF left out. A line over the limit is cut and marked, and is a value by itself, so that
 * in every other value a line's place tells its position. What has no line end yet is not taken. Pure; it copies only what it cuts.
 */

export interface LineLimits {
  /** Bytes of a line, its end not counted. */
  readonly line: number
  /** Bytes of a value; not less than `line`. */
  readonly value: number
}

/** Offsets into the bytes; `to` is where the next piece begins. */
export interface Piece {
  readonly from: number
  readonly to: number
  readonly value: Buffer
  /** It is one line, and not all of it. */
  readonly isCut: boolean
}

export interface Cutting {
  readonly pieces: ReadonlyArray<Piece>
  /** So many bytes are in the pieces. */
  readonly taken: number
  /** What follows is a line over the limit of which the end was not found. */
  readonly isLong: boolean
}

const LF = 10

export const cutLines = (bytes: Buffer, limits: LineLimits): Cutting => {
  const pieces: Array<Piece> = []
  const take = (from: number, end: number, to: number) => {
    if (to > from) pieces.push({ from, to, value: bytes.subarray(from, end), isCut: false })
  }
  /** Where the present value begins, and where its next line does. */
  let start = 0
  let at = 0
  while (at < bytes.length) {
    const end = bytes.lastIndexOf(LF, Math.min(at + limits.line, bytes.length - 1))
    if (end >= at) {
      if (end - start <= limits.value) {
        at = end + 1
        continue
      }
      at = Math.max(at, bytes.lastIndexOf(LF, start + limits.value) + 1)
      take(start, at - 1, at)
      start = at
      continue
    }
    take(start, at - 1, at)
    start = at
    if (bytes.length - at <= limits.line) break
    const far = bytes.indexOf(LF, at + limits.line)
    if (far === -1) return { pieces, taken: at, isLong: true }
    pieces.push(cutLine(bytes.subarray(at, far), limits.line, at, far + 1))
    start = at = far + 1
  }
  take(start, at - 1, at)
  return { pieces, taken: at, isLong: false }
}

/** A line over the limit; `line`: its first bytes at least, without its end, `to`: behind that. */
export const cutLine = (line: Buffer, limit: number, from: number, to: number, length = line.length): Piece => {
  const end = charEnd(line, limit)
  return { from, to, value: Buffer.concat([line.subarray(0, end), mark(length - end)]), isCut: true }
}

const mark = (left: number): Buffer => Buffer.from(` [kafka2prom left out ${left} bytes]`)

/** At most `limit`, and not within a character where the text is UTF-8. */
const charEnd = (line: Buffer, limit: number): number => {
  const most = Math.min(limit, line.length)
  for (let end = most; end > most - 4 && end > 0; end--) if (((line[end] ?? 0) & 0xc0) !== 0x80) return end
  return most
}

/**
 * Of a piece that the log does not take for its size, two, or one that is cut further; together they cover the same bytes. Undefined where
 * that is not possible: it is not its size.
 */
export const halve = (piece: Piece): ReadonlyArray<Piece> | undefined => {
  const { from, to, value } = piece
  const half = Math.floor(value.length / 2)
  if (value.length < smallest) return undefined
  if (!piece.isCut) {
    const before = value.lastIndexOf(LF, half)
    const at = before === -1 ? value.indexOf(LF, half) : before
    if (at !== -1)
      return [
        { from, to: from + at + 1, value: value.subarray(0, at), isCut: false },
        { from: from + at + 1, to, value: value.subarray(at + 1), isCut: false }
      ]
  }
  return [cutLine(value, half, from, to, to - from - 1)]
}

const smallest = 256
