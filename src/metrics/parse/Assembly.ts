/**
 * Assembly: from the parser's buffer to the Dump, whose lines lie family by family in a buffer of exactly their size.
 *
 * Text 0.0.4 writes the creation times of counters, histograms and summaries as gauges of their own, `foo_created`. To
 * OpenMetrics they belong among the lines of `foo`; left outside they would cost `foo` its type there, for the names
 * clash. So they are woven in where they come in the order of `foo`'s own lines, as the clients that have them write them.
 */
import type { Dump, Family, ParseOptions } from "../text/Dump.ts"
import { endOfLabels, endOfName } from "../text/Line.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import { allocateLines } from "../text/LineMemory.ts"
import { LF, SPACE, sameBytes } from "../text/Syntax.ts"
import type { FamilyBuilder } from "./Families.ts"
import type { LayoutRecorder } from "./LayoutRecorder.ts"

export const assemble = (
  builders: ReadonlyArray<FamilyBuilder>,
  lines: LineBuffer,
  options: ParseOptions,
  recorder: LayoutRecorder | undefined
): { readonly dump: Dump; readonly bytes: Uint8Array } => {
  const timestamps = options.timestamps === "event"
  const buffer = allocateLines(lines.length)
  const families: Array<Family> = []
  const woven = new Set<FamilyBuilder>()
  const createdOf = options.format === "text" ? findCreated(builders) : new Map<FamilyBuilder, FamilyBuilder>()
  if (createdOf.size > 0) recorder?.tie()
  let at = 0
  let series = 0
  let metadata = 0
  const add = (builder: FamilyBuilder, end: number): void => {
    families.push(builder.build(buffer.subarray(at, end), timestamps))
    recorder?.endFamily()
    series += builder.series
    metadata += builder.textName.length + builder.help.length
    at = end
  }
  for (const [builder, created] of createdOf) {
    const end = weave(builder, created, lines.bytes, buffer, at, timestamps, recorder)
    if (end < 0) {
      recorder?.dropFamily()
      continue
    }
    builder.adopt(created)
    woven.add(builder).add(created)
    add(builder, end)
  }
  for (const builder of builders) {
    if (builder.series === 0 || woven.has(builder) || builder.reserved) continue
    add(builder, putStretches(builder.stretches, lines.bytes, buffer, at, recorder))
  }
  const count = passOver(builders, lines.bytes, buffer, at, recorder)
  const { source } = options.attach
  const dump = { source, families, series, bytes: buffer.length + metadata }
  return { dump: count === 0 ? dump : { ...dump, reserved: { count, bytes: buffer.subarray(at) } }, bytes: buffer }
}

/** Lines that are not shown lie behind all families. Answers how many there are. */
const passOver = (
  builders: ReadonlyArray<FamilyBuilder>,
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  recorder: LayoutRecorder | undefined
): number => {
  let at = start
  let count = 0
  for (const { reserved, stretches, series } of builders) {
    if (!reserved) continue
    at = putStretches(stretches, from, to, at, recorder)
    recorder?.endFamily()
    count += series
  }
  return count
}

/** Answers the end of what it wrote. */
const putStretches = (
  stretches: ReadonlyArray<number>,
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  recorder: LayoutRecorder | undefined
): number => {
  let end = start
  for (let k = 0; k < stretches.length; k += 2) {
    to.set(from.subarray(stretches[k], stretches[k + 1]), end)
    end += stretches[k + 1]! - stretches[k]!
    recorder?.place(stretches[k]!, stretches[k + 1]!)
  }
  return end
}

const CREATED = "_created"

/** The families with a gauge of their creation times beside them. */
const findCreated = (builders: ReadonlyArray<FamilyBuilder>): Map<FamilyBuilder, FamilyBuilder> => {
  const gauges = new Map<string, FamilyBuilder>()
  for (const b of builders) {
    const isCreated = b.type === "gauge" && b.series > 0 && b.textName.endsWith(CREATED)
    if (isCreated) gauges.set(b.textName.slice(0, -CREATED.length), b)
  }
  const found = new Map<FamilyBuilder, FamilyBuilder>()
  if (gauges.size === 0) return found
  for (const b of builders) {
    const suffixed = b.type === "counter" && b.name !== b.textName
    const gauge = suffixed || b.type === "histogram" || b.type === "summary" ? gauges.get(b.name) : undefined
    if (gauge !== undefined && b.series > 0 && b.conforms()) found.set(b, gauge)
  }
  return found
}

/**
 * Copies the family's lines, and after the first line with the labels of a creation time that one. Answers the end of what
 * it wrote, or -1 if some creation time found no place (then what it wrote means nothing).
 */
const weave = (
  family: FamilyBuilder,
  created: FamilyBuilder,
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  timestamps: boolean,
  recorder: LayoutRecorder | undefined
): number => {
  const waiting = new Cursor(from, created.stretches)
  let at = start
  for (const line = new Cursor(from, family.stretches); line.start >= 0; line.advance()) {
    to.set(from.subarray(line.start, line.end), at)
    recorder?.place(line.start, line.end)
    at += line.end - line.start
    if (waiting.start < 0 || !line.hasLabelsOf(waiting)) continue
    if (timestamps && !line.hasTimestampOf(waiting)) return -1
    to.set(from.subarray(waiting.start, waiting.end), at)
    recorder?.place(waiting.start, waiting.end)
    at += waiting.end - waiting.start
    waiting.advance()
  }
  return waiting.start < 0 ? at : -1
}

/** Goes through the lines of a family; `start` is -1 after the last. */
class Cursor {
  start: number
  /** After the line feed. */
  end: number
  private readonly b: Uint8Array
  private readonly stretches: ReadonlyArray<number>
  private stretch = 0

  constructor(b: Uint8Array, stretches: ReadonlyArray<number>) {
    this.b = b
    this.stretches = stretches
    this.start = stretches[0]!
    this.end = b.indexOf(LF, this.start) + 1
  }

  advance(): void {
    this.start = this.end
    if (this.start === this.stretches[this.stretch + 1]) {
      this.stretch += 2
      this.start = this.stretches[this.stretch] ?? -1
    }
    if (this.start >= 0) this.end = this.b.indexOf(LF, this.start) + 1
  }

  hasLabelsOf(other: Cursor): boolean {
    const { b } = this
    const mine = endOfName(b, this.start)
    const theirs = endOfName(b, other.start)
    return sameBytes(b, mine, endOfLabels(b, mine), b, theirs, endOfLabels(b, theirs))
  }

  hasTimestampOf(other: Cursor): boolean {
    return sameBytes(this.b, this.lastToken(), this.end, this.b, other.lastToken(), other.end)
  }

  private lastToken(): number {
    return this.b.lastIndexOf(SPACE, this.end - 1)
  }
}
