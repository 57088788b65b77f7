/**
 * Relabeller: the rules on every series of a dump, on its bytes. Lines that no rule changes stay as they are, and so does a dump of which none is
 * changed; value, timestamp and exemplar stay with their series; a line that is no series stays where it is, for the pods to refuse.
 *
 * Metadata goes by names, as in Prometheus: a series with a new name has what the dump says of that name, if anything, and stands at the
 * end of the dump with others of its name; a family of which no series is left loses its HELP, TYPE and UNIT.
 *
 * What was decided of a source's series is remembered (KnownSeries): a steady dump costs a comparison for each line.
 */
import { readStatement } from "../read/Statement.ts"
import { defaultParseLimits, type InputFormat } from "../text/Dump.ts"
import { HASH, LF, skipBlanks } from "../text/Syntax.ts"
import { Families } from "./Families.ts"
import { KnownSeries, type MemoryShare } from "./KnownSeries.ts"
import type { RelabelRule } from "./RelabelRule.ts"
import { type Edit, nothing, rewritten } from "./Rewriting.ts"
import { SeriesReader, seriesEnd } from "./SeriesReader.ts"
import { type Verdict, verdictOn } from "./Verdict.ts"

export interface Relabelled {
  readonly text: Uint8Array
  /** Series left out by a rule, and those that were left without a name. */
  readonly dropped: number
  readonly nameless: number
}

/** Bytes of what is remembered of all sources. */
const memoryBytes = 64 * 1024 * 1024

/** What is behind a series is short: a call of indexOf would cost more. */
const lineEnd = (b: Uint8Array, from: number): number => {
  let i = from
  while (i < b.length && b[i] !== LF) i++
  return i < b.length ? i + 1 : i
}

export class Relabeller {
  private readonly rules: ReadonlyArray<RelabelRule>
  private readonly reader = new SeriesReader()
  private readonly share: MemoryShare = { limit: memoryBytes, bytes: 0 }
  private readonly sources = new Map<string, KnownSeries>()

  constructor(rules: ReadonlyArray<RelabelRule>) {
    this.rules = rules
  }

  relabel(source: string, text: Uint8Array, format: InputFormat): Relabelled {
    const known = this.sources.get(source) ?? new KnownSeries(this.share)
    this.sources.set(source, known)
    known.begin()
    const families = new Families()
    const edits: Array<Edit> = []
    /** Lines by their new name. */
    const moved = new Map<string, Array<Edit>>()
    let dropped = 0
    let nameless = 0
    let eof = text.length
    for (let at = 0; at < text.length; ) {
      const from = skipBlanks(text, at)
      if (text[from] === HASH) {
        const end = lineEnd(text, from)
        const stop = text[end - 1] === LF ? end - 1 : end
        const statement = readStatement(text, from, stop, format, defaultParseLimits)
        if (statement !== undefined && "name" in statement) families.state(statement.name, at, end)
        else if (statement?.kind === "EOF") eof = Math.min(eof, at)
        at = end
        continue
      }
      let verdict = known.expected(text, from)
      const stop = verdict === undefined ? seriesEnd(text, from) : known.end
      if (verdict === undefined && stop >= 0)
        verdict = known.find(text, from, stop, () => this.decide(text.subarray(from, stop)))
      const end = lineEnd(text, Math.max(from, stop))
      if (verdict !== undefined) {
        families.had(verdict.name)
        if (verdict.kind === "same") families.keeps(verdict.name)
        else if (verdict.kind === "dropped") {
          edits.push({ start: at, end, text: nothing })
          if (verdict.why === "rule") dropped++
          else nameless++
        } else {
          families.keeps(verdict.newName)
          const rest = skipBlanks(text, stop)
          if (verdict.newName === verdict.name) edits.push({ start: at, end: rest, text: verdict.text })
          else {
            edits.push({ start: at, end, text: nothing })
            const lines = moved.get(verdict.newName)
            const line = { start: rest, end, text: verdict.text }
            if (lines === undefined) moved.set(verdict.newName, [line])
            else lines.push(line)
          }
        }
      }
      at = end
    }
    known.finish()
    if (edits.length === 0) return { text, dropped, nameless }
    for (const { start, end } of families.empty()) edits.push({ start, end, text: nothing })
    edits.sort((a, b) => a.start - b.start)
    return { text: rewritten(text, edits, eof, [...moved.values()].flat()), dropped, nameless }
  }

  /** The source has left. */
  forget(source: string): void {
    this.sources.get(source)?.clear()
    this.sources.delete(source)
  }

  private decide(line: Uint8Array): Verdict | undefined {
    const series = this.reader.read(line)
    return series === undefined ? undefined : verdictOn(this.rules, series)
  }
}
