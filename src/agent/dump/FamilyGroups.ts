/**
 * FamilyGroups: which lines of a dump may belong to one family, found from their names alone: `foo`, `foo_bucket` and `foo_total` are of
 * one group, with the HELP, TYPE and UNIT of each, wherever in the dump they stand. What a pod makes of a line depends on lines of its
 * group and no others, so a group may be read apart from the rest. Plain comments, and metadata that says nothing, stay with the line
 * before them. Pure; the time is in proportion to the text.
 */
import { readStatement } from "../../metrics/read/Statement.ts"
import { defaultParseLimits, type InputFormat } from "../../metrics/text/Dump.ts"
import {
  ascii,
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  continuesMetricName,
  decode,
  EQUALS,
  HASH,
  isText,
  LF,
  QUOTE,
  skipBlanks,
  unescapeValue
} from "../../metrics/text/Syntax.ts"

export interface Group {
  /** Where its lines begin and end, in the dump's order: whole lines. */
  readonly ranges: Array<{ readonly start: number; readonly end: number }>
  bytes: number
}

/** One line with its line feed. */
export interface Line {
  readonly start: number
  readonly end: number
  /** Of a metric; undefined where the line says nothing of one. */
  readonly name: string | undefined
  readonly isStatement: boolean
}

/** What a family's name has more than the group's, in any order (see metrics/read/Families). */
const suffixes = /(?:_bucket|_sum|_count|_created|_gsum|_gcount|_total|_info)+$/

export const groupsOf = (text: Buffer, format: InputFormat): ReadonlyArray<Group> => {
  const byStem = new Map<string, Group>()
  const byName = new Map<string, Group>()
  const groupOf = (name: string): Group => {
    const known = byName.get(name)
    if (known !== undefined) return known
    const stem = name.replace(suffixes, "")
    const group = byStem.get(stem) ?? { ranges: [], bytes: 0 }
    byStem.set(stem, group)
    byName.set(name, group)
    return group
  }
  let name: string | undefined
  let group: Group | undefined
  let start = 0
  const close = (end: number): void => {
    if (start === end) return
    group ??= groupOf("")
    group.ranges.push({ start, end })
    group.bytes += end - start
    start = end
  }
  for (const line of linesOf(text, 0, text.length, format)) {
    if (line.name === undefined || line.name === name) continue
    name = line.name
    const next = groupOf(name)
    if (next === group) continue
    if (group !== undefined) close(line.start)
    group = next
  }
  close(text.length)
  return [...byStem.values()]
}

export function* linesOf(text: Buffer, from: number, to: number, format: InputFormat): Generator<Line> {
  let before = ""
  const spanning = new Spanning(text)
  for (let start = from; start < to; ) {
    const feed = text.indexOf(LF, start)
    let end = feed === -1 ? to : feed + 1
    const at = skipBlanks(text, start)
    const byte = text[at]
    if (at >= end || byte === LF) yield { start, end, name: undefined, isStatement: false }
    else if (byte === HASH) {
      const statement = readStatement(text, at, text[end - 1] === LF ? end - 1 : end, format, defaultParseLimits)
      const name = statement !== undefined && "name" in statement ? statement.name : undefined
      yield { start, end, name, isStatement: name !== undefined }
    } else {
      let stop = at
      while (stop < end && continuesMetricName(text[stop]!)) stop++
      const name =
        byte === BRACE_OPEN
          ? nameInQuotes(text, at, end)
          : isText(text, at, stop, before)
            ? before
            : ascii(text, at, stop)
      before = name
      if (format === "text" && spanning.mayGoOn(at, end)) end = Math.min(to, spanning.endOf(at, end))
      yield { start, end, name, isStatement: false }
    }
    start = end
  }
}

const string = String.raw`"((?:[^"\\]|\\[^])*)"`
const label = String.raw`(?:[a-zA-Z_]\w*|${string})\s*=\s*${string}\s*,?\s*`
const quotedName = new RegExp(String.raw`^\{\s*(?:${label})*${string}`)

/** Of `{a="b", "my.metric"} 1`: the one that is neither a label's name nor its value. */
const nameInQuotes = (text: Buffer, at: number, end: number): string => {
  const line = decode(text, at, Math.min(end, at + 2 * defaultParseLimits.maxLabelValue))
  return unescapeValue(quotedName.exec(line)?.at(-1) ?? "")
}

/** Samples of text 0.0.4 whose label values hold line feeds as they are: a line is not to be cut there. */
class Spanning {
  private readonly text: Buffer
  /** Bytes that were walked over for nothing: there is an end to that. */
  private wasted = 0

  constructor(text: Buffer) {
    this.text = text
  }

  /** The last quote of the line follows an equals sign: it opens a value, or closes one that ends with such a sign. */
  mayGoOn(at: number, end: number): boolean {
    const { text } = this
    let i = end - 1
    while (i > at && text[i] !== QUOTE) i--
    if (i <= at) return false
    do i--
    while (text[i] === 0x20)
    return text[i] === EQUALS
  }

  /** Where the sample ends that begins at `at`; `end`, the end of its first line, where it is none that goes on. */
  endOf(at: number, end: number): number {
    const { text } = this
    const limit = Math.min(text.length, at + defaultParseLimits.maxLabelValue)
    if (this.wasted > 4 * text.length) return end
    let last = 0
    for (let i = at; i < limit; i++) {
      const byte = text[i]!
      if (byte === LF) return i + 1
      if (byte === QUOTE) {
        if (last !== EQUALS && last !== COMMA && last !== BRACE_OPEN) return this.waste(i - at, end)
        i++
        while (i < limit && text[i] !== QUOTE) i += text[i] === BACKSLASH ? 2 : 1
        const next = text[skipBlanks(text, i + 1)]!
        if (next !== COMMA && next !== BRACE_CLOSE && next !== EQUALS && next !== QUOTE) return this.waste(i - at, end)
      }
      if (byte !== 0x20) last = byte
    }
    return this.waste(limit - at, end)
  }

  private waste(bytes: number, end: number): number {
    this.wasted += bytes
    return end
  }
}
