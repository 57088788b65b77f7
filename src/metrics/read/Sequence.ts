/**
 * Sequence: where a text is at in the order in which its memory has lines, and stretches of comments between them: which line and which
 * stretch are expected next. What comes instead moves nothing; what was expected and is not there is passed over when a later one comes.
 */
import { FIELDS } from "./LineRecord.ts"
import type { Memory } from "./Memory.ts"

/** No line is expected behind it. */
const NONE = 2 ** 31 - 1

const noLines = new Uint32Array(0)
const noRecords = new Int32Array(0)

export class Sequence {
  /** The line that is expected next, -1 where none is. */
  line = -1
  /** The stretch that is expected next, and the line that it stands before. */
  stretch = 0
  nextStretch = NONE
  private records: Int32Array = noRecords
  private stride = FIELDS
  private nextField = -1
  private count = 0
  private stretchLines: Uint32Array = noLines

  /** From the memory's first line on. */
  follow(memory: Memory | undefined): void {
    this.stretch = 0
    this.line = memory?.first ?? -1
    this.records = memory?.records ?? noRecords
    this.stride = memory?.stride ?? FIELDS
    this.nextField = memory?.nextField ?? -1
    this.count = memory?.count ?? 0
    this.stretchLines = memory?.comments?.before ?? noLines
    this.nextStretch = this.stretchLines[0] ?? NONE
  }

  /** The line that is expected after another, -1 where there is none. */
  after(line: number): number {
    const { nextField } = this
    if (nextField >= 0) return this.records[line * this.stride + nextField]! - 1
    return line + 1 < this.count ? line + 1 : -1
  }

  /** The line was there. */
  pass(line: number): void {
    this.expect(this.after(line), line)
  }

  /** That line from now on; stretches up to another line are behind. */
  expect(line: number, passed: number): void {
    this.line = line
    while (this.nextStretch <= passed) this.passStretch()
  }

  /** The expected stretch was there, or will not be. */
  passStretch(): void {
    this.stretch++
    this.nextStretch = this.stretchLines[this.stretch] ?? NONE
  }
}
