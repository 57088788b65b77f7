/**
 * Relabeller: a rule on every series of a dump, on its bytes. Lines that it does not change stay as they are, and so does a dump of which none is
 * changed; value, timestamp and exemplar stay with their series; a line that is no series stays where it is, for the pods to refuse.
 *
 * Metadata goes by names, as in Prometheus: a series with a new name has what the dump says of that name, if anything, and stands at the
 * end of the dump with others of its name; a family of which no series is left loses its HELP, TYPE and UNIT.
 *
 * What was decided of a source's series is remembered (KnownSeries): a steady dump costs a comparison for each line.
 */
import { readStatement } from "../read/Statement.ts"
import { defaultParseLimits, type InputFormat, type ParseLimits } from "../text/Dump.ts"
import { atOnce } from "../text/Slices.ts"
import { HASH, LF, skipBlanks } from "../text/Syntax.ts"
import { Families } from "./Families.ts"
import { KnownSeries, type MemoryShare } from "./KnownSeries.ts"
import { type Edit, nothing, rewritten } from "./Rewriting.ts"
import { SeriesReader, seriesEnd } from "./SeriesReader.ts"
import { type Attached, nothingAttached, type SeriesRule, type Verdict, verdictOn } from "./Verdict.ts"

export interface Relabelled {
  readonly text: Uint8Array
  /** Series left out by the rule, and those that were left without a name. */
  readonly dropped: number
  readonly nameless: number
  /** Where the first of them begins, -1 where there is none. */
  readonly first: number
}

/** Bytes of what is remembered of all sources. */
export const relabelMemory = 64 * 1024 * 1024

/** New ones take up to 50 ms. */
const sliceBytes = 128 * 1024

/** Of one source. */
interface Remembered {
  readonly series: KnownSeries
  /** What was attached. */
  readonly labels: Attached["labels"]
}

/** What is behind a series is short: a call of indexOf would cost more. */
const lineEnd = (b: Uint8Array, from: number): number => {
  let i = from
  while (i < b.length && b[i] !== LF) i++
  return i < b.length ? i + 1 : i
}

export class Relabeller {
  private readonly rule: SeriesRule
  private readonly limits: ParseLimits
  private readonly reader: SeriesReader
  private readonly share: MemoryShare
  private readonly maxSources: number
  /** Which came last stands last. */
  private readonly sources = new Map<string, Remembered>()

  /** `limits`: of what is no series by them the rule sees nothing. Of more than `maxSources` those that were silent for longest are forgotten. */
  constructor(
    rule: SeriesRule,
    limits = defaultParseLimits,
    share: MemoryShare = { limit: relabelMemory, bytes: 0 },
    maxSources = Number.POSITIVE_INFINITY
  ) {
    this.rule = rule
    this.limits = limits
    this.reader = new SeriesReader(limits)
    this.share = share
    this.maxSources = maxSources
  }

  /** `isPiece`: of what the source sends, as single lines are; else all that it has. `attached`: its labels are the same object while they are the same, or what is remembered is of no use. */
  relabel(
    source: string,
    text: Uint8Array,
    format: InputFormat,
    attached = nothingAttached,
    isPiece = false
  ): Relabelled {
    return atOnce(this.relabelInSlices(source, text, format, attached, isPiece, text.length))
  }

  /** The same, so many bytes at a time: others have their turns at each `undefined`, but for texts of this Relabeller. */
  *relabelInSlices(
    source: string,
    text: Uint8Array,
    format: InputFormat,
    attached: Attached,
    isPiece: boolean,
    bytes = sliceBytes
  ): Generator<undefined, Relabelled, unknown> {
    const known = this.knownOf(source, attached)
    known.begin(isPiece)
    const families = new Families()
    const edits: Array<Edit> = []
    /** Lines by their new name. */
    const moved = new Map<string, Array<Edit>>()
    let dropped = 0
    let nameless = 0
    let first = -1
    let eof = text.length
    let pause = bytes
    for (let at = 0; at < text.length; ) {
      if (at >= pause) {
        pause = at + bytes
        yield
      }
      const from = skipBlanks(text, at)
      if (text[from] === HASH) {
        const end = lineEnd(text, from)
        const stop = text[end - 1] === LF ? end - 1 : end
        const statement = readStatement(text, from, stop, format, this.limits)
        if (statement !== undefined && "name" in statement) families.state(statement.name, at, end)
        else if (statement?.kind === "EOF") eof = Math.min(eof, at)
        at = end
        continue
      }
      let verdict = known.expected(text, from)
      const stop = verdict === undefined ? seriesEnd(text, from, this.limits) : known.end
      if (verdict === undefined && stop >= 0)
        verdict = known.find(text, from, stop, () => this.decide(text.subarray(from, stop), attached))
      const end = lineEnd(text, Math.max(from, stop))
      if (verdict !== undefined) {
        families.had(verdict.name)
        if (verdict.kind === "same") families.keeps(verdict.name)
        else if (verdict.kind === "dropped") {
          edits.push({ start: at, end, text: nothing })
          if (first < 0) first = at
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
    if (edits.length === 0) return { text, dropped, nameless, first }
    for (const { start, end } of families.empty()) edits.push({ start, end, text: nothing })
    edits.sort((a, b) => a.start - b.start)
    return { text: rewritten(text, edits, eof, [...moved.values()].flat()), dropped, nameless, first }
  }

  /** The source has left. */
  forget(source: string): void {
    this.sources.get(source)?.series.clear()
    this.sources.delete(source)
  }

  /** All have. */
  clear(): void {
    for (const source of [...this.sources.keys()]) this.forget(source)
  }

  private knownOf(source: string, attached: Attached): KnownSeries {
    const { sources } = this
    if (sources.get(source)?.labels !== attached.labels) this.forget(source)
    const remembered = sources.get(source) ?? { series: new KnownSeries(this.share), labels: attached.labels }
    sources.delete(source)
    sources.set(source, remembered)
    if (sources.size > this.maxSources) this.forget(sources.keys().next().value!)
    return remembered.series
  }

  private decide(line: Uint8Array, attached: Attached): Verdict | undefined {
    const series = this.reader.read(line)
    return series === undefined ? undefined : verdictOn(this.rule, series, attached)
  }
}
