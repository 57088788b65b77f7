/**
 * Holdings: which bytes of a file are its last dump. Known, not guessed: a file that was replaced or rewritten holds one dump, whatever
 * repeats in it; only one that grew, and whose old bytes still stand, may hold several. Then, where a series of its last dump
 * comes again in what was added, a new dump begins where the file had ended before; where none does, the last dump goes on.
 * Where nothing tells (two dumps at the first sight of a file, or added between two looks) nothing is taken until it is known.
 * In OpenMetrics `# EOF` ends a dump and says all this by itself.
 *
 * A dump is complete when its last line is: `requests 12345` cut to `requests 12` would read as a counter that ran backwards. Pure.
 */
import { hash } from "node:crypto"
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { SeriesSet } from "./Series.ts"

/** Where the last dump of a file was, to know it again: also after a restart. */
export interface Place {
  readonly ino: string
  readonly start: number
  readonly end: number
  /** Of the bytes from start to end. */
  readonly hash: string
  /** The dump begins at `start`; if not, only that these bytes stood there. */
  readonly known: boolean
}

/** Part of a file: the bytes from `offset` to its end. */
export interface Part {
  readonly bytes: Buffer
  readonly offset: number
}

export type Held =
  | { readonly kind: "dump"; readonly start: number; readonly format: InputFormat }
  | { readonly kind: "incomplete"; readonly why: string }
  | { readonly kind: "too-large" }
  | { readonly kind: "unknown"; readonly why: string }
  /** It was rewritten in place: to be read once more, from its beginning, as one that was replaced. */
  | { readonly kind: "rewritten" }

const eof = Buffer.from("# EOF")
const eofLine = Buffer.from("\n# EOF\n")
const newline = 0x0a

export const digest = (bytes: Uint8Array): string => hash("sha1", bytes, "base64")

/** Whether the file may still begin as the place says; if not it was replaced, or rewritten to less. */
const continues = (place: Place, ino: string, size: number): boolean => place.ino === ino && size >= place.end

/** From where on a file must be read to know its last dump: at most two dumps of the largest size. */
export const readFrom = (place: Place | undefined, ino: string, size: number, maxBytes: number): number => {
  const from = place !== undefined && continues(place, ino, size) ? place.start : 0
  // Of more than two dumps only the last one can be had, and only if it says itself where it begins.
  return size - from <= 2 * maxBytes ? from : size - maxBytes
}

/** Where the final `# EOF` begins, or -1 where the text does not end with one. */
const finalEof = (text: Buffer): number => {
  const end = text.length > 0 && text[text.length - 1] === newline ? text.length - 1 : text.length
  const at = end - eof.length
  if (at < 0 || text.compare(eof, 0, eof.length, at, end) !== 0) return -1
  return at === 0 || text[at - 1] === newline ? at : -1
}

/** Where the dump that ends at `end` begins: after the `# EOF` before it; undefined where there is none. */
const afterEarlierEof = (text: Buffer, end: number): number | undefined => {
  const before = end < eofLine.length ? -1 : text.lastIndexOf(eofLine, end - eofLine.length)
  if (before !== -1) return before + eofLine.length
  const first = eofLine.length - 1
  return end >= first && text.compare(eofLine, 1, eofLine.length, 0, first) === 0 ? first : undefined
}

/**
 * What the part shows that was read from where `readFrom` says. Its last dump begins at `start` in the file and ends with it.
 * `place`: undefined where the file is seen for the first time.
 */
export const whatItHolds = (
  part: Part,
  ino: string,
  place: Place | undefined,
  expectEof: boolean,
  maxBytes: number
): Held => {
  const { bytes, offset } = part
  const size = offset + bytes.length
  if (bytes.length === 0) return { kind: "incomplete", why: "it is empty" }
  const goesOn = place !== undefined && continues(place, ino, size)
  const stands = goesOn && offset === place.start && digest(bytes.subarray(0, place.end - offset)) === place.hash
  if (goesOn && offset === place.start && offset > 0 && !stands) return { kind: "rewritten" }
  const dump = (start: number, format: InputFormat): Held =>
    size - start > maxBytes ? { kind: "too-large" } : { kind: "dump", start, format }
  const end = finalEof(bytes)
  if (end !== -1) {
    const start = afterEarlierEof(bytes, end)
    // Without one before it the file's first byte begins it, or it is larger than what was read.
    if (start === undefined && offset > 0 && !(stands && place.known)) return { kind: "too-large" }
    return dump(offset + (start ?? 0), "openmetrics")
  }
  if (bytes[bytes.length - 1] !== newline) return { kind: "incomplete", why: "its last line has no end" }
  if (expectEof || bytes.includes(eofLine)) return { kind: "incomplete", why: "its last dump has no # EOF" }
  if (place === undefined) return atFirstSight(part, dump)
  // Replaced, or rewritten in place.
  if (!goesOn || (offset === place.start && !stands)) return offset === 0 ? dump(0, "text") : { kind: "too-large" }
  return stands ? afterGrowth(part, place, dump, maxBytes) : unknown(tooMuch)
}

const tooMuch = "more was added to it between two looks than a dump may have"

type DumpAt = (start: number, format: InputFormat) => Held

const atFirstSight = ({ bytes, offset }: Part, dump: DumpAt): Held => {
  if (offset > 0) return unknown("it is larger than two dumps may be, and nothing says where its last one begins")
  const repeat = new SeriesSet().add(bytes)
  return repeat === undefined ? dump(0, "text") : unknown(repeats(repeat.series, repeat.line))
}

/** Of a file in which the bytes of the place still stand, and more may follow them. */
const afterGrowth = ({ bytes, offset }: Part, place: Place, dump: DumpAt, maxBytes: number): Held => {
  const length = place.end - place.start
  if (bytes.length === length)
    return place.known
      ? dump(place.start, "text")
      : unknown("nothing was added to it that would say where its last dump begins")
  const [old, added] = [bytes.subarray(0, length), bytes.subarray(length)]
  if (added.length > maxBytes) return unknown(tooMuch)
  const series = new SeriesSet()
  const repeat = series.add(added)
  if (repeat !== undefined)
    return unknown(repeats(repeat.series, repeat.line === 0 || offset > 0 ? 0 : linesIn(old) + repeat.line))
  if (series.meets(old)) return dump(place.end, "text")
  return place.known ? dump(place.start, "text") : unknown("what was added may belong to the dump before it")
}

const unknown = (why: string): Held => ({ kind: "unknown", why })

const repeats = (series: string, line: number): string =>
  `it may hold several dumps, and nothing says where the last one begins: ${series} comes again${line > 0 ? ` in line ${line}` : ""}`

const linesIn = (bytes: Buffer): number => {
  let lines = 0
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) lines++
  return lines
}

/** What is to be remembered of a file that was read, whatever it held. */
export const placeOf = ({ bytes, offset }: Part, ino: string, held: Held, maxBytes: number): Place | undefined => {
  const end = offset + bytes.length
  if (held.kind === "incomplete" || held.kind === "rewritten") return undefined
  const known = held.kind === "dump"
  const start = known ? held.start : Math.max(offset, end - maxBytes)
  return { ino, start, end, hash: digest(bytes.subarray(start - offset)), known }
}
