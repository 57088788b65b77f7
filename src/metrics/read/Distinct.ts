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
import { FIELDS, HASH, NAME, START } from "./LineRecord.ts"
import type { Reading } from "./Reading.ts"

const MAX_ALIKE = 32
const MAX_PROBES = 1024
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

/** All lines are entered, in their order and so many at a time as one likes, then all are looked at. */
export interface Repeats {
  readonly enter: (from: number, to: number) => void
  readonly look: (from: number, to: number) => void
}

/**
 * Calls `lost` for each line that is not shown, once. `known`: how many lines the memory has; lines that it knows are distinct
 * from each other. `typeOf`: of the family of a sample name.
 */
export const repeatsOf = (
  reading: Reading,
  known: number,
  typeOf: (name: number) => MetricType,
  lost: (line: number) => void
): Repeats => {
  const { records, count, news, names, options } = reading
  /** Lines that are not shown anyway. */
  const hidesSome = names!.hasReserved && options!.allowReservedNames !== true
  const isUnshown = (n: number): boolean => hidesSome && names!.list[records[n * FIELDS + NAME]!]!.reserved
  // New lines alone are entered; then every other one is looked up among them.
  const size = 2 ** Math.ceil(Math.log2(Math.max(LEAST, 4 * news)))
  const table = spare.length < size || spare.length > 64 * size ? new Int32Array(size) : spare.fill(0, 0, size)
  spare = none
  const mask = size - 1
  const crowd = new Map<string, number>()
  const gone = new Set<number>()
  const drop = (line: number): void => {
    if (!gone.has(line)) lost(line)
    gone.add(line)
  }
  const keyOf = (n: number): string => {
    const at = n * FIELDS
    const label = numberLabel(typeOf(records[at + NAME]!))
    return seriesKey(reading.lines.bytes, records[at + START]!, label === undefined ? [] : [decodeLabel(label)])
  }
  /** The place in the table of a new line of the same series, or a free one; -1 where there are too many others. */
  const seek = (n: number): number => {
    const hash = records[n * FIELDS + HASH]!
    let at = mixed(hash) & mask
    for (let probes = 0, alike = 0; table[at] !== 0; probes++, at = (at + 1) & mask) {
      const entry = table[at]! - 1
      if (records[entry * FIELDS + HASH] === hash) {
        if (isSame(reading, entry, n, typeOf)) return at
        alike++
      }
      if (alike >= MAX_ALIKE || probes >= MAX_PROBES) return -1
    }
    return at
  }
  const enter = (from: number, to: number): void => {
    for (let n = from; n < to; n++) {
      if (reading.known[n]! >= 0 || isUnshown(n)) continue
      const at = seek(n)
      const key = at < 0 ? keyOf(n) : ""
      const other = at < 0 ? (crowd.get(key) ?? -1) : table[at]! - 1
      if (other >= 0 && !isLater(reading, other, n)) {
        drop(n)
        continue
      }
      if (other >= 0) drop(other)
      if (at < 0) crowd.set(key, n)
      else table[at] = n + 1
    }
  }
  // Of lines that come in their old order none comes twice.
  const holder = isAscending(reading) ? undefined : new Int32Array(known)
  const look = (from: number, to: number): void => {
    if (holder !== undefined || news > 0) lookAt(from, to)
    if (to === count) spare = table
  }
  const lookAt = (from: number, to: number): void => {
    for (let n = from; n < to; n++) {
      const line = reading.known[n]!
      if (line < 0 || (hidesSome && isUnshown(n))) continue
      if (holder !== undefined) {
        const before = holder[line]! - 1
        const wins = before < 0 || isLater(reading, before, n)
        if (before >= 0) drop(wins ? before : n)
        if (!wins) continue
        holder[line] = n + 1
      }
      // Mostly nothing is there.
      if (news === 0 || table[mixed(records[n * FIELDS + HASH]!) & mask] === 0) continue
      const at = seek(n)
      const other = at < 0 ? (crowd.get(keyOf(n)) ?? -1) : table[at]! - 1
      if (other < 0) continue
      const [first, second] = other < n ? [other, n] : [n, other]
      drop(isLater(reading, first, second) ? first : second)
    }
  }
  return { enter, look }
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
