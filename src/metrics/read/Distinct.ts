/**
 * Distinct: which lines of a reading show a series that is there already. The first stays, in the order of the input; of points with
 * timestamps the latest does, as it would in a direct scrape. Pure, and decided by the text alone: what was known before only
 * saves looking.
 *
 * Lines of equal hashes are compared. Whoever sends the text can choose its hashes: of more than a few different series with one
 * hash the further ones are told apart by their keys, so that the work stays in proportion.
 */
import type { MetricType } from "../text/Dump.ts"
import { mixed } from "../text/Hash.ts"
import { sameLabels } from "../text/Line.ts"
import { seriesKey } from "../text/Series.ts"
import { ascii, encode } from "../text/Syntax.ts"
import { FIELDS, HASH, MISC, NAME, OTHER_FORM, START } from "./LineRecord.ts"
import type { Reading } from "./Reading.ts"

const MAX_ALIKE = 2
const MAX_PROBES = 64
/** Entries of the table: with many free ones for few new lines, a known line is mostly told by one look. */
const LEAST = 512

const LE = encode("le")
const QUANTILE = encode("quantile")

/** The label that is a number in a family of this type. */
export const numberLabel = (type: MetricType): Uint8Array | undefined =>
  type === "summary" ? QUANTILE : type === "histogram" || type === "gaugehistogram" ? LE : undefined

/** A lines's number + 1, by hash; 0 is free. Scratch, cleared for each reading, and out of here while one has it. */
let spare: Int32Array = new Int32Array(1024)
const none: Int32Array = new Int32Array(0)

/**
 * The lines of a reading that are not shown, found in three passes over all lines, each in their order and so many at a time as one
 * likes: `enter`, `look`, `again`. Then they are in `gone`.
 *
 * New lines alone are entered, and every other one is looked up among them. Where one is found, or where bounds that were two may be one
 * now, all lines are entered: which of more than two is shown is a question of their order.
 */
export class Repeats {
  readonly gone = new Set<number>()
  private readonly reading: Reading
  private readonly typeOf: (name: number) => MetricType
  private readonly crowd = new Map<string, number>()
  private readonly hidesSome: boolean
  private table: Int32Array
  private mask = 0
  /** All lines are entered, not the new ones alone. */
  private all: boolean
  /** A known line is another one's series: all are to be entered anew. */
  private met = false
  /** By the memory's line: the one that has it, + 1; absent where lines come in their old order, so that none comes twice. */
  private readonly holder: Int32Array | undefined

  /**
   * `known`: how many lines the memory has; lines that it knows are distinct from each other, where families are what they were
   * (`isAsBefore`). `typeOf`: of the family of a sample name.
   */
  constructor(reading: Reading, known: number, isAsBefore: boolean, typeOf: (name: number) => MetricType) {
    const { news, count } = reading
    this.reading = reading
    this.typeOf = typeOf
    this.hidesSome = reading.names!.hasReserved && reading.options!.allowReservedNames !== true
    this.all = news === count || (!isAsBefore && hasOtherForms(reading))
    this.table = spare
    spare = none
    this.clear(this.all ? count : news)
    this.holder = this.all || isAscending(reading) ? undefined : new Int32Array(known)
  }

  enter(from: number, to: number): void {
    const { known } = this.reading
    for (let n = from; n < to; n++) if ((this.all || known[n]! < 0) && !this.isUnshown(n)) this.add(n)
  }

  look(from: number, to: number): void {
    const { reading, gone, holder, table, mask } = this
    const { records, known, news } = reading
    if (this.all || this.met || (holder === undefined && news === 0)) return
    for (let n = from; n < to; n++) {
      const line = known[n]!
      if (line < 0 || this.isUnshown(n)) continue
      if (holder !== undefined) {
        const before = holder[line]! - 1
        const wins = before < 0 || isLater(reading, before, n)
        if (before >= 0) gone.add(wins ? before : n)
        if (!wins) continue
        holder[line] = n + 1
      }
      // Mostly nothing is there.
      if (news === 0 || table[mixed(records[n * FIELDS + HASH]!) & mask] === 0) continue
      const at = this.seek(n)
      if (at < 0 ? !this.crowd.has(this.keyOf(n)) : table[at] === 0) continue
      this.met = true
      return
    }
  }

