/**
 * Comments: what stands between the sample lines of a text: metadata, other comments, blank lines, in stretches, each with what it
 * says. Pure data, shared by all sources that send the same: they cost memory once.
 */
import type { InputFormat, ParseLimits } from "../text/Dump.ts"
import { HASH, LF } from "../text/Syntax.ts"
import { readStatement, type Statement } from "./Statement.ts"

/** A stretch without a sample line. */
export interface Stretch {
  readonly text: Uint8Array
  readonly view: DataView
  readonly statements: ReadonlyArray<Statement>
  /** Of the statements that are wrong: which line of the stretch, from 0. */
  readonly wrongLines: ReadonlyArray<number>
  readonly lines: number
}

export interface Comments {
  readonly stretches: ReadonlyArray<Stretch>
  /** The line, in the order of the input, that each stands before. */
  readonly before: Uint32Array
  /** All statements in their order. */
  readonly statements: ReadonlyArray<Statement>
  /** Bytes of all stretches. */
  readonly bytes: number
}

const known = new Map<string, Stretch>()
const MAX_KNOWN_BYTES = 4 * 1024 * 1024
let knownBytes = 0

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
  const wrongLines: Array<number> = []
  let lines = 0
  for (let at = 0; at < text.length; lines++) {
    const feed = text.indexOf(LF, at)
    const stop = feed < 0 ? text.length : feed
    let hash = at
    while (text[hash] === 32 || text[hash] === 9) hash++
    const statement = text[hash] === HASH ? readStatement(text, hash, stop, format, limits) : undefined
    if (statement !== undefined) statements.push(statement)
    if (statement?.kind === "wrong") wrongLines.push(lines)
    at = stop + 1
  }
  const stretch = { text, view: new DataView(text.buffer), statements, wrongLines, lines }
  knownBytes += 2 * text.length
  if (knownBytes > MAX_KNOWN_BYTES) {
    known.clear()
    knownBytes = 2 * text.length
  }
  if (text.length < MAX_KNOWN_BYTES / 8) known.set(key, stretch)
  return stretch
}

/** Whether the text ends with the stretch, as OpenMetrics has it. */
export const endsText = ({ statements }: Stretch): boolean => statements.at(-1)?.kind === "EOF"

/** Whether the stretch stands in the input at `at`. Not read as doubles: a comment may hold any byte. */
export const standsAt = ({ view }: Stretch, input: DataView, at: number, inputEnd: number): boolean => {
  const length = view.byteLength
  if (at + length > inputEnd) return false
  let i = 0
  for (; i + 4 <= length; i += 4) if (view.getInt32(i) !== input.getInt32(at + i)) return false
  for (; i < length; i++) if (view.getUint8(i) !== input.getUint8(at + i)) return false
  return true
}
