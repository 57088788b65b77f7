/**
 * RecordHead: what a log record says of its lines: whose they are, when, which labels, and which bytes of which stream. Pure. Every header is
 * optional, and one that does not parse counts as none: a record without any is lines of its key's source.
 */
import { type LogRecord, partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { parseSpan, type Span } from "./Span.ts"

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

const text = (bytes: Uint8Array): string =>
  (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).toString()

const timeOf = (header: Uint8Array | undefined, timestamp: number): number => {
  if (header === undefined) return timestamp
  const digits = text(header)
  const ms = /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN
  return ms <= lastMoment ? ms : timestamp
}

/** Senders repeat themselves: what a header means is worked out once, of so many. */
const remembered = 1024
const labelsKnown = new Map<string, string>()

const labelsOf = (header: Uint8Array | undefined): string => {
  if (header === undefined) return "{}"
  const json = text(header)
  const known = labelsKnown.get(json)
  if (known !== undefined) return known
  const labels = readLabels(json)
  if (labelsKnown.size >= remembered) labelsKnown.clear()
  labelsKnown.set(json, labels)
  return labels
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

/** The key goes before the header: it is what decides about the order of a source's lines. */
const sourceOf = (tp: TopicPartition, { key, headers }: LogRecord): string => {
  if (key !== null && key.length > 0) return text(key)
  const header = headers["k2p-source"]
  return header === undefined || header.length === 0 ? `unknown/${partitionKey(tp)}` : text(header)
}

export const headOf = (tp: TopicPartition, record: LogRecord): RecordHead => {
  const { headers, timestamp } = record
  const span = headers["k2p-span"]
  return {
    source: sourceOf(tp, record),
    labels: labelsOf(headers["k2p-labels"]),
    time: timeOf(headers["k2p-time"], timestamp),
    span: span === undefined ? undefined : parseSpan(text(span))
  }
}

/** RFC 3339 in UTC, in quotes; null for a moment that it cannot say. */
export const timeField = (ms: number): string =>
  ms >= 0 && ms <= lastMoment ? `"${new Date(ms).toISOString()}"` : "null"
