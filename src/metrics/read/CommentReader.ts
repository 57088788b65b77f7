/**
 * CommentReader: what stands between the sample lines of a text: comments and blank lines, a stretch at a time. A stretch that stands where
 * the memory has it costs a comparison; another one is read (see Comments) and noted down in the reading.
 */
import { defaultParseLimits, type InputFormat, type ParseLimits } from "../text/Dump.ts"
import { encode, HASH, LF, SPACE, sameBytes, skipBlanks, TAB } from "../text/Syntax.ts"
import { type Stretch, standsAt, stretchOf } from "./Comments.ts"
import type { Memory } from "./Memory.ts"
import type { Reading } from "./Reading.ts"
import type { Sequence } from "./Sequence.ts"

/** A stretch of comments goes on as another one behind the line with which it has so many bytes. */
const MAX_STRETCH = 64 * 1024

const noStretches: ReadonlyArray<Stretch> = []

export class CommentReader {
  /** All stretches so far were the expected ones. */
  inOrder = true
  /** OpenMetrics: the text's last line was there. */
  ended = false
  /** Of the stretch that was read last. */
  lines = 0
  private readonly reading: Reading
  private readonly sequence: Sequence
  private input: Uint8Array = new Uint8Array(1)
  private view = new DataView(this.input.buffer)
  private format: InputFormat = "text"
  private limits: ParseLimits = defaultParseLimits
  private stretches: ReadonlyArray<Stretch> = noStretches

  constructor(reading: Reading, sequence: Sequence) {
    this.reading = reading
    this.sequence = sequence
  }

  /** Another text, from its beginning on. */
  use(input: Uint8Array, view: DataView, format: InputFormat, limits: ParseLimits, memory: Memory | undefined): void {
    this.input = input
    this.view = view
    this.format = format
    this.limits = limits
    this.stretches = memory?.comments?.stretches ?? noStretches
    this.inOrder = true
    this.ended = false
  }

  /** Comments and blank lines at `from`, behind so many lines. Answers where they end: there, where none are. */
  read(from: number, linesBefore: number): number {
    const { input: b, stretches, sequence, format } = this
    const at = sequence.stretch
    if (at < stretches.length && (sequence.nextStretch === sequence.line || sequence.line < 0)) {
      const stretch = stretches[at]!
      const end = from + stretch.view.byteLength
      const full = end - from >= MAX_STRETCH
      if (standsAt(stretch, this.view, from, b.length) && (full || !this.goesOn(end))) {
        sequence.passStretch()
        this.note(stretch, from, linesBefore)
        return end
      }
    }
    const c = b[from]
    if (c !== HASH && c !== LF && c !== SPACE && c !== TAB) return from
    let end = from
    while (end - from < MAX_STRETCH && this.goesOn(end)) {
      const ends = format === "openmetrics" && isEnd(b, end)
      end = b.indexOf(LF, end) + 1
      if (ends) break
    }
    if (end === from) return from
    this.inOrder = false
    this.note(stretchOf(b, from, end, format, this.limits), from, linesBefore)
    return end
  }

  /** A comment or a blank line begins here. */
  private goesOn(at: number): boolean {
    const { input: b } = this
    if (at >= b.length) return false
    const c = b[skipBlanks(b, at)]
    return c === HASH || c === LF
  }

  private note(stretch: Stretch, from: number, linesBefore: number): void {
    this.lines = stretch.lines
    if (this.format === "openmetrics" && stretch.ends) this.ended = true
    this.reading.comment(stretch)
    const { wrong } = stretch
    if (wrong !== undefined)
      this.reading.refuse("metadata", wrong.detail, linesBefore + wrong.line + 1, from + wrong.at, wrong.count)
  }
}

/** The line is OpenMetrics' last one. */
const isEnd = (b: Uint8Array, line: number): boolean =>
  sameBytes(b, line, Math.min(b.length, line + END.length), END, 0, END.length) &&
  (b[line + END.length] === LF || line + END.length === b.length)

const END = encode("# EOF")
