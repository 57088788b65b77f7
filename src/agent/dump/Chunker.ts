/**
 * Chunker: cuts a dump into pieces that each stay under a budget of bytes and are, each by itself, an exposition of the same
 * format: together they mean what the dump means. Lines that may be of one family go into one piece, also where they come apart
 * in the dump (see FamilyGroups); pieces are views of the dump where nothing was moved or added. A family larger than the budget is
 * cut between its metrics (a histogram's buckets, sum and count stay together; where even one is too large, between lines) and its
 * HELP, TYPE and UNIT are repeated; in OpenMetrics every piece gets its own `# EOF`. A line that no piece can carry is left out.
 *
 * It reads names, not samples: a text that no parser accepts is cut all the same, and refused by the pod with a reason. Pure.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { type Group, groupsOf, type Line, linesOf } from "./FamilyGroups.ts"

export interface Cut {
  readonly chunks: ReadonlyArray<Uint8Array>
  /** Lines that, with their family's HELP and TYPE, are larger than the budget. */
  readonly leftOut: LeftOut | undefined
}

export interface LeftOut {
  readonly lines: number
  /** Of the first of them: its number in the dump, from 1, and its size. */
  readonly line: number
  readonly bytes: number
}

const eof = Buffer.from("# EOF\n")
const newline = 0x0a

/** Of a piece, what repeated metadata may take. */
const mostHead = 0.75

type Range = Pick<Line, "start" | "end">

export const chunk = (dump: Uint8Array, format: InputFormat, budget: number): Cut => {
  if (dump.length <= budget) return { chunks: [dump], leftOut: undefined }
  const whole = Buffer.from(dump.buffer, dump.byteOffset, dump.length)
  const text = format === "openmetrics" ? whole.subarray(0, whole.lastIndexOf("# EOF")) : whole
  const filling = new Filling(text, format === "openmetrics" ? eof : null, budget)
  const left: Array<Range> = []
  for (const group of groupsOf(text, format)) {
    if (!filling.fits(group.bytes)) filling.close()
    if (filling.fits(group.bytes)) for (const range of group.ranges) filling.add(range)
    else split(text, group, format, filling, left)
  }
  filling.close()
  return { chunks: filling.chunks, leftOut: summary(text, left) }
}

/** The chunk being filled: ranges of the text. */
class Filling {
  readonly chunks: Array<Uint8Array> = []
  private ranges: Array<Range> = []
  private bytes = 0
  private readonly text: Buffer
  private readonly tail: Buffer | null
  readonly budget: number

  constructor(text: Buffer, tail: Buffer | null, budget: number) {
    this.text = text
    this.tail = tail
    this.budget = budget - (tail?.length ?? 0)
  }

  fits(bytes: number): boolean {
    return this.bytes + bytes <= this.budget
  }

  add({ start, end }: Range): void {
    const last = this.ranges[this.ranges.length - 1]
    if (last !== undefined && last.end === start) this.ranges[this.ranges.length - 1] = { start: last.start, end }
    else this.ranges.push({ start, end })
    this.bytes += end - start
  }

  close(): void {
    if (this.bytes === 0) return
    const parts = this.ranges.map(({ start, end }) => this.text.subarray(start, end))
    if (this.tail !== null) parts.push(this.tail)
    this.chunks.push(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
    this.drop()
  }

  drop(): void {
    this.ranges = []
    this.bytes = 0
  }
}

/** Fills a group that is larger than the budget into as many chunks as it takes; each begins with its metadata. */
const split = (text: Buffer, group: Group, format: InputFormat, filling: Filling, left: Array<Range>): void => {
  const { head, lines } = partsOf(text, group, format, mostHead * filling.budget, left)
  let isOpen = false
  const open = (): void => {
    if (isOpen) filling.close()
    else filling.drop()
    for (const line of head) filling.add(line)
    isOpen = false
  }
  const add = (from: number, to: number): boolean => {
    let bytes = 0
    for (let i = from; i < to; i++) bytes += lines[i]!.end - lines[i]!.start
    if (isOpen && !filling.fits(bytes)) open()
    if (!filling.fits(bytes)) return false
    for (let i = from; i < to; i++) filling.add(lines[i]!)
    isOpen = true
    return true
  }
  open()
  let metric = 0
  for (const end of metricEnds(lines)) {
    if (!add(metric, end)) for (let i = metric; i < end; i++) if (!add(i, i + 1)) left.push(lines[i]!)
    metric = end
  }
  if (!isOpen) filling.drop()
}

/** A group's metadata, each line of it once, and all its other lines. Of metadata, what is more than `most` bytes is left out. */
const partsOf = (text: Buffer, group: Group, format: InputFormat, most: number, left: Array<Range>) => {
  const head: Array<Line> = []
  const lines: Array<Line> = []
  const said = new Set<string>()
  let bytes = 0
  for (const { start, end } of group.ranges)
    for (const line of linesOf(text, start, end, format)) {
      if (!line.isStatement) lines.push(line)
      else if (bytes + line.end - line.start > most) left.push(line)
      else {
        const words = text.toString("latin1", line.start, line.end)
        if (said.has(words)) continue
        said.add(words)
        head.push(line)
        bytes += line.end - line.start
      }
    }
  return { head, lines }
}

/** Where each metric ends: before the line that comes back to the name of the first sample; where all have one name, with each line. */
const metricEnds = (lines: ReadonlyArray<Line>): ReadonlyArray<number> => {
  const first = lines.find(({ name }) => name !== undefined)?.name
  const ends: Array<number> = []
  if (lines.every(({ name }) => name === undefined || name === first)) return lines.map((_, i) => i + 1)
  let wasFirst = true
  for (const [i, { name }] of lines.entries()) {
    if (name === undefined) continue
    if (name === first && !wasFirst) ends.push(i)
    wasFirst = name === first
  }
  return [...ends, lines.length]
}

const summary = (text: Buffer, left: ReadonlyArray<Range>): LeftOut | undefined => {
  if (left.length === 0) return undefined
  const { start, end } = left.reduce((first, range) => (range.start < first.start ? range : first))
  let line = 1
  for (let i = text.indexOf(newline); i !== -1 && i < start; i = text.indexOf(newline, i + 1)) line++
  return { lines: left.length, line, bytes: end - start }
}
