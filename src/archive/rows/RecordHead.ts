/**
 * RecordHead: what a log record says of its lines: whose they are, when, which labels, and which bytes of which stream. Pure. Every header is
 * optional, and one that does not parse counts as none: a record without any is lines of its key's source.
 */

import { parseSpan, type Span } from "../../Span.ts"
import { type LogRecord, partitionKey, type TopicPartition } from "../../transport/Transport.ts"

export interface RecordHead {
  readonly source: string
  /** A JSON object of texts. */
  readonly labels: string
  /** Ms since the epoch. */
  readonly time: number
  readonly span: Span | undefined
}

/** The last moment that RFC 3339 can say. */
const lastMoment = 253_402_300_799_999

const buffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
const text = (bytes: Uint8Array): string => buffer(bytes).toString()
const latin1 = (bytes: Uint8Array): string => buffer(bytes).toString("latin1")

/** Headers and keys come again and again: what one means is worked out once, for so many. */
const remembered = 4096

const remembering = <A>(read: (text: string) => A) => {
  const known = new Map<string, A>()
  return (bytes: Uint8Array): A => {
    const said = latin1(bytes)
    const meaning = known.get(said)
    if (meaning !== undefined) return meaning
    const fresh = read(text(bytes))
    if (known.size >= remembered) known.clear()
    known.set(said, fresh)
    return fresh
  }
}

const timeOf = (header: Uint8Array | undefined, timestamp: number): number => {
  if (header === undefined) return timestamp
  const digits = text(header)
  const ms = /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN
  return ms <= lastMoment ? ms : timestamp
}

const readLabels = (json: string): string => {
  try {
    const labels: unknown = JSON.parse(json)
    const isObject = typeof labels === "object" && labels !== null && !Array.isArray(labels)
    if (isObject && Object.values(labels).every((value) => typeof value === "string")) return JSON.stringify(labels)
  } catch {
    // As one that is none.
  }
  return "{}"
}

const labelsOf = remembering(readLabels)
const sourceNamed = remembering((id) => id)

/** The key goes before the header: it is what decides about the order of a source's lines. */
const sourceOf = (tp: TopicPartition, { key, headers }: LogRecord): string => {
  if (key !== null && key.length > 0) return sourceNamed(key)
  const header = headers["k2p-source"]
  return header === undefined || header.length === 0 ? `unknown/${partitionKey(tp)}` : text(header)
}

export const headOf = (tp: TopicPartition, record: LogRecord): RecordHead => {
  const { headers, timestamp } = record
  const span = headers["k2p-span"]
  const labels = headers["k2p-labels"]
  return {
    source: sourceOf(tp, record),
    labels: labels === undefined ? "{}" : labelsOf(labels),
    time: timeOf(headers["k2p-time"], timestamp),
    span: span === undefined ? undefined : parseSpan(text(span))
  }
}

/** RFC 3339 in UTC, in quotes; null for a moment that it cannot say. */
export const timeField = (ms: number): string =>
  ms >= 0 && ms <= lastMoment ? `"${new Date(ms).toISOString()}"` : "null"
