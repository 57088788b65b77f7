/**
 * RoundReader: the records of a round into its content. Each record is parsed when it comes, by the layout of what its source
 * shows where that helps, so that a large round's work is spread over its chunks. Never throws: what the parser throws, which
 * it never should, is reported and refuses the record.
 */

import type { Known } from "../parse/Layout.ts"
import { type Parsed, parseRound } from "../parse/Parser.ts"
import { type Envelope, isRefused, refusal } from "../rounds/Record.ts"
import type { Round } from "../rounds/Rounds.ts"
import type { Shape } from "../samples/SampleLines.ts"
import { shapeOf } from "../samples/SampleSeries.ts"
import type { Dump, ParseLimits, Refusal, ReservedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { mergeChunks } from "./MergeChunks.ts"

/** One record on its way into a round. */
export interface Part {
  readonly envelope: Envelope
  value: Uint8Array | undefined
  parsed: Parsed | Refusal | undefined
  /** Of samples that are one line, once parsed. */
  shape: Shape | undefined
}

/** What a round holds, and what is known for reading the next one: one a chunk. */
export interface Content {
  readonly dump: Dump
  readonly known: ReadonlyArray<Known | undefined>
  /** Of all chunks; absent where there are none. */
  readonly reserved: ReservedLines | undefined
}

export interface ReaderOptions {
  readonly timestamps: "scrape" | "event"
  readonly sourceLabel: string
  readonly limits: ParseLimits
  readonly allowReservedNames?: boolean
}

export class RoundReader {
  private readonly options: ReaderOptions
  private readonly known: (source: string, chunk: number) => Known | undefined
  private readonly report: (defect: unknown) => void

  /** `known`: of a chunk of what the source shows, from 0. */
  constructor(
    options: ReaderOptions,
    known: (source: string, chunk: number) => Known | undefined,
    report: (defect: unknown) => void
  ) {
    this.options = options
    this.known = known
    this.report = report
  }

  read(round: Round<Part>): Content | Refusal {
    const dumps: Array<Dump> = []
    const known: Array<Known | undefined> = []
    for (const part of round.parts) {
      const parsed = this.parse(part)
      if (!isRefused(parsed)) {
        dumps.push(parsed.dump)
        known.push(parsed.known)
      } else if (round.parts.length === 1) return parsed
      else {
        const { index, count } = part.envelope
        return { ...parsed, detail: `chunk ${index}/${count}: ${parsed.detail}`.slice(0, 200) }
      }
    }
    const dump = mergeChunks(dumps, this.options.limits)
    if (isRefused(dump)) return dump
    return { dump, known: holdsTwice(dump, dumps) ? [] : known, reserved: reservedOf(dumps) }
  }

  /** For later, if ever: a record's bytes are only lent. */
  keep(part: Part): void {
    if (part.value !== undefined) part.value = new Uint8Array(part.value)
  }

  parse(part: Part): Parsed | Refusal {
    if (part.parsed !== undefined) return part.parsed
    const { sourceLabel, limits, timestamps, allowReservedNames = false } = this.options
    const { format, source, labels, time, mode, index } = part.envelope
    const attach = { sourceLabel, source, labels }
    const options = { format, attach, limits, timestamps, time, allowReservedNames }
    const value = part.value!
    try {
      part.parsed = parseRound(value, options, this.known(source, index - 1))
      if (mode === "samples" && !isRefused(part.parsed)) part.shape = shapeOf(value, part.parsed.known, labels)
    } catch (defect) {
      // No input may stop a partition, not even one that finds a fault in the parser. The fault is logged.
      this.report(defect)
      part.parsed = refusal("syntax", "the parser failed on this text; that is a defect of kafka2prom, see its log")
    }
    if (isRefused(part.parsed)) part.parsed = { ...part.parsed, sample: excerpt(value, part.parsed.line) }
    part.value = undefined
    return part.parsed
  }
}

/** The first of them, and how many. */
const reservedOf = (chunks: ReadonlyArray<Dump>): ReservedLines | undefined => {
  let count = 0
  let bytes: Uint8Array | undefined
  for (const { reserved } of chunks) {
    count += reserved?.count ?? 0
    bytes ??= reserved?.bytes
  }
  return bytes === undefined ? undefined : { count, bytes }
}

/** Families that were cut in two are copies: with them a layout would keep the chunks' lines beside the round's. */
const holdsTwice = (round: Dump, chunks: ReadonlyArray<Dump>): boolean => {
  if (chunks.length === 1) return false
  const shared = new Set(chunks.flatMap((chunk) => chunk.families))
  const copied = round.families.reduce((sum, family) => (shared.has(family) ? sum : sum + family.bytes.length), 0)
  return copied * 8 > round.bytes
}
