/**
 * DumpAdvice: what a site does about a dump of which pods would not show all: the causes that sites really have, told by the
 * text's first bytes and by the lines that are refused. Pure. It never decides whether anything is refused.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"

interface RefusedText {
  readonly reason: string
  /** The line, cut. */
  readonly text: string
}

interface Look {
  /** The text's first bytes, one character each. */
  readonly head: string
  readonly format: InputFormat
  readonly has: (reason: string) => boolean
  readonly some: (pattern: RegExp) => boolean
  readonly none: boolean
}

/** Bytes of the text that are looked at. */
const HEAD = 4096

/** `refused`: the first line of each reason. Undefined where the reader's own words are all there is to say. */
export const adviceFor = (
  text: Uint8Array,
  format: InputFormat,
  refused: ReadonlyArray<RefusedText>
): string | undefined => {
  const look: Look = {
    head: Buffer.from(text.buffer, text.byteOffset, Math.min(text.length, HEAD)).toString("latin1"),
    format,
    has: (reason) => refused.some((line) => line.reason === reason),
    some: (pattern) => refused.some((line) => pattern.test(line.text)),
    none: refused.length === 0
  }
  return causes.find(([applies]) => applies(look))?.[1]
}

/** The first that applies is told: those that spoil everything come first. */
const causes: ReadonlyArray<readonly [applies: (look: Look) => boolean, advice: string]> = [
  [({ head }) => head === "", "the file is empty: the service has written nothing yet, or writes elsewhere"],
  [
    ({ head }) => isUtf16(head),
    "this is UTF-16, as Windows tools write text: have it written as UTF-8 without a byte order mark, lines ended by LF alone"
  ],
  [
    ({ head }) => head.startsWith("\xef\xbb\xbf"),
    "the text begins with a byte order mark, which costs its first line: have it written as UTF-8 without one, lines ended by LF alone"
  ],
  [({ head }) => head.startsWith("\x1f\x8b"), "this is gzip: write plain text, the agent compresses what it sends"],
  [
    ({ head }) => head.startsWith("\0"),
    "the file begins with NUL bytes, as after a copytruncate of logrotate: take the file out of logrotate; a dump is written anew each time and does not grow"
  ],
  [
    ({ head }) => /^\s*<(?:!doctype|html|head|body|\?xml)/i.test(head),
    "this is a web page: whatever fetched it was answered by a login, a proxy or an error; look at its address, and give curl --fail"
  ],
  [
    ({ head }) => /^\s*[[{]\s*(?:"(?:[^"\\]|\\.)*"\s*:|[[{])/.test(head),
    "this is JSON: ask the service for Prometheus' text format or for OpenMetrics"
  ],
  [
    ({ head, none }) => !none && endsLinesInCrLf(head),
    "its lines end in CR LF, as on Windows: have them end in LF alone"
  ],
  [
    ({ format, has }) => format === "openmetrics" && has("no-eof"),
    "OpenMetrics ends with the line # EOF: the service was still writing, or stopped half way; have it write under another name and rename the file"
  ],
  [
    ({ head, format, some, none }) => format === "text" && !none && (some(/[ \t]# ?\{/) || openMetricsOnly.test(head)),
    "this is OpenMetrics (nothing else has exemplars, UNIT, or types like info) without its last line # EOF: write that line, or ask the service for the plain text format"
  ],
  [
    ({ none }) => none,
    "there is no sample in it, only comments or blank lines: has the service registered any metric?"
  ],
  [
    ({ has }) => has("duplicate-series"),
    "a series is there twice: two registries or two workers in one file, or a dump behind an older one; write each dump anew, to a file of its own, and rename it into place"
  ],
  [
    ({ has }) => has("timestamp"),
    "timestamps are whole milliseconds in the text format and seconds in OpenMetrics; better have none: the time of the dump counts"
  ],
  [({ has }) => has("not-utf8"), "have it written as UTF-8"],
  [
    ({ has }) => has("too-large") || has("too-many-series"),
    "make the dump smaller, or ask whoever runs the pods for other limits (kafka2prom serve --help)"
  ],
  [({ has }) => has("reserved-name"), "rename these metrics; Prometheus writes series of such names itself"]
]

const openMetricsOnly = /^# (?:UNIT |TYPE \S+ (?:info|stateset|gaugehistogram)[ \t\r]*$)/m

/** By its byte order mark, or by the zeros of plain ASCII. */
const isUtf16 = (head: string): boolean =>
  /^(?:\xff\xfe|\xfe\xff)/.test(head) || /^(?:[^\0]\0){4}/.test(head) || /^(?:\0[^\0]){4}/.test(head)

const endsLinesInCrLf = (head: string): boolean => {
  const lines = head.split("\n")
  return lines.length > 1 && lines.slice(0, -1).every((line) => line.endsWith("\r"))
}
