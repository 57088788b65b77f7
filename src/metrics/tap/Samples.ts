/**
 * Samples: the lines of a dump as samples, one by one in the dump's order, and what is different between two dumps of a source. Pure, and
 * lazy: the labels of a sample are read when they are asked for. What it yields holds copies and stays good when the dump does not.
 */
import { SeriesReader, seriesEnd } from "../relabel/SeriesReader.ts"
import { type Dump, defaultParseLimits } from "../text/Dump.ts"
import { decode, LF, parseNumber, SPACE } from "../text/Syntax.ts"

/** Whatever a pod let in. */
const limits = { ...defaultParseLimits, maxLabels: 1_000_000, maxLabelValue: 64 * 1024 * 1024 }
const reader = new SeriesReader(limits)
const utf8 = new TextEncoder()

/** One sample of a dump. Holds no memory of it. @experimental */
export class Sample {
  /** As it stands in the dump: `name{label="value",…}`, with all labels that its record attached. The same for the same series. */
  readonly series: string
  /** As it was written, NaN and infinities among them. */
  readonly value: number
  /** Its own, ms since the Unix epoch; undefined where the line has none, as under `--timestamps scrape`: the round's `time` is when it was so. */
  readonly timestamp: number | undefined
  private read: { readonly name: string; readonly labels: ReadonlyMap<string, string> } | undefined

  constructor(series: string, value: number, timestamp: number | undefined) {
    this.series = series
    this.value = value
    this.timestamp = timestamp
  }

  /** Of the metric: what stands before the labels. */
  get name(): string {
    return this.parts.name
  }

  /** In the order of the line. */
  get labels(): ReadonlyMap<string, string> {
    return this.parts.labels
  }

  private get parts(): { readonly name: string; readonly labels: ReadonlyMap<string, string> } {
    if (this.read === undefined) {
      const pairs = reader.read(utf8.encode(this.series))
      if (pairs === undefined) throw new Error(`a dump has the line ${this.series}, which is no series`)
      const [[, name], ...labels] = pairs as [readonly [string, string], ...typeof pairs]
      this.read = { name, labels: new Map(labels) }
    }
    return this.read
  }
}

/** What is different, in the order of the dump; of what went, as it was. @experimental */
export interface Changes {
  /** New series, and those of another value. */
  readonly changed: ReadonlyArray<Sample>
  /** Series of the round before that this one has not, with their last values. */
  readonly went: ReadonlyArray<Sample>
}

/** One line: bytes and where its parts are. */
interface Line {
  readonly bytes: Uint8Array
  readonly start: number
  /** Where the series ends: a space stands there, and the value behind it. */
  readonly seriesEnd: number
  readonly valueEnd: number
}

function* lines({ families }: Pick<Dump, "families">): Generator<Line> {
  for (const { bytes } of families)
    for (let start = 0; start < bytes.length; ) {
      const end = seriesEnd(bytes, start, limits)
      let valueEnd = end + 1
      while (bytes[valueEnd] !== SPACE && bytes[valueEnd] !== LF) valueEnd++
      yield { bytes, start, seriesEnd: end, valueEnd }
      start = bytes.indexOf(LF, valueEnd) + 1
    }
}

const seriesOf = ({ bytes, start, seriesEnd }: Line): string => decode(bytes, start, seriesEnd)

const sampleOf = (line: Line, series = seriesOf(line)): Sample => {
  const { bytes, seriesEnd, valueEnd } = line
  const stamp = /^ (-?\d+)/.exec(decode(bytes, valueEnd, Math.min(bytes.length, valueEnd + 24)))
  const timestamp = stamp === null ? undefined : Number(stamp[1])
  return new Sample(series, parseNumber(bytes, seriesEnd + 1, valueEnd), timestamp)
}

const same = (a: Line, aFrom: number, aEnd: number, b: Line, bFrom: number, bEnd: number): boolean =>
  aEnd - aFrom === bEnd - bFrom && Buffer.compare(a.bytes.subarray(aFrom, aEnd), b.bytes.subarray(bFrom, bEnd)) === 0
const sameSeries = (a: Line, b: Line): boolean => same(a, a.start, a.seriesEnd, b, b.start, b.seriesEnd)
const sameValue = (a: Line, b: Line): boolean => same(a, a.seriesEnd, a.valueEnd, b, b.seriesEnd, b.valueEnd)

/** In the dump's order: the samples of a histogram stay together. While it is gone over the dump must be good. @experimental */
export function* samples(dump: Pick<Dump, "families">): Generator<Sample> {
  for (const line of lines(dump)) yield sampleOf(line)
}

/**
 * Values are compared as they are written. Dumps of a service hardly change their lines: while both have the same ones in the same order,
 * nothing is kept; from the first difference on, what is left of the one before is looked up.
 */
export const changesOf = (dump: Pick<Dump, "families">, before: Pick<Dump, "families">): Changes => {
  const changed: Array<Sample> = []
  const old = lines(before)
  let then = old.next()
  let left: Map<string, Line> | undefined
  for (const line of lines(dump)) {
    if (then.done !== true && sameSeries(line, then.value)) {
      if (!sameValue(line, then.value)) changed.push(sampleOf(line))
      then = old.next()
      continue
    }
    if (left === undefined) {
      left = new Map()
      for (; then.done !== true; then = old.next()) left.set(seriesOf(then.value), then.value)
    }
    const series = seriesOf(line)
    const was = left.get(series)
    left.delete(series)
    if (was === undefined || !sameValue(line, was)) changed.push(sampleOf(line, series))
  }
  const went = Array.from(left ?? [], ([series, line]) => sampleOf(line, series))
  for (; then.done !== true; then = old.next()) went.push(sampleOf(then.value))
  return { changed, went }
}
