/**
 * LineBuffer: where the canonical lines of a text are written. Whoever writes has reserved the room before.
 *
 * Its own memory is kept from text to text, so that it grows once and not for each of them. Where it is known about how long the lines
 * will be they get memory that fits, which may then be taken as it is, without a copy.
 */
import { allocateLines, freeLines } from "./LineMemory.ts"
import { canonicalFloatBytes, EQUALS, QUOTE, SPACE } from "./Syntax.ts"

const USUAL = 256 * 1024
/** One huge text does not hold its memory for good. */
const MAX_KEPT = 8 * 1024 * 1024
/** Fewer bytes are copied. */
const LEAST = 32 * 1024
/** What may be wrong with an expectation, and what may be left free of memory that is taken: one part in so many. */
const LOOSE = 16

/** Memory that lines are put into, one after the other; it grows, and is used again. */
export class LineBuffer {
  /** The lines so far are `bytes[0, length)`; `view` is of the same memory. */
  bytes: Uint8Array = new Uint8Array(USUAL)
  view = new DataView(this.bytes.buffer)
  length = 0
  private kept = this.bytes
  private isTaken = false

  /** Another text: its lines have about so many bytes, 0 where that is not known. */
  begin(expected: number): void {
    const { bytes, kept, isTaken } = this
    this.length = 0
    this.isTaken = false
    if (bytes !== kept && !isTaken) freeLines(bytes)
    if (kept.length > MAX_KEPT) this.kept = new Uint8Array(USUAL)
    this.use(expected < LEAST ? this.kept : allocateLines(expected))
  }

  /** The lines, nobody else's from now on; undefined where they lie in memory that is used again, or is too large. They can be read until `begin`. */
  take(): Uint8Array | undefined {
    const { bytes, length } = this
    if (bytes === this.kept || (bytes.length - length) * LOOSE > length) return undefined
    this.isTaken = true
    return bytes.subarray(0, length)
  }

  /** Makes room for so many bytes more. */
  reserve(more: number): void {
    const { bytes, kept, length } = this
    const needed = length + more
    if (needed <= bytes.length) return
    if (needed > kept.length) this.kept = new Uint8Array(Math.max(needed, Math.ceil(kept.length * 1.5)))
    this.kept.set(bytes.subarray(0, length))
    if (bytes !== kept) freeLines(bytes)
    this.use(this.kept)
  }

  private use(bytes: Uint8Array): void {
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }

  put(byte: number): void {
    this.bytes[this.length++] = byte
  }

  write(from: Uint8Array, start: number, end: number): void {
    const { bytes } = this
    let at = this.length
    for (let i = start; i < end; i++) bytes[at++] = from[i]!
    this.length = at
  }

  /** ASCII. */
  writeText(text: string): void {
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i)
  }

  writeLabel(name: Uint8Array, value: Uint8Array): void {
    this.write(name, 0, name.length)
    this.put(EQUALS)
    this.put(QUOTE)
    this.write(value, 0, value.length)
    this.put(QUOTE)
  }

  /** A space and the number as it was written, infinities and NaN in the one form that all parsers take. */
  writeNumber(from: Uint8Array, start: number, end: number, value: number): void {
    this.put(SPACE)
    if (Number.isFinite(value)) this.write(from, start, end)
    else {
      const bytes = canonicalFloatBytes(value)
      this.write(bytes, 0, bytes.length)
    }
  }
}
