/**
 * Follower: reads lines of a text as lines of the memory, one after the other for as long as they are what is expected: each is compared
 * up to its value, and copied in the same step. Here is what the reader's speed comes from.
 *
 * It never refuses a line for what it does not expect, and never guesses: a line that is not the known one, down to a second
 * blank, is the reader's to look for or to parse.
 */
import { HASH, LF } from "../text/Syntax.ts"
import { copyWords, sameText } from "../text/Words.ts"
import type { LineEnd } from "./LineEnd.ts"
import { FIELDS, LENGTH, MISC, NAME, OWN, RAW, RULE_SHIFT, RULES, START, TAIL_SHIFT } from "./LineRecord.ts"
import type { Memory } from "./Memory.ts"
import { KnownName } from "./Names.ts"
import type { Reading } from "./Reading.ts"
import type { Sequence } from "./Sequence.ts"
import { beginsValue, valueBehind } from "./ValuePlace.ts"
import { asksForSign, ENOUGH } from "./ValueRule.ts"

/** The line is another one. */
export const OTHER = -2
/** What a line may have written behind what is known of it, besides its own bytes. */
const ROOM = 64
/** Of so many digits a whole number is exact. */
const MAX_WHOLE = 15

const nothing: DataView = new DataView(new ArrayBuffer(0))
const noRecords = new Int32Array(0)

export class Follower {
  /** How many lines behind the one that was asked for were read with it. */
  further = 0
  /** Where in the input no line is read any more with the one before it. */
  stop = 0
  private readonly reading: Reading
  private readonly end: LineEnd
  private readonly sequence: Sequence
  private input: Uint8Array = new Uint8Array(1)
  private view: DataView = nothing
  private out: DataView = nothing
  private outBytes: Uint8Array = new Uint8Array(0)
  // The memory, at hand: a page and a source's sample lines are objects of two kinds.
  private lines: DataView = nothing
  private raw: DataView = nothing
  private records: Int32Array = new Int32Array(0)
  private starts: Uint32Array | undefined
  private stride = FIELDS
  private epochField = -1
  private epoch = 0
  private readonly name = new KnownName()

  constructor(reading: Reading, end: LineEnd, sequence: Sequence) {
    this.reading = reading
    this.end = end
    this.sequence = sequence
  }

  /** From the memory's first line on. `view` is of the input. */
  follow(memory: Memory | undefined, input: Uint8Array, view: DataView): void {
    this.input = input
    this.view = view
    if (memory === undefined) {
      this.lines = this.raw = nothing
      this.records = noRecords
      this.starts = undefined
      this.name.names = undefined
      return
    }
    this.lines = memory.lines
    this.raw = memory.raw
    this.records = memory.records
    this.starts = memory.starts
    this.stride = memory.stride
    this.epochField = memory.epochField
    this.epoch = memory.epoch
    this.name.names = memory.names
  }

