/**
 * Chunker: cuts a dump into pieces that each stay under a budget of bytes and are, each by itself, an exposition of the same
 * format. It cuts between families where it can. A family larger than the budget is cut between its metrics (a histogram's
 * buckets, sum and count stay together; where even one is too large, between lines) and its HELP, TYPE and UNIT are repeated;
 * in OpenMetrics every piece gets its own `# EOF`. Pieces are views of the dump where nothing was added.
 *
 * It reads lines, not samples: a text that no parser accepts is cut all the same, and refused by the pod with a reason. Pure.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"

export type Cut =
  | { readonly kind: "chunks"; readonly chunks: ReadonlyArray<Uint8Array> }
  /** One line (with its family's HELP and TYPE) is larger than the budget: nothing can be done here. */
  | { readonly kind: "line-too-long"; readonly line: number; readonly bytes: number }

const eof = Buffer.from("# EOF\n")
const newline = 0x0a
const hash = 0x23

/** The bytes of a sample's or a metadata line's family name, up to the first brace or blank. */
const nameEnd = (text: Buffer, from: number, end: number): number => {
  let i = from
  for (; i < end; i++) {
    const byte = text[i]!
    if (byte === 0x7b || byte === 0x20 || byte === 0x09 || byte === newline) break
  }
  return i
}

const metadataPrefix = 7
/** `# HELP name`, `# TYPE name`, `# UNIT name`: where the name starts, or -1 for samples and plain comments. */
const metadataName = (text: Buffer, from: number, end: number): number => {
  if (end - from <= metadataPrefix || text[from] !== hash || text[from + 1] !== 0x20 || text[from + 6] !== 0x20)
    return -1
  const word = text.toString("latin1", from + 2, from + 6)
  return word === "HELP" || word === "TYPE" || word === "UNIT" ? from + metadataPrefix : -1
}

const sameBytes = (text: Buffer, a: number, aEnd: number, b: number, bEnd: number): boolean =>
  aEnd - a === bEnd - b && text.compare(text, b, bEnd, a, aEnd) === 0

/** A family: its metadata lines are [start, body), its samples [body, end). */
interface Block {
  readonly start: number
  readonly body: number
  readonly end: number
}

const lineEnd = (text: Buffer, from: number): number => {
  const stop = text.indexOf(newline, from)
  return stop === -1 ? text.length : stop + 1
}

/** Reads the block that starts at `start`; a run of samples without metadata ends where the name changes. */
const blockAt = (text: Buffer, start: number): Block => {
  let body = start
  let name = -1
  let nameStop = -1
  let hasMetadata = false
  let at = start
  while (at < text.length) {
    const end = lineEnd(text, at)
    const metadata = metadataName(text, at, end)
    if (metadata !== -1) {
      const metadataStop = nameEnd(text, metadata, end)
      const continues = body === at && (name === -1 || sameBytes(text, name, nameStop, metadata, metadataStop))
      if (!continues) return { start, body, end: at }
      hasMetadata = true
      name = metadata
      nameStop = metadataStop
      body = end
    } else if (text[at] !== hash && end - at > 1) {
      const sampleStop = nameEnd(text, at, end)
      if (name === -1) {
        name = at
        nameStop = sampleStop
      } else if (hasMetadata) {
        // `foo_bucket` belongs to `foo`; a name that does not even begin like the family's is another family without metadata.
        const length = nameStop - name
        if (sampleStop - at < length || text.compare(text, name, nameStop, at, at + length) !== 0)
          return { start, body, end: at }
      } else if (!sameBytes(text, name, nameStop, at, sampleStop)) return { start, body, end: at }
    }
    at = end
  }
  return { start, body, end: text.length }
}

const lineNumber = (text: Buffer, at: number): number => {
  let line = 1
  for (let i = text.indexOf(newline); i !== -1 && i < at; i = text.indexOf(newline, i + 1)) line++
  return line
}

