/**
 * Lines: which bytes of the file each line of a record's value covers, and which of them are news. Pure.
 *
 * A value holds whole lines with a line feed between them. A last line feed ends the last line, unless the span says that one more followed. A span
 * may be longer than its value (a line was cut): then nothing says which line covers what, and a value of which a part is news is news as a whole,
 * twice rather than lost.
 */

import type { Span } from "../../Span.ts"
import type { Intervals } from "../memory/Seen.ts"

/** Whether each line's place in the file follows from its place in the value. */
export const isExact = ({ from, to }: Span, bytes: number): boolean => to - from === bytes || to - from === bytes + 1

/** `each` is told where a line begins, and answers where it ended: at its line feed, or at the value's end. */
export const eachLine = (value: Uint8Array, span: Span | undefined, each: (start: number) => number): void => {
  const bytes = value.length
  // Behind a last line feed there is a last line, empty, only where the span covers its end, too.
  const open = span !== undefined && span.to - span.from === bytes + 1
  const last = open || bytes === 0 ? bytes : bytes - 1
  for (let start = 0; start <= last; ) start = each(start) + 1
}

/** Whether the line at these bytes of the value is one of the intervals'. */
export const isNews = (news: Intervals, span: Span, start: number, end: number): boolean => {
  const [from, to] = [span.from + start, span.from + end + 1]
  for (let i = 0; i < news.length; i += 2) if (news[i]! < to && from < news[i + 1]!) return true
  return false
}
