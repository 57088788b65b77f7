/**
 * Renderer: a shard's lines for one body, by plan, in chunks, lazily. Pure; it never changes a dump, and holds one chunk at a time.
 *
 * Lines are copied as they are wherever the format allows; only parts that need another timestamp unit, canonical bucket
 * bounds, no exemplars, or some of their lines, go line by line. What stands above the lines is Body's to write.
 */

import { chunkBytes } from "../../http/Outlet.ts"
import type { Dump, Family, MetricType } from "../text/Dump.ts"
import type { Escaping } from "../text/Escaping.ts"
import { endOfName, endOfValue } from "../text/Line.ts"
import type { Output, OutputFormat } from "../text/Negotiation.ts"
import { atOnce, Slices } from "../text/Slices.ts"
import { BRACE_OPEN, LF, sameBytes } from "../text/Syntax.ts"
import { joinBody } from "./Body.ts"
import {
  type BodyPlan,
  type EntryPart,
  type PlanAnswer,
  planning,
  type ShardPlan,
  type ShardQuestions
} from "./BodyPlan.ts"
import { type Digest, digesting } from "./Digest.ts"
import { ChunkMemory, fullBytes, type LineChunk, LineChunks, mostBytes } from "./LineChunks.ts"
import { oddLinesFit, oddSources, oddText } from "./OddLines.ts"
import {
  isSelected,
  labelValue,
  onlyTouch,
  otherForm,
  putWithSeconds,
  type Rewriting,
  rewrite,
  rewritingOf,
  sameText,
  type Touch
} from "./Rewriting.ts"

/** The whole body of these dumps alone; in OpenMetrics it ends with `# EOF`. */
export function* render(
  dumps: ReadonlyArray<Dump>,
  format: OutputFormat,
  escaping: Escaping = "underscores"
): Generator<Uint8Array, void, undefined> {
  const digest = atOnce(digesting(dumps))
  const plan = planAlone([digest], { format, escaping })
  const lines = renderLines(digest, plan.shards[0]!)
  const body = joinBody(plan)
  for (let step = body.next(); step.done !== true; ) {
    if (typeof step.value === "number") step = body.next(nextChunk(lines))
    else {
      yield step.value
      step = body.next()
    }
  }
}

/** The plan of these digests, and all that it asks, in one turn. */
export const planAlone = (digests: ReadonlyArray<Digest>, output: Output): BodyPlan => {
  const work = planning(
    digests.map(({ entries }) => entries),
    output
  )
  for (let step = work.next(); ; ) {
    if (step.done === true) return step.value
    const answers: PlanAnswer = step.value?.map((questions, i) => atOnce(answering(digests[i]!, questions)))
    step = work.next(answers)
  }
}

/** Without the pauses. */
export const nextChunk = (lines: Generator<LineChunk | undefined, void, undefined>): LineChunk | undefined => {
  for (let step = lines.next(); step.done !== true; step = lines.next()) if (step.value !== undefined) return step.value
  return undefined
}

/** A shard's answers to what the plan asks about its lines, in slices. */
export function* answering(
  digest: Digest,
  { output, questions }: ShardQuestions
): Generator<undefined, ReadonlyArray<boolean>, unknown> {
  const answers: Array<boolean> = []
  const slices = new Slices()
  for (const question of questions) answers.push(yield* oddLinesFit(digest, question, output, slices))
  return answers
}

/** `undefined`: nothing yet, a slice has ended. `leftOut`: is told of lines that no parser would take. */
export function* renderLines(
  digest: Digest,
  { output, families: planned }: ShardPlan,
  memory = new ChunkMemory(),
  leftOut: (lines: number) => void = () => {}
): Generator<LineChunk | undefined, void, undefined> {
  const chunks = new LineChunks(memory)
  for (const { family: place, type, parts, odd } of planned) {
    chunks.begin(place)
    const odds = odd === undefined ? undefined : oddSources(digest, odd)
    const together = keepsTogether(type)
    for (const part of parts) yield* plainPart(chunks, digest, part, type, output, odds)
    for (const pieces of odds?.values() ?? []) {
      const text = yield* oddText(pieces, odd!, output)
      leftOut(text.leftOut)
      yield* copied(chunks, text.bytes, together)
      yield
    }
  }
  if (chunks.length > 0) yield chunks.cut()
}

/** The lines of those sources that have no odd ones. */
function* plainPart(
  chunks: LineChunks,
  digest: Digest,
  { entry, only }: EntryPart,
  type: MetricType,
  output: Output,
  odds: ReadonlyMap<number, unknown> | undefined
): Generator<LineChunk | undefined, void, undefined> {
  const { families, dumps } = digest.families[entry]!
  const together = keepsTogether(type)
  for (const [i, family] of families.entries()) {
    if (odds?.has(dumps[i]!) === true) continue
    const bytes = chunks.linesOf(family)
    const rewriting = rewritingOf(family, only, type, output.format)
    if (chunks.length + bytes.length > chunkBytes && chunks.length > chunkBytes / 2) yield chunks.cut()
    if (rewriting === undefined) yield* copied(chunks, bytes, together)
    else if (family.quoted) yield* copied(chunks, yield* quotedLines(family, only, type, output), together)
    else {
      const touch = onlyTouch(rewriting)
      if (touch === undefined) yield* rewritten(chunks, bytes, rewriting, together)
      else yield* touched(chunks, bytes, touch, together)
    }
  }
}