  again(from: number, to: number): void {
    const { count } = this.reading
    if (this.met) {
      if (from === 0) {
        this.all = true
        this.gone.clear()
        this.crowd.clear()
        this.clear(count)
      }
      this.enter(from, to)
    }
    if (to === count) spare = this.table
  }

  private clear(lines: number): void {
    const size = 2 ** Math.ceil(Math.log2(Math.max(LEAST, 4 * lines)))
    const { length } = this.table
    this.table = length < size || length > 64 * size ? new Int32Array(size) : this.table.fill(0, 0, size)
    this.mask = size - 1
  }

  private add(n: number): void {
    const { reading, gone, crowd, table } = this
    const at = this.seek(n)
    const key = at < 0 ? this.keyOf(n) : ""
    const other = at < 0 ? (crowd.get(key) ?? -1) : table[at]! - 1
    if (other >= 0 && !isLater(reading, other, n)) {
      gone.add(n)
      return
    }
    if (other >= 0) gone.add(other)
    if (at < 0) crowd.set(key, n)
    else table[at] = n + 1
  }

  /** Not shown anyway. */
  private isUnshown(n: number): boolean {
    const { records, names } = this.reading
    return this.hidesSome && names!.isReserved(records[n * FIELDS + NAME]!)
  }

  private keyOf(n: number): string {
    const { records, lines } = this.reading
    const at = n * FIELDS
    const label = numberLabel(this.typeOf(records[at + NAME]!))
    return seriesKey(lines.bytes, records[at + START]!, label === undefined ? [] : [decodeLabel(label)])
  }

  /** The place in the table of a line of the same series, or a free one; -1 where there are too many others. */
  private seek(n: number): number {
    const { records } = this.reading
    const { mask, table } = this
    const hash = records[n * FIELDS + HASH]!
    let at = mixed(hash) & mask
    for (let probes = 0, alike = 0; table[at] !== 0; probes++, at = (at + 1) & mask) {
      const entry = table[at]! - 1
      if (records[entry * FIELDS + HASH] === hash) {
        if (isSame(this.reading, entry, n, this.typeOf)) return at
        alike++
      }
      if (alike >= MAX_ALIKE || probes >= MAX_PROBES) return -1
    }
    return at
  }
}

/** Of a family that becomes a histogram or a summary, bounds that were two may be one. */
const hasOtherForms = ({ records, count }: Reading): boolean => {
  for (let at = MISC; at < count * FIELDS; at += FIELDS) if ((records[at]! & OTHER_FORM) !== 0) return true
  return false
}

const isAscending = ({ known, count }: Reading): boolean => {
  let highest = -1
  for (let n = 0; n < count; n++) {
    const line = known[n]!
    if (line < 0) continue
    if (line <= highest) return false
    highest = line
  }
  return true
}

const decodeLabel = (label: Uint8Array): string => ascii(label, 0, label.length)

/** Whether the second line takes the place of the first: its own timestamp is later than the other's, or than the dump's time. */
const isLater = (reading: Reading, first: number, second: number): boolean => {
  const [before, after] = [reading.stampOf(first), reading.stampOf(second)]
  return after > (Number.isNaN(before) ? reading.options!.time : before)
}

const isSame = (reading: Reading, a: number, b: number, typeOf: (name: number) => MetricType): boolean => {
  const { records, lines } = reading
  const name = records[a * FIELDS + NAME]!
  if (name !== records[b * FIELDS + NAME]) return false
  const [start, other] = [records[a * FIELDS + START]!, records[b * FIELDS + START]!]
  return sameLabels(lines.bytes, start, other, undefined, numberLabel(typeOf(name)))
}