  /**
   * Reads the line at `from`, which is no blank, as a line of the memory, and as many of those expected behind it as come. Answers
   * where it goes on, OTHER where it is another line, -1 where it is that line and its end cannot be read.
   */
  read(first: number, from: number): number {
    const {
      reading,
      input: b,
      view,
      records,
      lines,
      starts,
      stride,
      name,
      end,
      stop,
      sequence,
      epochField,
      epoch
    } = this
    const { lines: buffer } = reading
    const { length } = b
    const { nextStretch } = sequence
    const plainEnds = !end.isTimed
    let { out, outBytes: o } = this
    let { records: noted, known, count: n } = reading
    let written = buffer.length
    let room = o === buffer.bytes ? o.length : -1
    let line = first
    let p = from
    let done = 0
    for (;;) {
      const at = line * stride
      const start = starts === undefined ? records[at + START]! : starts[line]!
      const owns = records[at + OWN]!
      const own = owns & 0xffff
      const sent = owns >>> 16
      const misc = records[at + MISC]!
      const tail = misc >>> TAIL_SHIFT
      if (own === 0 || p + (sent || own + 2) > length || (epochField >= 0 && records[at + epochField] !== epoch)) break
      if (written + own + tail + ROOM > room) {
        buffer.length = written
        buffer.reserve(own + tail + ROOM)
        o = this.outBytes = buffer.bytes
        out = this.out = reading.view
        room = o.length
      }
      let i = p
      if (sent > 0) {
        if (!sameText(this.raw, records[at + RAW]!, view, p, sent)) break
        copyWords(lines, start, out, written, own)
        i += sent
      } else {
        // Name and own labels, eight bytes at a time. Read as doubles: no bits of what is compared are a NaN or a zero.
        const toInput = p - start
        const toOutput = written - start
        const ownEnd = start + own
        let q = start
        if (own >= 8) {
          const last = ownEnd - 8
          for (; q < last; q += 8) {
            const eight = lines.getFloat64(q, true)
            if (eight !== view.getFloat64(q + toInput, true)) break
            out.setFloat64(q + toOutput, eight, true)
          }
          if (q < last) break
          const eight = lines.getFloat64(last, true)
          if (eight !== view.getFloat64(last + toInput, true)) break
          out.setFloat64(last + toOutput, eight, true)
        } else {
          for (; q < ownEnd && lines.getUint8(q) === b[q + toInput]; q++) out.setUint8(q + toOutput, b[q + toInput]!)
          if (q < ownEnd) break
        }
        // What ends the labels in the input.
        i = valueBehind(b, p + own, lines.getUint8(ownEnd))
        if (i < 0) break
      }
      let c = b[i]!
      if (!beginsValue(c)) break
      if (n === known.length) {
        reading.grow()
        noted = reading.records
        known = reading.known
      }
      // The attached labels.
      copyWords(lines, start + own, out, written + own, tail)
      let w = written + own + tail
      const valueAt = i
      let value = 0
      while (c >= 48 && c <= 57) {
        value = value * 10 + (c - 48)
        o[w++] = c
        c = b[++i]!
      }
      let flags = 0
      const digits = i - valueAt
      if (c === LF && plainEnds && digits > 0 && digits <= MAX_WHOLE) {
        o[w++] = LF
        i++
      } else {
        buffer.length = written + own + tail
        name.id = records[at + NAME]!
        const next = end.read(valueAt, name)
        if (next < 0) {
          // The line is the reader's to refuse: where it is not the first, it will ask again.
          buffer.length = written
          if (done > 0) break
          sequence.pass(line)
          return -1
        }
        i = next
        w = buffer.length
        if (buffer.bytes !== o) {
          o = this.outBytes = buffer.bytes
          out = this.out = reading.view
          room = o.length
        }
        if (!end.isPlain) flags = reading.noteEnd(n, end)
        const rule = misc & RULES
        if (rule !== 0) value = digits > 0 && asksForSign(rule >>> RULE_SHIFT) ? ENOUGH : end.number()
      }
      // What is new of it; the rest is put beside it when it is needed (see Reading.complete).
      const to = n * FIELDS
      noted[to + START] = written
      noted[to + LENGTH] = w - written
      noted[to + MISC] = flags
      known[n] = line
      if ((misc & RULES) !== 0) reading.values[n] = value
      n++
      done++
      written = w
      p = i
      const following = sequence.after(line)
      // Comments and blanks are the reader's, and a limit of lines is looked at now and then.
      if (following < 0 || following === nextStretch || p >= stop || b[p]! <= HASH) {
        buffer.length = written
        reading.count = n
        sequence.expect(following, line)
        this.further = done - 1
        return p
      }
      line = following
    }
    buffer.length = written
    if (done === 0) return OTHER
    reading.count = n
    // The one that did not match is expected still.
    sequence.expect(line, line - 1)
    this.further = done - 1
    return p
  }

  /** The same where it is mostly another line: the end of its own labels tells that at once. */
  probe(line: number, from: number): number {
    return this.mayBe(line, from) ? this.read(line, from) : OTHER
  }

  private mayBe(line: number, from: number): boolean {
    const { records, lines, view } = this
    const at = line * this.stride
    const own = records[at + OWN]! & 0xffff
    if (own < 8 || records[at + OWN]! >>> 16 !== 0) return true
    const start = this.starts === undefined ? records[at + START]! : this.starts[line]!
    const last = own - 8
    return (
      from + own <= this.input.length && lines.getFloat64(start + last, true) === view.getFloat64(from + last, true)
    )
  }
}
