/**
 * ReadAhead: what becomes of the text of a large record, and of the chunks of a large round, found out before the record is taken, a slice at
 * a time: others have their turns meanwhile. Small ones are not its business.
 *
 * It decides nothing and changes nothing that can be seen: what it finds is what taking the record would find, by the text and the options
 * alone, and taking the record stays one step. So whatever happens meanwhile is as if it had happened before the record came, and whoever
 * stops half way leaves nothing behind. What does not fit any more when the record is taken is found out again. The record's bytes have to
 * stay, and nobody else may take records of the partition.
 */
import type { LogRecord, TopicPartition } from "../../transport/Transport.ts"
import type { Gate, Passed } from "../admission/Gate.ts"
import type { Page } from "../read/Page.ts"
import type { Reading } from "../read/Reading.ts"
import { type Envelope, isRefused, readEnvelope } from "../rounds/Record.ts"
import type { Rounds } from "../rounds/Rounds.ts"
import type { Refusal } from "../text/Dump.ts"
import { LF } from "../text/Syntax.ts"
import type { Joined, Part, RoundReader } from "./RoundReader.ts"

/** Bytes of a text, or of a round's content, that are worked off in one turn, and lines of a text, about. */
const largeBytes = 1024 * 1024
const manyLines = 16 * 1024
/** Less may have as many lines as it likes. */
const leastBytes = 128 * 1024
/** Of a text so many places are looked at, each of so many bytes. */
const places = 4
const placeBytes = 2048
const golden = (Math.sqrt(5) - 1) / 2

export interface Ahead {
  /** What the admission let by. */
  readonly passed?: Passed
  /** Of a snapshot's record. */
  readonly page?: Page | Refusal | undefined
  /** Of samples. */
  readonly reading?: Reading | Refusal
  /** Of the round that the record completes. */
  readonly joined?: Joined
}

/** Never read: what passes has a text. */
const nothing = new Uint8Array(0)

export const nothingAhead: Ahead = {}

export type AheadWork = Generator<undefined, Ahead, unknown>

export class ReadAhead {
  private readonly tp: TopicPartition
  private readonly sourceLabel: string
  private readonly reader: RoundReader
  private readonly rounds: Pick<Rounds<Part>, "completedBy">
  private readonly gate: Gate | undefined

  constructor(
    tp: TopicPartition,
    sourceLabel: string,
    reader: RoundReader,
    rounds: Pick<Rounds<Part>, "completedBy">,
    gate?: Gate
  ) {
    this.tp = tp
    this.sourceLabel = sourceLabel
    this.reader = reader
    this.rounds = rounds
    this.gate = gate
  }

  /** The work that is to be done before the record is taken; undefined where there is none. */
  of(record: LogRecord): AheadWork | undefined {
    const { value, headers } = record
    if (value === null || (value.length <= leastBytes && headers["k2p-chunk"] === undefined)) return undefined
    const large = isLarge(value, record.offset)
    if (!large && headers["k2p-chunk"] === undefined) return undefined
    const envelope = readEnvelope(record, this.tp, this.sourceLabel)
    if (isRefused(envelope) || envelope.unread !== undefined || record.tooLarge !== undefined) return undefined
    const parts = envelope.count > 1 ? this.rounds.completedBy(envelope) : undefined
    const joins = parts !== undefined && holdMuch(parts)
    if (!joins && (!large || (envelope.mode === "samples" && envelope.count > 1))) return undefined
    return this.work(envelope, value, large, joins ? parts : undefined)
  }

  private *work(
    said: Envelope,
    text: Uint8Array,
    large: boolean,
    parts: ReadonlyArray<Part | undefined> | undefined
  ): AheadWork {
    const passed = this.gate === undefined ? undefined : yield* this.gate.passInSlices(said, text)
    const { envelope, value = nothing } = passed ?? { envelope: said, value: text }
    if (passed?.why !== undefined) return { passed }
    if (passed !== undefined) yield
    const found =
      parts !== undefined
        ? this.join(envelope, value, large, parts)
        : envelope.mode === "snapshot"
          ? this.page(envelope, value)
          : this.samples(envelope, value)
    return { ...(yield* found), ...(passed === undefined ? {} : { passed }) }
  }

  private *page(envelope: Envelope, value: Uint8Array): AheadWork {
    return { page: yield* this.reader.pageAhead(envelope, value) }
  }

  private *samples(envelope: Envelope, value: Uint8Array): AheadWork {
    return { reading: yield* this.reader.samplesAhead(envelope, value) }
  }

  private *join(
    envelope: Envelope,
    value: Uint8Array,
    large: boolean,
    parts: ReadonlyArray<Part | undefined>
  ): AheadWork {
    const own: Part = { envelope, value, read: undefined }
    const page = large ? yield* this.reader.pageAhead(envelope, value) : this.reader.readPart(own)
    const pages: Array<Page> = []
    for (const part of parts) {
      const read = part === undefined ? page : this.reader.readPart(part)
      if (isRefused(read)) return { page }
      pages.push(read)
      yield
    }
    return { page, joined: { pages, content: yield* this.reader.joining(pages) } }
  }
}

/** More than is worked off in one turn; by its lines where they are so short that there are many, as far as some places tell. */
const isLarge = (value: Uint8Array, offset: number): boolean => {
  const { length } = value
  if (length <= leastBytes || length > largeBytes) return length > largeBytes
  // Other places in each record: whoever sends it does not know where.
  const shift = (offset * golden) % 1
  let lines = 0
  for (let k = 0; k < places; k++) {
    const from = Math.floor(((k + shift) * (length - placeBytes)) / places)
    for (let at = from - 1; at < from + placeBytes; lines++) {
      at = value.indexOf(LF, at + 1)
      if (at < 0) break
    }
  }
  return lines * length > manyLines * places * placeBytes
}

/** Chunks of a snapshot that hold more than is joined in one turn. */
const holdMuch = (parts: ReadonlyArray<Part | undefined>): boolean => {
  let bytes = 0
  for (const part of parts) {
    if (part === undefined) continue
    const { envelope, value, read } = part
    if (envelope.mode !== "snapshot") return false
    bytes += read === undefined ? (value?.length ?? 0) : isRefused(read) ? 0 : read.dump.bytes
  }
  return bytes > largeBytes
}
