/**
 * LineMemory: the memory that the lines of dumps live in. Dumps are large and replaced all the time, and the garbage collector
 * learns late of memory outside its heap: left to it alone, a pod that catches up holds several times its live text.
 *
 * So lines may be freed at once. Only their owner may do that, and only with lines that nobody looks at: a scrape is lent what it was
 * given until it ends (see Loan). Memory is freed by detaching it: whoever looks at it too late finds nothing there, never another
 * dump's bytes. Whatever is not freed is the collector's, as always.
 */

/** What lies after the lines in the memory of a dump, so that eight bytes can be read at once anywhere in them. */
export const SLACK = 8
/** Less is not worth a call. */
const LEAST = 4 * 1024

/**
 * Rounds of a source differ by a few bytes in length: what one leaves then fits the next, and the allocator keeps no pieces that
 * nobody needs. At most a sixteenth more than asked for.
 */
const roundUp = (bytes: number): number => {
  const step = bytes <= 256 ? 16 : 2 ** (27 - Math.clz32(bytes - 1))
  return Math.ceil(bytes / step) * step
}

/** Not zeroed; readable by SLACK bytes beyond the end. */
export const allocateLines = (length: number): Uint8Array =>
  new Uint8Array(Buffer.allocUnsafeSlow(roundUp(length + SLACK)).buffer, 0, length)

/** Nobody looks at the lines any more, the caller included. */
export const freeLines = ({ buffer }: Pick<Uint8Array, "buffer">): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST) buffer.transfer(0)
}
