/**
 * Snapshot: one record of a snapshot, read into a page: by the page of its source's last round where that helps. The line is the
 * unit of refusal; only what shows that the text is not whole, or no text at all, refuses the record.
 */
import type { Refusal, RefusedLines } from "../text/Dump.ts"
import { LF } from "../text/Syntax.ts"
import { type Portion, pageInSlices, pageOf } from "./MakingSteps.ts"
import type { Memory, ReadOptions } from "./Memory.ts"
import type { Page } from "./Page.ts"
import { Reader } from "./Reader.ts"
import type { Reading } from "./Reading.ts"

/** One for a thread: a reading of its own never outlives the step in which it was made. */
export const reader = new Reader()

export const readSnapshot = (text: Uint8Array, options: ReadOptions, before: Page | undefined): Page | Refusal => {
  const reading = reader.read(text, options, before)
  const result = "reason" in reading ? reading : limited(pageOf(reading, reading.by === before ? before : undefined))
  reader.release()
  return result
}

/**
 * The same, a slice at a time, for a large text: others have their turns at each `undefined`, and may read texts of their own. The text
 * and the memory of the page before must stay until it is read.
 */
export function* readSnapshotInSlices(
  text: Uint8Array,
  options: ReadOptions,
  before: Page | undefined,
  portion = portionOfLarge
): Generator<undefined, Page | Refusal, unknown> {
  const reading = yield* readInSlices(text, options, before, portion)
  if ("reason" in reading) return reading
  return limited(yield* pageInSlices(reading, reading.by === before ? before : undefined, portion))
}

/** Some milliseconds. */
export const portionOfLarge: Portion = { bytes: 512 * 1024, items: 2048 }

/** A reading of its own, that stays good. */
export function* readInSlices(
  text: Uint8Array,
  options: ReadOptions,
  memory: Memory | undefined,
  { bytes, items } = portionOfLarge
): Generator<undefined, Reading | Refusal, unknown> {
  const own = new Reader()
  const refused = own.begin(text, options, memory)
  if (refused !== undefined) return refused
  for (;;) {
    yield
    const reading = own.readOn(bytes, items)
    if (reading !== undefined) return reading
  }
}

const limited = (page: Page): Page | Refusal => {
  const { maxSeries } = page.options.limits
  return page.dump.series <= maxSeries
    ? page
    : { reason: "too-many-series", detail: `${page.dump.series} series, the limit is ${maxSeries}`, line: 0 }
}

/** A numbered text of 0.0.4 that does not end a line was cut off: OpenMetrics says its end itself. */
export const isCutOff = (text: Uint8Array, { format }: ReadOptions): Refusal | undefined =>
  format === "openmetrics" || text.length === 0 || text[text.length - 1] === LF
    ? undefined
    : { reason: "no-eof", detail: "its last line has no line feed: the text was cut off", line: 0 }

/** Why a text is no exposition: it has sample lines and none is good. */
export const noText = (refused: ReadonlyArray<RefusedLines>): Refusal | undefined => {
  const lines = refused.filter(({ reason }) => reason !== "metadata" && reason !== "exemplar" && reason !== "after-eof")
  const first = lines.find(({ reason }) => reason !== "reserved-name")
  if (first === undefined || lines.some(({ reason }) => reason === "reserved-name")) return undefined
  const { reason, detail, line, sample } = first
  return { reason, detail, line, sample }
}

/** Why a reading adds nothing to samples. */
export const noSamples = (reading: Reading): Refusal | undefined =>
  reading.count > 0 ? undefined : noText(reading.refused())
