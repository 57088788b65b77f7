/**
 * LineMemory: the memory that the lines of dumps live in. Dumps are large and replaced all the time, and the garbage collector
 * learns late of memory outside its heap: left to it alone, a pod that catches up holds several times its live text.
 *
 * So lines may be given back, and their memory is used again. Only the cache may do that, and only with lines that it has
 * shown to nobody: a scrape keeps what it was given. Whatever is not given back is the collector's, as always.
 */
/** What lies after the lines in the memory of a dump, so that eight bytes can be read at once anywhere in them. */
export const SLACK = 8

/** Spare memory by size class. What rounds of a source need differs by a few bytes: a class is about a sixteenth wide. */
const spare = new Map<number, Array<ArrayBuffer>>()
const MAX_SPARE = 8 * 1024 * 1024
let spareBytes = 0

/** Of the same class for lengths that hardly differ; at most a sixteenth more than asked for. */
const roundUp = (bytes: number): number => {
  const step = bytes <= 256 ? 16 : 2 ** (27 - Math.clz32(bytes - 1))
  return Math.ceil(bytes / step) * step
}

/** Not zeroed; readable by SLACK bytes beyond the end. */
export const allocateLines = (length: number): Uint8Array => {
  const size = roundUp(length + SLACK)
  const buffer = spare.get(size)?.pop()
  if (buffer === undefined) return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer, 0, length)
  spareBytes -= size
  return new Uint8Array(buffer, 0, length)
}

/** Nobody but the caller may have seen the lines, and the caller may not look at them any more. */
export const giveBackLines = (lines: Uint8Array): void => {
  const buffer = lines.buffer as ArrayBuffer
  const size = buffer.byteLength
  if (spareBytes + size > MAX_SPARE) return
  spareBytes += size
  const same = spare.get(size)
  if (same === undefined) spare.set(size, [buffer])
  else same.push(buffer)
}
