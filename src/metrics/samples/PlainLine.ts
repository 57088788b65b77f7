/**
 * PlainLine: a record's text as one plain sample line: name and labels, a space, a decimal number, and no more than a line feed
 * after it. It is found from its end and not parsed: whether what stands before the value is a line at all is for others to say,
 * by comparing it with lines that are known, or by parsing it.
 *
 * Its memory is one for all: whoever reads a text is done with it before the next one is read. It ends in a line feed always.
 */
import { endOfDecimal, LF, SPACE } from "../text/Syntax.ts"

/** Longer ones are read as dumps are. */
const MAX_LENGTH = 8192

export class PlainLine {
  readonly bytes = new Uint8Array(MAX_LENGTH + 1)
  readonly view = new DataView(this.bytes.buffer)
  valueAt = 0
  /** After the value: the line feed. */
  end = 0
  /** Of the text up to the value. */
  hash = 0
  /** Valid UTF-8 for certain. */
  ascii = false

  /** False where the text is no plain line. */
  read(text: Uint8Array): boolean {
    const { length } = text
    if (length === 0 || length > MAX_LENGTH) return false
    const { bytes } = this
    bytes.set(text)
    const end = bytes[length - 1] === LF ? length - 1 : length
    bytes[end] = LF
    let space = end
    while (space > 0 && bytes[space] !== SPACE) space--
    if (space === 0 || endOfDecimal(bytes, space + 1) !== end) return false
    this.valueAt = space + 1
    this.end = end
    this.digest()
    return true
  }

  /** Two lanes of four bytes: the next step of one need not wait for the other. */
  private digest(): void {
    const { view, bytes, valueAt } = this
    let a = valueAt
    let b = 0x2c1b3c6d
    let all = 0
    let i = 0
    for (; i + 8 <= valueAt; i += 8) {
      const c = view.getInt32(i, true)
      const d = view.getInt32(i + 4, true)
      all |= c | d
      a = Math.imul(((a << 5) | (a >>> 27)) ^ c, 0x85ebca6b)
      b = Math.imul(((b << 5) | (b >>> 27)) ^ d, 0xc2b2ae35)
    }
    for (; i < valueAt; i++) {
      const c = bytes[i]!
      all |= c
      a = Math.imul(a ^ c, 0x01000193)
    }
    a = Math.imul(a ^ (a >>> 15) ^ b, 0x2c1b3c6d)
    this.hash = a ^ (a >>> 13)
    this.ascii = (all & 0x80808080) === 0
  }
}

/** One for all. */
export const plainLine = new PlainLine()
