/**
 * RoundReader: the records of a round into its content. Those of a snapshot are read when they come, by the pages of what their
 * source shows, so that a large round's work is spread over its chunks; those of samples when their round is whole, by the
 * lines that their source has. Never throws: what the reader throws, which it never should, is reported and refuses the record.
 */
import type { ReadOptions } from "../read/Memory.ts"
import type { Page } from "../read/Page.ts"
import type { Reading } from "../read/Reading.ts"
import { isCutOff, noText, reader, readInSlices, readSnapshot, readSnapshotInSlices } from "../read/Snapshot.ts"
import type { Stamp } from "../rounds/Ages.ts"
import { type Envelope, isRefused, refusal } from "../rounds/Record.ts"
import type { Round } from "../rounds/Rounds.ts"
import { SampleSeries } from "../samples/SampleSeries.ts"
import { SingleLine } from "../samples/SingleLine.ts"
import type { Dump, ParseLimits, Refusal, RefusedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { atOnce } from "../text/Slices.ts"
import { mergingChunks } from "./MergeChunks.ts"

/** One for a thread, as the reader. */
const line = new SingleLine()

/** Of samples that are looked at and thrown away. */
const brought: Stamp = { offset: 0, timestamp: 0, mono: 0, replayed: false }

/** One record on its way into a round. */
export interface Part {
  readonly envelope: Envelope
  value: Uint8Array | undefined
  read: Page | Refusal | undefined
  /** Series that the admission left out of it. */
  readonly left?: RefusedLines | undefined
  /** Of samples, where it was read ahead. */
  readonly reading?: Reading | Refusal | undefined
  /** Of the round that it completes, as far as it was joined ahead. */
  readonly joined?: Joined | undefined
}

/** What pages were joined to. */
export interface Joined {
  readonly pages: ReadonlyArray<Page>
  readonly content: Content | Refusal
}

/** What a round of a snapshot holds, and the pages by which the next one is read: one a chunk. */
export interface Content {
  readonly dump: Dump
  readonly pages: ReadonlyArray<Page>
}

export interface ReaderOptions {
  readonly timestamps: "scrape" | "event"
  readonly sourceLabel: string
  readonly limits: ParseLimits
  readonly allowReservedNames?: boolean
}

export class RoundReader {
  private readonly options: ReaderOptions
  private readonly shown: (source: string, chunk: number) => Page | undefined
  private readonly report: (defect: unknown) => void
  /** Of the text that was read last. */
  private last: ReadOptions

  /** `shown`: the page of a chunk of what the source shows, from 0. */
  constructor(
    options: ReaderOptions,
    shown: (source: string, chunk: number) => Page | undefined,
    report: (defect: unknown) => void
  ) {
    this.options = options
    const { limits, timestamps } = options
    const attach = { sourceLabel: "", source: "", labels: [] }
    this.last = { format: "text", attach, limits, timestamps, time: Number.NaN }
    this.shown = shown
    this.report = report
  }

  /** A whole round of a snapshot. */
  read(round: Round<Part>): Content | Refusal {
    const pages: Array<Page> = []
    for (const part of round.parts) {
      const page = this.readPart(part)
      if (isRefused(page)) return inChunk(page, part)
      pages.push(page)
    }
    const joined = round.parts.find((part) => part.joined !== undefined)?.joined
    if (joined?.pages.length === pages.length && pages.every((page, k) => page === joined.pages[k]))
      return joined.content
    if (pages.length > 1) return atOnce(this.joining(pages))
    return contentOf(pages[0]!.dump, pages)
  }

  /** What a round of these pages holds: joined in slices, the less the fewer families were cut. */
  *joining(pages: ReadonlyArray<Page>): Generator<undefined, Content | Refusal, unknown> {
    const dump = yield* mergingChunks(pages, this.options.limits)
    return isRefused(dump) ? dump : contentOf(dump, pages)
  }

  /** A record of samples, by the lines that its source has; good until the next one is read. */
  readSamples({ envelope, value, read, reading: ahead }: Part, series: SampleSeries | undefined): Reading | Refusal {
    if (ahead !== undefined) return ahead
    if (read !== undefined) return isRefused(read) ? read : refusal("syntax", "samples and a snapshot in one round")
    return this.guarded(value!, () => {
      const reading = reader.read(value!, this.optionsFor(envelope), series?.memory())
      if (!isRefused(reading)) reading.dropReserved()
      return reading
    })
  }

  /** Where the text is one line that its source sent before, with another value: that line, good until the next one is read. */
  readLine(envelope: Envelope, text: Uint8Array, series: SampleSeries): SingleLine | undefined {
    try {
      const known = series.memory()
      return known !== undefined && line.read(text, this.optionsFor(envelope), known) ? line : undefined
    } catch (defect) {
      this.report(defect)
      return undefined
    }
  }

  /** What records of samples that were accepted bring, each on its own. */
  samplesOf(parts: ReadonlyArray<Part>): Dump {
    const series = new SampleSeries()
    for (const { envelope, value } of parts) {
      const reading = this.readSamples({ envelope, value, read: undefined }, series)
      if (!isRefused(reading) && reading.count > 0) series.add(reading, brought)
    }
    return series.dump()
  }

  /** A record that has come, of a round that may not be whole yet: a snapshot's is read now, its bytes are only lent. */
  take(part: Part): void {
    if (part.envelope.mode === "snapshot") this.readPart(part)
    else this.keep(part)
  }

  /** For later, if ever: a record's bytes are only lent. */
  keep(part: Part): void {
    if (part.value !== undefined) part.value = new Uint8Array(part.value)
  }

  /** A large snapshot's page, in slices; nothing is changed by it. */
  *pageAhead(envelope: Envelope, value: Uint8Array): Generator<undefined, Page | Refusal, unknown> {
    const { source, index, number } = envelope
    const options = this.optionsFor(envelope)
    const cut = number === undefined ? undefined : isCutOff(value, options)
    const before = this.shown(source, index - 1)
    return cut ?? (yield* this.guardedSlices(value, readSnapshotInSlices(value, options, before)))
  }

  /** A large record of samples, in slices; without what its source has, which may change meanwhile. */
  *samplesAhead(envelope: Envelope, value: Uint8Array): Generator<undefined, Reading | Refusal, unknown> {
    const reading = yield* this.guardedSlices(value, readInSlices(value, this.optionsFor(envelope), undefined))
    if (!isRefused(reading)) reading.dropReserved()
    return reading
  }

  readPart(part: Part): Page | Refusal {
    if (part.read !== undefined) return part.read
    const { source, index, number } = part.envelope
    const options = this.optionsFor(part.envelope)
    const value = part.value!
    const cut = number === undefined ? undefined : isCutOff(value, options)
    part.read = cut ?? this.guarded(value, () => readSnapshot(value, options, this.shown(source, index - 1)))
    part.value = undefined
    return part.read
  }

  private optionsFor({ format, source, labels, time }: Envelope): ReadOptions {
    const { sourceLabel, limits, timestamps, allowReservedNames = false } = this.options
    const { attach } = this.last
    // A source's lines come one after the other.
    const same = attach.source === source && attach.labels === labels
    if (same && this.last.format === format && this.last.time === time) return this.last
    const labelled = same ? attach : { sourceLabel, source, labels }
    this.last = { format, attach: labelled, limits, timestamps, time, allowReservedNames }
    return this.last
  }

  private guarded<A extends object>(value: Uint8Array, read: () => A | Refusal): A | Refusal {
    try {
      return withSample(read(), value)
    } catch (defect) {
      return this.failed(defect)
    }
  }

  private *guardedSlices<A extends object>(
    value: Uint8Array,
    read: Generator<undefined, A | Refusal, unknown>
  ): Generator<undefined, A | Refusal, unknown> {
    try {
      return withSample(yield* read, value)
    } catch (defect) {
      return this.failed(defect)
    }
  }

  /** No input may stop a partition, not even one that finds a fault in the reader. The fault is logged. */
  private failed(defect: unknown): Refusal {
    this.report(defect)
    return refusal("syntax", "the reader failed on this text; that is a defect of kafka2prom, see its log")
  }
}

const contentOf = (dump: Dump, pages: ReadonlyArray<Page>): Content | Refusal => {
  const nothing = dump.series === 0 ? noText(dump.refused ?? []) : undefined
  return nothing ?? { dump, pages }
}

const withSample = <A extends object>(result: A | Refusal, value: Uint8Array): A | Refusal =>
  isRefused(result) ? { ...result, sample: excerpt(value, result.line) } : result

const inChunk = (why: Refusal, { envelope: { index, count } }: Part): Refusal =>
  count === 1 ? why : { ...why, detail: `chunk ${index}/${count}: ${why.detail}`.slice(0, 200) }
