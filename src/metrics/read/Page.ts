/**
 * Page: the lines of one record of a snapshot, family by family, and what is needed to read the source's next record by them. Made from
 * a reading; immutable, so that a scrape may stream from it while newer rounds arrive. What rounds have in common while their
 * lines stay the same, they share.
 */
import type { Dump, Family } from "../text/Dump.ts"
import { intern, internList } from "../text/Interned.ts"
import { type ArrangedFamily, type Arrangement, arrange, refuseReserved } from "./Arrangement.ts"
import type { Comments } from "./Comments.ts"
import { Conformity, innerOf } from "./Conformity.ts"
import { type Families, resolveFamilies } from "./Families.ts"
import { FIELDS, FLAGS, HAS_EXEMPLAR, HAS_LE, HAS_QUANTILE, MISC, OTHER_FORM, QUOTED } from "./LineRecord.ts"
import type { Memory, ReadOptions } from "./Memory.ts"
import type { Names } from "./Names.ts"
import { PageIndex } from "./PageIndex.ts"
import { keepRaw, type Placed, placeLines } from "./Placing.ts"
import type { Reading } from "./Reading.ts"
import { noneUnchanged, unchangedSince } from "./Unchanged.ts"
import { free, judge, judgeValues, type Verdict } from "./Verdicts.ts"

/** What a family and a sample name take besides their text, and a page. Measured: docs/benchmarks.md. */
const FAMILY_BYTES = 400
const NAME_BYTES = 200
/** Names that no line has any more are kept up to as many as are used, and some. */
const SPARE_NAMES = 64

/** What pages of the same lines share. */
interface Layout {
  readonly names: Names
  readonly raw: DataView
  /** START and LENGTH mean nothing here. */
  readonly records: Int32Array
  readonly comments: Comments
  readonly families: Families
  readonly arrangement: Arrangement
  /** By the arrangement's families. */
  readonly verdicts: ReadonlyArray<Verdict>
  /** No line has an exemplar, nor in event mode a timestamp of its own. */
  readonly plain: boolean
}

export class Page implements Memory {
  readonly dump: Dump
  readonly options: ReadOptions
  readonly layout: Layout
  /** What the lines lie in, all families one after the other. */
  readonly bytes: Uint8Array
  readonly lines: DataView
  readonly starts: Uint32Array
  readonly stride = FIELDS
  readonly nextField = -1
  readonly epochField = -1
  readonly epoch = 0
  readonly count: number
  private readonly index: PageIndex

  constructor(dump: Dump, options: ReadOptions, layout: Layout, { bytes, starts }: Placed) {
    this.dump = dump
    this.options = options
    this.layout = layout
    this.bytes = bytes
    this.starts = starts
    this.lines = new DataView(bytes.buffer, bytes.byteOffset)
    this.count = starts.length
    this.index = new PageIndex(this)
  }

  get names(): Names {
    return this.layout.names
  }

  get records(): Int32Array {
    return this.layout.records
  }

  get raw(): DataView {
    return this.layout.raw
  }

  get comments(): Comments {
    return this.layout.comments
  }

  get first(): number {
    return this.count > 0 ? 0 : -1
  }

  find(hash: number, missed: number): number {
    return this.index.find(hash, missed)
  }

  next(line: number): number {
    return this.index.next(line)
  }
}

/** `before`: the page that the text was read by. Lines of the reading that are not shown are refused in it. */
export const pageOf = (reading: Reading, before: Page | undefined): Page => {
  const same = before?.layout.plain === true && reading.same && !reading.hasEnds ? before : undefined
  return (same === undefined ? undefined : repeated(reading, same)) ?? arranged(reading, before)
}

/** The lines of the page before with other values; undefined where some family now keeps its rules, or does not any more. */
const repeated = (reading: Reading, { layout, dump: before, bytes: linesBefore }: Page): Page | undefined => {
  const { arrangement, verdicts, records } = layout
  const { families, order } = arrangement
  for (let k = 0; k < families.length; k++) {
    const { from, to, type } = families[k]!
    if (!Conformity.governs(type)) continue
    const verdict = verdicts[k]!
    if (type === "gaugehistogram" || judgeValues(reading.values, records, verdict, from, to, order) !== verdict)
      return undefined
  }
  refuseReserved(reading, arrangement)
  const placed = placeLines(reading, order)
  const { source, series } = before
  const dump = {
    source,
    families: before.families.map((family, k) => ({ ...family, bytes: linesOf(placed, arrangement, families[k]!) })),
    series,
    bytes: before.bytes - linesBefore.length + placed.bytes.length,
    ...refusedIn(reading)
  }
  return new Page(dump, reading.options!, layout, placed)
}