/** The pieces of the chunk being filled: ranges of the text. */
class Filling {
  readonly chunks: Array<Uint8Array> = []
  private ranges: Array<readonly [start: number, end: number]> = []
  private bytes = 0
  private readonly text: Buffer
  private readonly tail: Buffer | null
  private readonly budget: number

  constructor(text: Buffer, tail: Buffer | null, budget: number) {
    this.text = text
    this.tail = tail
    this.budget = budget - (tail?.length ?? 0)
  }

  fits(bytes: number): boolean {
    return this.bytes + bytes <= this.budget
  }

  add(start: number, end: number): void {
    if (start === end) return
    const last = this.ranges[this.ranges.length - 1]
    if (last !== undefined && last[1] === start) this.ranges[this.ranges.length - 1] = [last[0], end]
    else this.ranges.push([start, end])
    this.bytes += end - start
  }

  close(): void {
    if (this.bytes === 0) return
    const parts = this.ranges.map(([start, end]) => this.text.subarray(start, end))
    if (this.tail !== null) parts.push(this.tail)
    this.chunks.push(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
    this.ranges = []
    this.bytes = 0
  }
}

/** Where the metric that starts at `from` ends: before the line that comes back to the name of the family's first sample. */
const metricEnd = (text: Buffer, from: number, block: Block): number => {
  const firstStop = nameEnd(text, block.body, block.end)
  let before = true
  for (let at = from; at < block.end; ) {
    const isFirst = sameBytes(text, block.body, firstStop, at, nameEnd(text, at, block.end))
    if (isFirst && !before) return at
    before = isFirst
    at = lineEnd(text, at)
  }
  return block.end
}

const hasOneName = (text: Buffer, block: Block): boolean => {
  const firstStop = nameEnd(text, block.body, block.end)
  for (let at = block.body; at < block.end; at = lineEnd(text, at))
    if (!sameBytes(text, block.body, firstStop, at, nameEnd(text, at, block.end))) return false
  return true
}

/** Fills a family that is larger than the budget into as many chunks as it takes; each begins with its metadata. */
const split = (text: Buffer, block: Block, filling: Filling): Cut | null => {
  const { start, body, end } = block
  const tooLong = (at: number, bytes: number): Cut => ({ kind: "line-too-long", line: lineNumber(text, at), bytes })
  if (!filling.fits(body - start)) return tooLong(start, body - start)
  filling.add(start, body)
  let opened = false
  const add = (from: number, to: number): boolean => {
    if (opened && !filling.fits(to - from)) {
      filling.close()
      filling.add(start, body)
      opened = false
    }
    if (!filling.fits(to - from)) return false
    filling.add(from, to)
    opened = true
    return true
  }
  const oneName = hasOneName(text, block)
  for (let metric = body; metric < end; ) {
    const next = oneName ? lineEnd(text, metric) : metricEnd(text, metric, block)
    if (!add(metric, next))
      for (let line = metric; line < next; line = lineEnd(text, line))
        if (!add(line, lineEnd(text, line))) return tooLong(line, body - start + lineEnd(text, line) - line)
    metric = next
  }
  return null
}

export const chunk = (dump: Uint8Array, format: InputFormat, budget: number): Cut => {
  if (dump.length <= budget) return { kind: "chunks", chunks: [dump] }
  const whole = Buffer.from(dump.buffer, dump.byteOffset, dump.length)
  const text = format === "openmetrics" ? whole.subarray(0, whole.lastIndexOf("# EOF")) : whole
  const filling = new Filling(text, format === "openmetrics" ? eof : null, budget)
  for (let at = 0; at < text.length; ) {
    const block = blockAt(text, at)
    at = block.end
    if (!filling.fits(block.end - block.start)) filling.close()
    if (filling.fits(block.end - block.start)) {
      filling.add(block.start, block.end)
      continue
    }
    const tooLong = split(text, block, filling)
    if (tooLong !== null) return tooLong
  }
  filling.close()
  return { kind: "chunks", chunks: filling.chunks }
}