function* quotedLines(
  family: Family,
  only: ReadonlyArray<string> | undefined,
  type: MetricType,
  output: Output
): Generator<undefined, Uint8Array, undefined> {
  return (yield* oddText([{ family, only }], { name: family.name, type }, output)).bytes
}

/** Types of which one metric has several lines that a parser wants to see together. */
const keepsTogether = (type: MetricType): boolean =>
  type === "histogram" || type === "gaugehistogram" || type === "summary"

function* copied(chunks: LineChunks, bytes: Uint8Array, together: boolean): Generator<LineChunk, void, undefined> {
  for (let from = 0; from < bytes.length; ) {
    const end = cutBefore(bytes, from, from + chunkBytes - chunks.length, together)
    // What does not fit goes into the next chunk, whole.
    if (end === from && chunks.length > 0) {
      yield chunks.cut()
      continue
    }
    const to = end > from ? end : cutAfter(bytes, from, together)
    chunks.put(bytes, from, to)
    if (to < bytes.length) yield chunks.cut()
    from = to
  }
}

function* rewritten(
  chunks: LineChunks,
  bytes: Uint8Array,
  how: Rewriting,
  together: boolean
): Generator<LineChunk, void, undefined> {
  for (let line = 0; line < bytes.length; ) {
    const end = bytes.indexOf(LF, line)
    if (isSelected(bytes, line, how)) {
      if (mayEnd(chunks.length, bytes, line, together)) yield chunks.cut()
      rewrite(chunks, bytes, line, end, how)
    }
    line = end + 1
  }
}

/** Lines in which only a label's number or the timestamp's unit may change: from one such place to the next they are copied at once. */
function* touched(
  chunks: LineChunks,
  bytes: Uint8Array,
  { float, seconds }: Touch,
  together: boolean
): Generator<LineChunk, void, undefined> {
  const text = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let from = 0
  // The newest line with the label, and how far into the line its value is: mostly as far as in the next one.
  let [model, before] = [0, 0]
  for (let line = 0; line < bytes.length; ) {
    if (mayEnd(chunks.length + line - from, bytes, line, together)) {
      chunks.put(bytes, from, line)
      from = line
      yield chunks.cut()
    }
    const value =
      float === undefined ? -1 : sameText(text, model, line, before) ? line + before : labelValue(bytes, line, float)
    if (value >= 0) {
      model = line
      before = value - line
      const end = endOfValue(bytes, value)
      const other = otherForm(bytes, value, end)
      if (other !== undefined) {
        chunks.put(bytes, from, value)
        chunks.put(other)
        from = end
      }
    }
    const feed = bytes.indexOf(LF, Math.max(line, value))
    if (seconds) from = putWithSeconds(chunks, bytes, from, feed)
    line = feed + 1
  }
  chunks.put(bytes, from, bytes.length)
}

/** Whether a chunk of this length ends before the line. */
const mayEnd = (length: number, bytes: Uint8Array, line: number, together: boolean): boolean =>
  length >= fullBytes && (!together || length >= mostBytes || startsMetric(bytes, line))

/** The last place up to `limit` where the lines may be cut; `from` where there is none. */
const cutBefore = (bytes: Uint8Array, from: number, limit: number, together: boolean): number => {
  if (limit >= bytes.length) return bytes.length
  if (limit <= from) return from
  let end = bytes.lastIndexOf(LF, limit - 1) + 1
  while (together && end > from && !startsMetric(bytes, end)) end = bytes.lastIndexOf(LF, end - 2) + 1
  return Math.max(from, end)
}

/** The first place after `from` where the lines may be cut; after some chunks' worth, any line's end. */
const cutAfter = (bytes: Uint8Array, from: number, together: boolean): number => {
  let end = bytes.indexOf(LF, from) + 1
  while (together && end < bytes.length && end - from < mostBytes && !startsMetric(bytes, end))
    end = bytes.indexOf(LF, end) + 1
  return end
}

/** A line is the first of a metric's when it has the sample name of the part's first line and the line before it has not. */
const startsMetric = (bytes: Uint8Array, line: number): boolean => {
  if (line === 0) return true
  const first = endOfAnyName(bytes, 0)
  const named = (at: number): boolean => sameBytes(bytes, at, endOfAnyName(bytes, at), bytes, 0, first)
  return named(line) && !named(bytes.lastIndexOf(LF, line - 2) + 1)
}

/** Also of a name in quotes, which stands in the braces. */
const endOfAnyName = (bytes: Uint8Array, line: number): number =>
  bytes[line] === BRACE_OPEN ? endOfValue(bytes, line + 2) + 1 : endOfName(bytes, line)
