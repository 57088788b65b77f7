/**
 * SingleLine: a text that is one line which its source sent before, with another value: what a tailed log sends all the time. It is
 * compared with the known line in its place, and its end is read as every line's is (LineEnd); nothing is copied but that.
 *
 * A saving alone: a text that is anything else is the Reader's, and so is one of whose end more is to be known than a value. What is
 * found is good until the next text. Never throws.
 */
import { Failure } from "../read/Failure.ts"
import { LineEnd } from "../read/LineEnd.ts"
import { endOfBeginning, hashOfBeginning } from "../read/LineHash.ts"
import { MISC, NAME, OWN, START, TAIL_SHIFT } from "../read/LineRecord.ts"
import { fits, type ReadOptions } from "../read/Memory.ts"
import { KnownName } from "../read/Names.ts"
import { beginsValue, valueBehind } from "../read/ValuePlace.ts"
import { LineBuffer } from "../text/LineBuffer.ts"
import { LF, timestampBytes } from "../text/Syntax.ts"
import { sameText } from "../text/Words.ts"
import type { KnownLines } from "./KnownLines.ts"
import { EPOCH, INTS } from "./Slots.ts"

/** A longer one may as well be copied. */
const MOST = 4096

export class SingleLine {
  /** The slot of the known line. */
  slot = -1
  /** How much of it stands before its value. */
  kept = 0
  /** Its own time. */
  time = 0
  /** What the line has from its value on, canonical. */
  readonly end = new LineBuffer()
  private readonly reading = new LineEnd(this.end, new Failure())
  private readonly name = new KnownName()
  private readonly input = new Uint8Array(MOST + 1)
  private readonly view = new DataView(this.input.buffer)

  /** Whether the text is such a line; which one, is in the fields then. */
  read(text: Uint8Array, options: ReadOptions, known: KnownLines): boolean {
    const { length } = text
    const { limits, format, timestamps, time } = options
    if (length > MOST || length > limits.maxBytes || format !== "text" || !fits(known.options, options)) return false
    const { input, end, reading, name } = this
    input.set(text)
    input[length] = LF
    const stop = length > 0 && input[length - 1] === LF ? length : length + 1
    const value = this.find(stop, known)
    if (value < 0) return false
    this.time = time
    end.begin(0)
    reading.use(input, "text", timestamps === "event" ? timestampBytes(time) : undefined)
    name.names = known.names
    name.id = known.records[this.slot * INTS + NAME]!
    return reading.read(value, name) === stop && reading.isPlain
  }

  /** Where the value begins of a line that is known, the expected one or another; -1 where it is not. */
  private find(stop: number, known: KnownLines): number {
    const { first } = known
    if (first < 0) return -1
    let value = this.valueOf(first, stop, known)
    if (value >= 0 || !known.complete) return value
    const end = endOfBeginning(this.input, 0, stop)
    if (end < 0) return -1
    for (let slot = known.find(hashOfBeginning(this.view, 0, end)); slot >= 0; slot = known.next(slot)) {
      value = this.valueOf(slot, stop, known)
      if (value >= 0) return value
    }
    return -1
  }

  /** The same of one slot, by the rules by which a Follower knows a line. */
  private valueOf(slot: number, stop: number, known: KnownLines): number {
    const { input: b, view } = this
    const { records, lines } = known
    const at = slot * INTS
    const own = records[at + OWN]! & 0xffff
    const sent = records[at + OWN]! >>> 16
    if (own === 0 || (sent || own + 2) > stop || records[at + EPOCH] !== known.epoch) return -1
    const start = records[at + START]!
    let i = sent
    if (sent > 0) {
      if (!sameText(lines, start - sent, view, 0, sent)) return -1
    } else {
      if (!sameText(lines, start, view, 0, own)) return -1
      i = valueBehind(b, own, lines.getUint8(start + own))
    }
    if (i < 0 || !beginsValue(b[i]!)) return -1
    this.slot = slot
    this.kept = own + (records[at + MISC]! >>> TAIL_SHIFT)
    return i
  }
}
