/**
 * KnownLines: the lines of a source in samples mode as the memory by which its next text is read. One object for a source, made to
 * show what the lines are now before each text: records come one line at a time.
 */
import type { Memory, ReadOptions } from "../read/Memory.ts"
import { Names } from "../read/Names.ts"
import { SampleLines } from "./SampleLines.ts"

const nothing = new DataView(new ArrayBuffer(0))

export class KnownLines implements Memory {
  options!: ReadOptions
  names = new Names()
  epoch = 0
  lines: DataView = nothing
  raw: DataView = nothing
  records = new Int32Array(0)
  first = -1
  count = 0
  readonly stride = SampleLines.stride
  readonly nextField = SampleLines.nextField
  readonly epochField = SampleLines.epochField
  readonly comments = undefined
  readonly starts = undefined
  /** No line of the last text was new: only then is a single line worth being looked for beyond the expected one. */
  complete = true
  private from: SampleLines | undefined

  of(lines: SampleLines): void {
    this.from = lines
    this.lines = this.raw = lines.view
    this.records = lines.records
    this.first = lines.firstSlot
    this.count = lines.slots
  }

  /** They are copied, each to its own place. */
  expects(): number {
    return 0
  }

  find(hash: number): number {
    return this.from!.finder.findText(hash)
  }

  next(line: number): number {
    return this.from!.finder.nextText(line)
  }
}
