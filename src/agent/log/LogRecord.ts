/** LogRecord: a piece of a stream as the record that the log gets: the source as its key, lines as its value, and in headers what it covers. Pure. */

import { formatSpan } from "../../Span.ts"
import type { OutgoingRecord } from "../../transport/Transport.ts"
import { jobName } from "../SourceName.ts"
import type { Piece } from "./Lines.ts"
import type { Stream } from "./Stream.ts"

/** Of a record beside its value, key and labels: Kafka's own, the headers' names, the span and the time. */
const around = 400

export interface RecordOptions {
  readonly topic: string
  readonly labels: Readonly<Record<string, string>>
}

const labelsOf = ({ source }: Stream, labels: RecordOptions["labels"]): string =>
  JSON.stringify({ job: jobName(source), ...labels })

/** Bytes of a request that a value of the stream cannot have. */
export const overhead = (stream: Stream, { labels }: RecordOptions): number =>
  around + 2 * Buffer.byteLength(stream.source) + Buffer.byteLength(labelsOf(stream, labels))

/** `time`: when it was read, ms since the Unix epoch. */
export const logRecord = (
  stream: Stream,
  { from, to, value }: Piece,
  partition: number,
  time: number,
  { topic, labels }: RecordOptions
): OutgoingRecord => {
  const source = Buffer.from(stream.source)
  return {
    ...{ topic, partition, key: source, value },
    headers: {
      "k2p-source": source,
      "k2p-labels": Buffer.from(labelsOf(stream, labels)),
      "k2p-time": Buffer.from(String(time)),
      "k2p-span": Buffer.from(formatSpan({ stream: stream.stream, from, to }))
    }
  }
}
