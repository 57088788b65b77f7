/**
 * Renderer: a shard's lines for one body, by plan, in chunks, lazily. Pure; it never changes a dump, and holds one chunk at a time.
 *
 * Lines are copied as they are wherever the format allows; only parts that need another timestamp unit, canonical bucket
 * bounds, no exemplars, or some of their lines, go line by line. What stands above the lines is Body's to write.
 */

import { chunkBytes } from "../../http/Outlet.ts"
import type { Dump, Family, MetricType } from "../text/Dump.ts"
import { endOfName, endOfValue } from "../text/Line.ts"
import { LF, sameBytes } from "../text/Syntax.ts"
import { joinBody } from "./Body.ts"
import { digestOf, planBody, type ShardPlan } from "./Digest.ts"
import { ChunkMemory, fullBytes, type LineChunk, LineChunks, mostBytes } from "./LineChunks.ts"
import type { OutputFormat } from "./MergedFamilies.ts"
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
export function* render(dumps: ReadonlyArray<Dump>, format: OutputFormat): Generator<Uint8Array, void, undefined> {
  const digest = digestOf(dumps)
  const plan = planBody([digest.entries], format)
  const lines = renderLines(digest.families, plan.shards[0]!)
  const body = joinBody(plan)
  for (let step = body.next(); step.done !== true; ) {
    if (typeof step.value === "number") step = body.next(lines.next().value ?? undefined)
    else {
      yield step.value
      step = body.next()
    }
  }
}

/** `families`: those of the digest that was planned with, by entry. */
export function* renderLines(
  families: ReadonlyArray<ReadonlyArray<Family>>,
  { format, families: planned }: ShardPlan,
  memory = new ChunkMemory()
): Generator<LineChunk, void, undefined> {
  const chunks = new LineChunks(memory)
  for (const { family: place, type, parts } of planned) {
    chunks.begin(place)
    for (const { entry, only } of parts)
      for (const family of families[entry]!) {
        const { bytes } = family
        const rewriting = rewritingOf(family, only, type, format)
        if (chunks.length + bytes.length > chunkBytes && chunks.length > chunkBytes / 2) yield chunks.cut()
        if (rewriting === undefined) yield* copied(chunks, bytes, keepsTogether(type))
        else {
          const touch = onlyTouch(rewriting)
          if (touch === undefined) yield* rewritten(chunks, bytes, rewriting, keepsTogether(type))
          else yield* touched(chunks, bytes, touch, keepsTogether(type))
        }
      }
  }
  if (chunks.length > 0) yield chunks.cut()
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
  const first = endOfName(bytes, 0)
  const named = (at: number): boolean => sameBytes(bytes, at, endOfName(bytes, at), bytes, 0, first)
  return named(line) && !named(bytes.lastIndexOf(LF, line - 2) + 1)
}
