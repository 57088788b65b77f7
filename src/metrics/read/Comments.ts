/**
 * Comments: what stands between the sample lines of a text: metadata, other comments, blank lines, in stretches, each with what it
 * says. Pure data, shared by all sources that send the same: they cost memory once.
 */
import type { InputFormat, ParseLimits } from "../text/Dump.ts"
import { Generations } from "../text/Generations.ts"
import { HASH, LF } from "../text/Syntax.ts"
import { readStatement, type Statement } from "./Statement.ts"

/** A stretch without a sample line. */
export interface Stretch {
  /** Its bytes. */
  readonly view: DataView
  readonly statements: ReadonlyArray<Statement>
  /** What says nothing, by the first of it: there may be as many as there are lines. */
  readonly wrong: Wrong | undefined
  readonly lines: number
  /** The last that it says is that the text ends, as OpenMetrics has it. */
  readonly ends: boolean
  /** What it takes. */
  readonly bytes: number
}

export interface Wrong {
  readonly count: number
  readonly detail: string
  /** Which line of the stretch, from 0, and where that begins in it. */
  readonly line: number
  readonly at: number
}

export interface Comments {
  readonly stretches: ReadonlyArray<Stretch>
  /** The line, in the order of the input, that each stands before. */
  readonly before: Uint32Array
  /** All statements in their order. */
  readonly statements: ReadonlyArray<Statement>
  /** What they take, each stretch once. */
  readonly bytes: number
}

/** What a stretch, a statement, and a stretch's place in a text take besides their text (`test/metrics/worst/measure.ts`). */
const STRETCH_BYTES = 320
const STATEMENT_BYTES = 80
const PLACE_BYTES = 12
const KNOWN_BYTES = 8 * 1024 * 1024

/** Of many sources the same; what was said once only goes with its generation. */
const known = new Generations<Stretch>(KNOWN_BYTES, (key) => 2 * key.length + STRETCH_BYTES + STATEMENT_BYTES)
const none: ReadonlyArray<Statement> = []

/** `bytes` of the input from `start` to `end`: whole lines. */
export const stretchOf = (
  b: Uint8Array,
  start: number,
  end: number,
  format: InputFormat,
  limits: ParseLimits
): Stretch => {
  const key = `${format}${limits.maxLabelValue},${limits.maxHelp} ${Buffer.from(b.buffer, b.byteOffset + start, end - start).toString("latin1")}`
  const before = known.get(key)
  if (before !== undefined) return before
  const text = b.slice(start, end)
  const statements: Array<Statement> = []
  let wrong: Wrong | undefined
  let wrongs = 0
  let lines = 0
  let ends = false
  let bytes = STRETCH_BYTES + text.length
  for (let at = 0; at < text.length; lines++) {
    const feed = text.indexOf(LF, at)
    const stop = feed < 0 ? text.length : feed
    let hash = at
    while (text[hash] === 32 || text[hash] === 9) hash++
    const statement = text[hash] === HASH ? readStatement(text, hash, stop, format, limits) : undefined
    if (statement !== undefined) ends = statement.kind === "EOF"
    if (statement?.kind === "wrong") {
      wrongs++
      wrong ??= { count: 0, detail: statement.detail, line: lines, at }
    } else if (statement !== undefined) {
      statements.push(statement)
      bytes += STATEMENT_BYTES + stop - at
    }
    at = stop + 1
  }
  const stretch = {
    view: new DataView(text.buffer),
    statements: statements.length === 0 ? none : statements,
    wrong: wrong === undefined ? undefined : { ...wrong, count: wrongs },
    lines,
    ends,
    bytes
  }
  known.set(key, stretch)
  return stretch
}

/** What they take together: those that are the same, once. */
export const sizeOfStretches = (stretches: ReadonlyArray<Stretch>): number => {
  let bytes = PLACE_BYTES * stretches.length
  for (const stretch of new Set(stretches)) bytes += stretch.bytes
  return bytes
}

/** Whether the stretch stands in the input at `at`. Not read as doubles: a comment may hold any byte. */
export const standsAt = ({ view }: Stretch, input: DataView, at: number, inputEnd: number): boolean => {
  const length = view.byteLength
  if (at + length > inputEnd) return false
  let i = 0
  for (; i + 4 <= length; i += 4) if (view.getInt32(i) !== input.getInt32(at + i)) return false
  for (; i < length; i++) if (view.getUint8(i) !== input.getUint8(at + i)) return false
  return true
}
