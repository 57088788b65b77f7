/**
 * LineBuffer: where the canonical lines of a text are written. Its memory is kept from text to text, so that it grows once and not for
 * each of them. Whoever writes has reserved the room before.
 */
import { canonicalFloatBytes, EQUALS, QUOTE, SPACE } from "./Syntax.ts"

const USUAL = 256 * 1024
/** One huge text does not hold its memory for good. */
const MAX_KEPT = 8 * 1024 * 1024

export class LineBuffer {
  /** The lines so far are `bytes[0, length)`; `view` is of the same memory. */
  bytes: Uint8Array = new Uint8Array(USUAL)
  view = new DataView(this.bytes.buffer)
  length = 0

  /** Another text. */
  clear(): void {
    this.length = 0
    if (this.bytes.length > MAX_KEPT) this.use(new Uint8Array(USUAL))
  }

  /** Makes room for so many bytes more. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.length + more, Math.ceil(this.bytes.length * 1.5)))
    grown.set(this.bytes.subarray(0, this.length))
    this.use(grown)
  }

  private use(bytes: Uint8Array<ArrayBuffer>): void {
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