const arranged = (reading: Reading, before: Page | undefined): Page => {
  reading.complete()
  const options = reading.options!
  const names = reading.names!
  const comments = reading.comments()
  const families = familiesOf(reading, names, comments, before?.layout)
  const arrangement = arrange(reading, families, before?.count ?? 0)
  refuseReserved(reading, arrangement)
  const { order, roles } = arrangement
  const old = before?.layout
  const unchanged =
    old?.families === families && old.plain && !reading.hasEnds
      ? unchangedSince(reading, order, families, old.arrangement)
      : noneUnchanged
  const places = arrangement.families.map((family) => unchanged.of(family))
  const verdicts = arrangement.families.map((family, k): Verdict => {
    const { type, from, to } = family
    if (!Conformity.governs(type)) return free
    return places[k]! >= 0 && type !== "gaugehistogram"
      ? judgeValues(reading.values, reading.records, old!.verdicts[places[k]!]!, from, to, order)
      : judge(reading, names, family, order, roles)
  })
  const records = new Int32Array(reading.records.subarray(0, reading.count * FIELDS))
  const { raw, rawBytes } = keepRaw(reading, records, before?.raw)
  const placed = placeLines(reading, order)
  let metadata = 0
  let series = 0
  const timestamps = options.timestamps === "event"
  const shown = arrangement.families.slice(0, arrangement.shown).map((family, k): Family => {
    metadata += FAMILY_BYTES + family.textName.length + family.help.length + family.sampleNames.length * NAME_BYTES
    series += family.to - family.from
    const bytes = linesOf(placed, arrangement, family)
    const { ordered, ranged, textOrdered, textRanged } = verdicts[k]!
    const conforms = ordered && ranged
    const conformsText = textOrdered && textRanged
    const place = places[k]!
    return place >= 0
      ? { ...before!.dump.families[place]!, bytes, conforms, conformsText }
      : { ...described(family, records, order), bytes, conforms, conformsText, timestamps }
  })
  const bytes =
    placed.bytes.length + records.byteLength + placed.starts.byteLength + rawBytes + comments.bytes + metadata
  const dump = { source: options.attach.source, families: shown, series, bytes, ...refusedIn(reading) }
  const plain = !reading.hasEnds
  return new Page(dump, options, { names, raw, records, comments, families, arrangement, verdicts, plain }, placed)
}

/** Whether the names of a page are so many more than it uses that the next text is better read without it. */
export const hasTooManyNames = ({ layout }: Page): boolean => {
  const { families } = layout.arrangement
  let used = 0
  for (const { sampleNames } of families) used += sampleNames.length
  return layout.names.size > 2 * used + SPARE_NAMES
}

const described = (
  family: ArrangedFamily,
  records: Int32Array,
  order: Arrangement["order"]
): Omit<Family, "bytes" | "conforms" | "conformsText" | "timestamps"> => {
  const { type, from, to } = family
  const own = innerOf(type) & (HAS_LE | HAS_QUANTILE)
  let flags = 0
  let otherForm = false
  for (let place = from; place < to; place++) {
    const misc = records[(order === undefined ? place : order[place]!) * FIELDS + MISC]! & FLAGS
    flags |= misc
    if ((misc & OTHER_FORM) !== 0 && (misc & own) !== 0) otherForm = true
  }
  return {
    name: intern(family.name),
    textName: intern(family.textName),
    type,
    help: intern(family.help),
    unit: intern(family.unit),
    series: to - from,
    sampleNames: internList(family.sampleNames),
    exemplars: (flags & HAS_EXEMPLAR) !== 0,
    floatLabels: otherForm,
    quoted: (flags & QUOTED) !== 0
  }
}

/** As they were, where nothing that decides about them has changed. */
const familiesOf = (reading: Reading, names: Names, comments: Comments, before: Layout | undefined): Families => {
  const { format, allowReservedNames = false } = reading.options!
  const { list } = names
  const same = before?.families.places.length === list.length && sameStatements(comments, before.comments)
  return same ? before.families : resolveFamilies(list, comments.statements, format, allowReservedNames)
}

const sameStatements = (a: Comments, b: Comments): boolean =>
  a.stretches.length === b.stretches.length && a.stretches.every((stretch, k) => stretch === b.stretches[k])

const refusedIn = (reading: Reading): Pick<Dump, "refused"> => {
  const refused = reading.refused()
  return refused.length === 0 ? {} : { refused }
}

const linesOf = ({ bytes, starts }: Placed, { order }: Arrangement, { from, to }: ArrangedFamily): Uint8Array => {
  const startOf = (place: number): number =>
    place < starts.length ? starts[order === undefined ? place : order[place]!]! : bytes.length
  return bytes.subarray(startOf(from), startOf(to))
}
