/**
 * DumpText: finds the last complete dump in a file's bytes. Pure.
 *
 * A file may hold one dump, or several that a service appended one after the other; only the last one counts. In OpenMetrics
 * a dump ends with `# EOF`. In text 0.0.4 nothing marks the end: a dump begins where the first family's line comes again
 * (no line's family or series may come twice in one dump), and it is complete when its last line is. A cut last line is never
 * taken: `requests 12345` cut to `requests 12` would read as a counter that ran backwards.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"

export type Found =
  | { readonly kind: "dump"; readonly text: Uint8Array; readonly format: InputFormat }
  | { readonly kind: "incomplete"; readonly why: string }
  | { readonly kind: "too-large" }

export interface FileBytes {
  /** The file's first bytes; the whole file where it is small enough. */
  readonly head: Buffer
  /** The file's last bytes; the same bytes as `head` where that is the whole file. */
  readonly tail: Buffer
  readonly whole: boolean
  /** The file held OpenMetrics before: without an `# EOF` it is being written. */
  readonly expectEof: boolean
}

const eof = Buffer.from("# EOF")
const eofLine = Buffer.from("\n# EOF\n")
const newline = 0x0a
const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x09 || byte === newline || byte === 0x0d

/** Where the final `# EOF` begins, or -1 where the text does not end with one. */
const finalEof = (text: Buffer): number => {
  const end = text.length > 0 && text[text.length - 1] === newline ? text.length - 1 : text.length
  const at = end - eof.length
  if (at < 0 || text.compare(eof, 0, eof.length, at, end) !== 0) return -1
  return at === 0 || text[at - 1] === newline ? at : -1
}

/** Where the dump that ends at `end` begins: after the `# EOF` before it, or at 0. */
const afterEarlierEof = (text: Buffer, end: number): number => {
  const before = end < eofLine.length ? -1 : text.lastIndexOf(eofLine, end - eofLine.length)
  if (before !== -1) return before + eofLine.length
  const first = eofLine.length - 1
  return end >= first && text.compare(eofLine, 1, eofLine.length, 0, first) === 0 ? first : 0
}

/** The end of `name` or `name{…}`: a series without its value. */
const seriesEnd = (line: Buffer): number => {
  let quoted = false
  let braces = false
  for (let i = 0; i < line.length; i++) {
    const byte = line[i]
    if (quoted) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) quoted = false
    } else if (byte === 0x22) quoted = true
    else if (byte === 0x7b) braces = true
    else if (byte === 0x7d) return i + 1
    else if (!braces && isBlank(byte)) return i
  }
  return line.length
}

/** What a dump's first line says that no later line of it may say again: `# HELP name`, `# TYPE name`, or a series. */
const firstKey = (head: Buffer): Buffer | null => {
  for (let start = 0; start < head.length; ) {
    const end = head.indexOf(newline, start)
    if (end === -1) return null
    const line = head.subarray(start, end)
    start = end + 1
    if (line.length === 0 || line.every(isBlank)) continue
    if (line[0] !== 0x23) return line.subarray(0, seriesEnd(line))
    const words = /^# (?:HELP|TYPE) [^\s]+/.exec(line.toString("latin1"))
    if (words !== null) return line.subarray(0, words[0].length)
  }
  return null
}

/** Where the last line that begins with the key starts, or -1. */
const lastLine = (text: Buffer, key: Buffer): number => {
  const needle = Buffer.concat([Buffer.from("\n"), key])
  for (let from = text.length; from >= 0; ) {
    const at = text.lastIndexOf(needle, from)
    if (at === -1) return -1
    if (isBlank(text[at + needle.length])) return at + 1
    from = at - 1
  }
  return -1
}

export const lastDump = ({ head, tail, whole, expectEof }: FileBytes): Found => {
  if (tail.length === 0) return { kind: "incomplete", why: "it is empty" }
  const end = finalEof(tail)
  if (end !== -1) {
    const start = afterEarlierEof(tail, end)
    if (start === 0 && !whole) return { kind: "too-large" }
    return { kind: "dump", text: tail.subarray(start), format: "openmetrics" }
  }
  if (tail[tail.length - 1] !== newline) return { kind: "incomplete", why: "its last line has no end" }
  if (expectEof || tail.includes(eofLine)) return { kind: "incomplete", why: "its last dump has no # EOF" }
  const key = firstKey(head)
  const start = key === null ? -1 : lastLine(tail, key)
  if (start === -1 && !whole) return { kind: "too-large" }
  return { kind: "dump", text: start === -1 ? tail : tail.subarray(start), format: "text" }
}
