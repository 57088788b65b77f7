/**
 * MergeChunks: the pages of a round's chunks into the dump of the round. Pure.
 *
 * Each chunk is an exposition by itself; a family that was cut in two has its metadata in both. A series in two chunks is shown
 * from the first; chunks that call a family by two types make it one of unknown type. A histogram or summary that was cut
 * may have a metric's lines on both sides, so OpenMetrics shows it as of unknown type (see JoinedFamilies). Only the limits refuse a
 * round. Where families were cut the records of their lines are looked at, and the lines where hashes are equal: that is sliced.
 */
import { FIELDS, HASH, NAME } from "../read/LineRecord.ts"
import { Names } from "../read/Names.ts"
import type { Page } from "../read/Page.ts"
import { refusal } from "../rounds/Record.ts"
import type { Dump, ParseLimits, Refusal, RefusedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { endOfLabels, endOfName } from "../text/Line.ts"
import { floatLabelsOf, seriesKey } from "../text/Series.ts"
import { SeriesTable } from "../text/SeriesTable.ts"
import { Slices } from "../text/Slices.ts"
import { sameBytes } from "../text/Syntax.ts"
import { ChunkFamilies, firstFrom, JoinedFamilies } from "./JoinedFamilies.ts"

export function* mergingChunks(
  pages: ReadonlyArray<Page>,
  limits: ParseLimits
): Generator<undefined, Dump | Refusal, unknown> {
  let series = 0
  let bytes = 0
  for (const { dump } of pages) {
    series += dump.series
    bytes += dump.bytes
  }
  if (series > limits.maxSeries) return refusal("too-many-series", `${series} series, the limit is ${limits.maxSeries}`)
  if (bytes > limits.maxBytes) return refusal("too-large", `${bytes} bytes, the limit is ${limits.maxBytes}`)
  const slices = new Slices()
  const texts = yield* TextsOf.chunks(pages, slices)
  const repeats = new Repeats(pages, texts, slices)
  const chunks = new ChunkFamilies(pages)
  const next = new Int32Array(chunks.length)
  /** By a family's text name: its latest part + 1. */
  const latest = new Int32Array(texts.size)
  const first = new Int32Array(chunks.length)
  let families = 0
  let shown = 0
  for (const [c, page] of pages.entries())
    for (let k = 0; k < page.families.length; k++) {
      if (slices.step()) yield
      const left = yield* repeats.left(c, k)
      if (left === 0) continue
      shown += left
      const part = chunks.starts[c]! + k
      const text = texts.ofFamily(c, k)
      const before = latest[text]!
      if (before === 0) first[families++] = part
      else next[before - 1] = part + 1
      latest[text] = part + 1
    }
  const joined = new JoinedFamilies(chunks, first.slice(0, families), next, repeats.gone)
  const refused = repeats.refused(pages.flatMap(({ dump }) => dump.refused ?? []))
  const dump = { source: pages[0]!.dump.source, families: joined, series: shown, bytes: bytes + joined.bytes }
  return refused.length === 0 ? dump : { ...dump, refused }
}

/** Names of the chunks' samples and families, each once: which sample names are in more than one chunk. */
class TextsOf {
  private readonly pages: ReadonlyArray<Page>
  private readonly texts = new Names()
  /** By text: the chunk that has samples of it + 1, SHARED where that are several. */
  private readonly owners: Int32Array
  private readonly bySample: ReadonlyArray<Int32Array>
  private readonly byFamily: ReadonlyArray<Int32Array>

  static *chunks(pages: ReadonlyArray<Page>, slices: Slices): Generator<undefined, TextsOf, unknown> {
    const texts = new TextsOf(pages)
    for (let c = 0; c < pages.length; c++) yield* texts.enter(c, slices)
    return texts
  }

  private constructor(pages: ReadonlyArray<Page>) {
    this.pages = pages
    this.owners = new Int32Array(pages.reduce((sum, { names, families }) => sum + names.size + families.length, 0))
    this.bySample = pages.map(({ names }) => new Int32Array(names.size))
    this.byFamily = pages.map(({ families }) => new Int32Array(families.length))
  }

  /** All numbers are below. */
  get size(): number {
    return this.texts.size
  }

  /** The number of the text name of a chunk's k-th family. */
  ofFamily(c: number, k: number): number {
    return this.byFamily[c]![k]!
  }

  /** Whether other chunks have samples of a name of the family. */
  isShared(c: number, k: number): boolean {
    const { arrangement } = this.pages[c]!.layout
    for (let i = 0; i < arrangement.namesIn(k); i++)
      if (this.owners[this.bySample[c]![arrangement.nameIn(k, i)]!] === SHARED) return true
    return false
  }

  private *enter(c: number, slices: Slices): Generator<undefined, void, unknown> {
    const { texts, owners } = this
    const { names, layout, families } = this.pages[c]!
    const { arrangement } = layout
    for (let k = 0; k < families.length; k++) {
      for (let i = 0; i < arrangement.namesIn(k); i++) {
        if (slices.step()) yield
        const name = arrangement.nameIn(k, i)
        const text = texts.adopt(names, name)
        this.bySample[c]![name] = text
        owners[text] = owners[text] === 0 || owners[text] === c + 1 ? c + 1 : SHARED
      }
      const number = arrangement.numberOf(k)
      const own = layout.families.nameOf(number)
      this.byFamily[c]![k] =
        own >= 0 ? this.bySample[c]![own]! : texts.keep(texts.ofText(layout.families.at(number).textName))
    }
  }
}

const SHARED = -1

/** Series that are in two chunks, whichever families these put them in. */
class Repeats {
  private readonly pages: ReadonlyArray<Page>
  private readonly texts: TextsOf
  private readonly slices: Slices
  /** By chunk: the places of lines that are not shown, ascending. */
  private readonly places: ReadonlyArray<Array<number>>
  /** By chunk: the number of its first line among all of them. */
  private readonly starts: ReadonlyArray<number>
  /** The lines so far that another chunk may repeat, and the keys of those whose hash too many others have. */
  private readonly seen = new SeriesTable(LEAST)
  private readonly crowd = new Set<string>()
  /** Of lines whose hash others have: made once, however many others there are. */
  private readonly keys = new Map<number, string>()
  private sample = ""

  constructor(pages: ReadonlyArray<Page>, texts: TextsOf, slices: Slices) {
    this.pages = pages
    this.texts = texts
    this.slices = slices
    this.places = pages.map(() => [])
    let lines = 0
    this.starts = pages.map(({ count }) => {
      lines += count
      return lines - count
    })
  }

  get gone(): ReadonlyArray<Int32Array> {
    return this.places.map((places) => Int32Array.from(places))
  }

  /** How many lines of a chunk's k-th family are shown. */
  *left(c: number, k: number): Generator<undefined, number, unknown> {
    const { arrangement, records } = this.pages[c]!.layout
    const [from, to] = [arrangement.placeOf(k), arrangement.placeOf(k + 1)]
    if (!this.texts.isShared(c, k)) return to - from
    const gone = this.places[c]!
    const before = gone.length
    for (let place = from; place < to; place++) {
      if (this.slices.step()) yield
      const line = arrangement.order === undefined ? place : arrangement.order[place]!
      if (this.isNew(c, place, records[line * FIELDS + HASH]!)) continue
      if (this.sample === "") this.sample = excerpt(this.pages[c]!.families.linesAt(place, place + 1), 1)
      gone.push(place)
    }
    return to - from - (gone.length - before)
  }

  /** With what the chunks refused by themselves: one entry a reason. */
  refused(own: ReadonlyArray<RefusedLines>): ReadonlyArray<RefusedLines> {
    const byReason = new Map<string, RefusedLines>()
    const detail = "a series comes twice, in two chunks"
    const count = this.places.reduce((sum, { length }) => sum + length, 0)
    const here: ReadonlyArray<RefusedLines> =
      count === 0 ? [] : [{ reason: "duplicate-series", count, line: 0, detail, sample: this.sample }]
    for (const lines of [...own, ...here]) {
      const before = byReason.get(lines.reason)
      byReason.set(lines.reason, before === undefined ? lines : { ...before, count: before.count + lines.count })
    }
    return [...byReason.values()]
  }

  private isNew(c: number, place: number, hash: number): boolean {
    const { seen, crowd } = this
    const line = this.pages[c]!.families.linesAt(place, place + 1)
    const end = endOfSeries(line)
    const added = seen.add(hash, this.starts[c]! + place, (number) => {
      const [d, at] = this.lineOf(number)
      const other = this.pages[d]!.families.linesAt(at, at + 1)
      return sameBytes(line, 0, end, other, 0, endOfSeries(other)) || this.keyAt(d, at) === this.keyAt(c, place)
    })
    if (added === "seen") return false
    // A table that grew has room for what had none before.
    if (crowd.size === 0 && added !== "too-many-collisions") return true
    const key = this.keys.get(this.starts[c]! + place) ?? this.makeKey(c, place)
    if (crowd.has(key)) return false
    if (added === "too-many-collisions") crowd.add(key)
    return true
  }

  private lineOf(number: number): readonly [chunk: number, place: number] {
    const c = firstFrom(this.starts, number + 1) - 1
    return [c, number - this.starts[c]!]
  }

  /** As the chunk itself tells its series apart. */
  private keyAt(c: number, place: number): string {
    const number = this.starts[c]! + place
    const known = this.keys.get(number)
    if (known !== undefined) return known
    const key = this.makeKey(c, place)
    this.keys.set(number, key)
    return key
  }

  private makeKey(c: number, place: number): string {
    const { families, layout } = this.pages[c]!
    const { arrangement, records } = layout
    const line = arrangement.order === undefined ? place : arrangement.order[place]!
    const type = layout.families.typeOf(layout.families.familyOf(records[line * FIELDS + NAME]!))
    return seriesKey(families.linesAt(place, place + 1), 0, floatLabelsOf(type))
  }
}

const LEAST = 512

const endOfSeries = (line: Uint8Array): number => endOfLabels(line, endOfName(line, 0))
