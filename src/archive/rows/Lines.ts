/**
 * Lines: where the lines of a record's value begin and end, which bytes of the file each covers, and which of them are news. Pure.
 *
 * A value holds whole lines with a line feed between them. A last line feed ends the last line, unless the span says that one more followed. A span
 * may be longer than its value (a line was cut): then nothing says which line covers what, and a value of which a part is news is news as a whole,
 * twice rather than lost.
 */

import type { Span } from "../../Span.ts"
import type { Intervals } from "../memory/Seen.ts"

const lineFeed = 10

/** Whether each line's place in the file follows from its place in the value. */
export const isExact = ({ from, to }: Span, bytes: number): boolean => to - from === bytes || to - from === bytes + 1

/** `each` is told of every line its bytes in the value, without its line feed. */
export const eachLine = (
  value: Uint8Array,
  span: Span | undefined,
  each: (start: number, end: number) => void
): void => {
  const bytes = value.length
  // Behind a last line feed there is a last line, empty, only where the span covers its end, too.
  const open = span !== undefined && span.to - span.from === bytes + 1
  let start = 0
  for (;;) {
    const end = value.indexOf(lineFeed, start)
    if (end < 0) break
    each(start, end)
    start = end + 1
  }
  if (start < bytes || open || bytes === 0) each(start, bytes)
}

/** Whether the line at these bytes of the value is one of the intervals'. */
export const isNews = (news: Intervals, span: Span, start: number, end: number): boolean => {
  const [from, to] = [span.from + start, span.from + end + 1]
  for (let i = 0; i < news.length; i += 2) if (news[i]! < to && from < news[i + 1]!) return true
  return false
}
