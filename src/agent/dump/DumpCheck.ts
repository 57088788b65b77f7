/**
 * DumpCheck: what pods would show of a dump, and what they would not, found where the dump is written: by the reader that the pods
 * use, on the whole text, under the limits that `serve` has by default. Pure, and plain data that may cross a process boundary;
 * no larger for a large dump.
 *
 * It judges nothing itself: a rule of its own would sooner or later tell a site something else than what happens. A pod with
 * other limits, or with `--allow-reserved-names`, may show more or less.
 */
import { RoundReader } from "../../metrics/cache/RoundReader.ts"
import { FIELDS, NAME, RAW, START } from "../../metrics/read/LineRecord.ts"
import type { ReadOptions } from "../../metrics/read/Memory.ts"
import { Reader } from "../../metrics/read/Reader.ts"
import { type Envelope, isRefused } from "../../metrics/rounds/Record.ts"
import {
  type Dump,
  defaultParseLimits,
  type InputFormat,
  type LineReason,
  type RefusalReason
} from "../../metrics/text/Dump.ts"
import { excerpt } from "../../metrics/text/Excerpt.ts"
import { floatLabelsOf, seriesKey } from "../../metrics/text/Series.ts"
import { LF } from "../../metrics/text/Syntax.ts"
import { adviceFor } from "./DumpAdvice.ts"

export interface DumpCheck {
  /** Series that would be shown; none where the dump is refused. */
  readonly samples: number
  /** Why nothing of it would be shown; undefined where it would be taken. */
  readonly refusal: (RefusedPlace & { readonly reason: RefusalReason }) | undefined
  /** What would be left out of a dump that is taken, the first line of each reason. */
  readonly refused: ReadonlyArray<RefusedPlace & { readonly reason: LineReason; readonly count: number }>
  /** What the site can do about it; undefined where nothing is refused, or the details say it all. */
  readonly advice: string | undefined
  /** The first line whose series an earlier one has: another dump may begin at or before it. 0 where each series is there once. */
  readonly repeatedLine: number
}

export interface RefusedPlace {
  /** 1-based, in the file; 0 where no line is to blame. */
  readonly line: number
  /** For people, without the line's number; at most 200 characters, none of them controls. */
  readonly detail: string
  /** That line, cut to some 200 bytes. It is whatever the file holds: whoever prints it escapes it. */
  readonly text: string
}

const attach = { sourceLabel: "instance", source: "s", labels: [] }

/** `linesBefore`: of the file, before the text begins. */
export const checkDump = (text: Uint8Array, format: InputFormat, linesBefore = 0): DumpCheck => {
  const content = contentOf(text, format)
  const repeated = isRefused(content) || !hasRepeats(content) ? 0 : firstRepeat(text, format, content)
  const place = (line: number, detail: string, sample: string): RefusedPlace => ({
    line: line > 0 ? line + linesBefore : 0,
    detail: detail.replace(/^line \d+: /, ""),
    text: line > 0 ? excerpt(text, line) : sample
  })
  if (isRefused(content)) {
    const { reason, line, detail, sample = "" } = content
    const refusal = { reason, ...place(line, detail, sample) }
    const advice = adviceFor(text, format, [refusal])
    return { samples: 0, refusal, refused: [], advice, repeatedLine: 0 }
  }
  const refused = (content.refused ?? []).map(({ reason, count, line, detail, sample }) => ({
    ...{ reason, count },
    ...place(reason === "duplicate-series" ? repeated : line, detail, sample)
  }))
  const advice = content.series > 0 && refused.length === 0 ? undefined : adviceFor(text, format, refused)
  const repeatedLine = repeated > 0 ? repeated + linesBefore : 0
  return { samples: content.series, refusal: undefined, refused, advice, repeatedLine }
}

const hasRepeats = ({ refused = [] }: Dump): boolean => refused.some(({ reason }) => reason === "duplicate-series")

/** As a pod reads the round of a snapshot that an agent numbered, when it has nothing of that source yet. */
const contentOf = (text: Uint8Array, format: InputFormat) => {
  const envelope: Envelope = {
    ...{ source: attach.source, labels: attach.labels, format, time: 0, mode: "snapshot", ended: false },
    ...{ number: { epoch: 0, round: 0 }, index: 1, count: 1 }
  }
  const reader = new RoundReader(
    { timestamps: "scrape", sourceLabel: attach.sourceLabel, limits: defaultParseLimits },
    () => undefined,
    (defect) => {
      throw defect
    }
  )
  const parts = [{ envelope, value: text, read: undefined }]
  const place = { source: attach.source, number: envelope.number, first: 0, offset: 0 }
  const content = reader.read({ ...place, parts })
  return isRefused(content) ? content : content.dump
}

/** The dump's page does not say where a line that it left out was, so the lines are gone through once more. */
const firstRepeat = (text: Uint8Array, format: InputFormat, { families }: Dump): number => {
  const floats = new Map<string, ReadonlyArray<string>>()
  for (const { type, sampleNames } of families) for (const name of sampleNames) floats.set(name, floatLabelsOf(type))
  const options: ReadOptions = { format, attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 }
  const reading = new Reader().read(text, options, undefined)
  if (isRefused(reading)) return 0
  const { records, count, lines, names } = reading
  const seen = new Set<string>()
  for (let n = 0; n < count; n++) {
    const known = floats.get(names!.textOf(records[n * FIELDS + NAME]!))
    if (known === undefined) continue
    const key = seriesKey(lines.bytes, records[n * FIELDS + START]!, known)
    if (seen.has(key)) return lineAt(text, records[n * FIELDS + RAW]!)
    seen.add(key)
  }
  return 0
}

const lineAt = (text: Uint8Array, position: number): number => {
  let line = 1
  for (let at = text.indexOf(LF); at >= 0 && at < position; at = text.indexOf(LF, at + 1)) line++
  return line
}
