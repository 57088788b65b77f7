/**
 * Excerpt: the piece of a refused text that an operator is shown (P7): the line that is to blame, or the first one that is
 * not UTF-8, or the first one; one line, bounded. It may come from anyone: whoever prints it escapes it. Pure.
 */
import { isUtf8 } from "node:buffer"

const maxBytes = 200
const LF = 0x0a

/** `line` as in a Refusal: 1-based, 0 where no line is to blame. */
export const excerpt = (value: Uint8Array | null, line: number): string => {
  if (value === null || value.length === 0) return ""
  const whole = line === 0 && !isUtf8(value)
  let start = 0
  for (let at = 1; ; at++) {
    const stop = value.indexOf(LF, start)
    const end = stop < 0 ? value.length : stop
    const wanted = whole ? !isUtf8(value.subarray(start, end)) : at >= line
    if (wanted || stop < 0) return shown(value.subarray(start, end))
    start = stop + 1
  }
}

const shown = (line: Uint8Array): string => {
  const text = Buffer.from(line.subarray(0, maxBytes)).toString("utf8")
  return line.length > maxBytes ? `${text}…` : text
}
