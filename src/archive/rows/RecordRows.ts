/**
 * RecordRows: from a log record to rows: what of it was not seen before is written, line by line. Pure but for the memory and the writer, which it is
 * given and changes. What becomes of a record depends on the log before it alone, so that all owners make the same rows of it.
 */

import type { Span } from "../../Span.ts"
import type { LogRecord, TopicPartition } from "../../transport/Transport.ts"
import type { Memory } from "../memory/Memory.ts"
import { eachLine, isExact, isNews } from "./Lines.ts"
import { headOf } from "./RecordHead.ts"
import type { RowWriter } from "./RowWriter.ts"

/** What became of a record. `late`: it fills a gap. `repeated`: nothing of it was news. `too-large`: its value was passed over, and is lost. `empty`: it has none. */
export type Outcome = "written" | "late" | "repeated" | "too-large" | "empty"

export interface Rows {
  readonly tp: TopicPartition
  readonly memory: Memory
  readonly writer: RowWriter
}

export const writeRows = ({ tp, memory, writer }: Rows, record: LogRecord): Outcome => {
  const { value, offset } = record
  if (value === null) return record.tooLarge === undefined ? "empty" : "too-large"
  const head = headOf(tp, record)
  const { span } = head
  if (span === undefined) {
    writer.record(head, offset, value)
    eachLine(value, span, (start) => writer.line(value, start, -1))
    return "written"
  }
  const seen = memory.of(span.stream)
  const before = seen.reached
  const news = seen.take(span.from, span.to)
  if (news.length === 0) return "repeated"
  writer.record(head, offset, value)
  const all = !isExact(span, value.length) || covers(news, span)
  eachLine(value, span, (start) => {
    if (all) return writer.line(value, start, span.from + start)
    const feed = value.indexOf(lineFeed, start)
    const end = feed < 0 ? value.length : feed
    return isNews(news, span, start, end) ? writer.line(value, start, span.from + start) : end
  })
  return news[0]! < before ? "late" : "written"
}

const lineFeed = 10

const covers = (news: ReadonlyArray<number>, { from, to }: Span): boolean => news[0] === from && news[1] === to
