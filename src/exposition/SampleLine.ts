/**
 * SampleLine: the last line of one series, as tailed single lines bring it, and how to tell that a record brings the same series
 * again: its text up to the value is compared with the line, as NextRound does for whole rounds. Nothing else is parsed then.
 *
 * Promise: what `valueOf` takes for the series is exactly what the parser would read as it, one sample without a type, a time
 * or an exemplar of its own; anything else is the parser's. The line is changed in place: it is handed out as copies only.
 */
import type { Envelope } from "./Record.ts"
import { BRACE_CLOSE, BRACE_OPEN, COMMA, endOfDecimal, LF, SPACE } from "./Syntax.ts"

/** Room for values that grow, so that they need no new memory each time. */
const ROOM = 12

export class SampleLine {
  /** Of the line in `bytes`. */
  length: number
  private bytes: Uint8Array
  /** The end of its name and own labels; 0 where it is not to be compared with anything. */
  private readonly ownEnd: number
  private readonly valueAt: number
  private readonly labels: Envelope["labels"] | undefined

  /** `labels`: what was attached. `ownEnd` is 0 where it did not come as a single line. */
  constructor(line: Uint8Array, ownEnd: number, valueAt: number, labels: Envelope["labels"] | undefined) {
    this.length = line.length
    this.ownEnd = ownEnd
    this.valueAt = valueAt
    this.labels = labels
    this.bytes = ownEnd === 0 ? line.slice() : withRoom(line, line.length)
  }

  /** Where the value starts in a record of this series; -1 where it is another one. `hash` finds the line, this decides. */
  valueOf(text: Uint8Array, labels: Envelope["labels"]): number {
    const { bytes, ownEnd } = this
    if (ownEnd === 0 || labels !== this.labels || text.length < ownEnd + 2) return -1
    for (let i = 0; i < ownEnd; i++) if (bytes[i] !== text[i]) return -1
    let i = ownEnd
    if (bytes[ownEnd] !== BRACE_OPEN) {
      if (text[i] === COMMA) i++
      if (text[i++] !== BRACE_CLOSE) return -1
    } else if (text[i] === BRACE_OPEN) {
      if (text[i + 1] !== BRACE_CLOSE) return -1
      i += 2
    }
    return text[i] === SPACE ? i + 1 : -1
  }

  /** What the line would have with this value, and the time where it carries one. */
  lengthWith(value: number, time: number): number {
    return this.valueAt + value + time + 1
  }

  write(text: Uint8Array, from: number, end: number, time: Uint8Array): void {
    const length = this.lengthWith(end - from, time.length)
    if (length > this.bytes.length) this.bytes = withRoom(this.bytes.subarray(0, this.valueAt), length)
    const { bytes } = this
    let at = this.valueAt
    for (let i = from; i < end; i++) bytes[at++] = text[i]!
    for (let i = 0; i < time.length; i++) bytes[at++] = time[i]!
    bytes[at] = LF
    this.length = length
  }

  copy(to: Uint8Array, at: number): void {
    to.set(this.bytes.subarray(0, this.length), at)
  }
}

const withRoom = (line: Uint8Array, length: number): Uint8Array => {
  const bytes = new Uint8Array(length + ROOM)
  bytes.set(line)
  return bytes
}

/** The value of a record that is one plain line: pairs of start and end, or -1. The last line feed may be missing. */
export const plainValue = (text: Uint8Array): number => {
  let i = text.length - 1
  while (i > 0 && text[i] !== SPACE) i--
  const end = endOfDecimal(text, i + 1)
  const ends = end === text.length || (end === text.length - 1 && text[end] === LF)
  return i > 0 && ends ? i + 1 : -1
}

/** Of the text up to the value. */
export const hashOfLine = (text: Uint8Array, valueAt: number): number => {
  let h = valueAt
  for (let i = 0; i < valueAt; i++) h = Math.imul(h ^ text[i]!, 0x01000193)
  return h
}
