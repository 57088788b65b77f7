/**
 * Placing: copies what a page keeps out of a reading: its lines in the order in which they are shown, and the beginnings of lines that
 * were not sent in their canonical form.
 */
import { allocateLines, SLACK } from "../text/LineMemory.ts"
import { FIELDS, LENGTH, OWN, RAW, START } from "./LineRecord.ts"
import type { Reading } from "./Reading.ts"

export interface Placed {
  readonly bytes: Uint8Array
  /** By line, in the order of the input: where it begins. */
  readonly starts: Uint32Array
}

/** Places are taken in their order, so many at a time as one likes. */
export interface Placing {
  readonly place: (from: number, to: number) => void
  readonly placed: Placed
}

/** The reading's lines are not its own afterwards. `order`: the line at each place, where that is not the place's own number. */
export const placing = ({ lines, records, count, hasGaps }: Reading, order: Uint32Array | undefined): Placing => {
  const { bytes: source } = lines
  const starts = new Uint32Array(count)
  if (order === undefined && !hasGaps) {
    const taken = lines.take()
    const bytes = taken ?? allocateLines(lines.length)
    const place = (first: number, last: number): void => {
      for (let n = first, at = first * FIELDS + START; n < last; n++, at += FIELDS) starts[n] = records[at]!
      if (taken !== undefined) return
      const end = last < count ? records[last * FIELDS + START]! : lines.length
      const begin = first < last ? starts[first]! : end
      bytes.set(source.subarray(begin, end), begin)
    }
    return { place, placed: { bytes, starts } }
  }
  let total = 0
  for (let n = 0, at = LENGTH; n < count; n++, at += FIELDS) total += records[at]!
  const bytes = allocateLines(total)
  let to = 0
  // Lines that follow each other here and there are copied at once.
  const place = (first: number, last: number): void => {
    for (let place = first; place < last; ) {
      const begin = records[(order === undefined ? place : order[place]!) * FIELDS + START]!
      let end = begin
      for (; place < last; place++) {
        const n = order === undefined ? place : order[place]!
        if (records[n * FIELDS + START] !== end) break
        starts[n] = to + end - begin
        end += records[n * FIELDS + LENGTH]!
      }
      bytes.set(source.subarray(begin, end), to)
      to += end - begin
    }
  }
  return { place, placed: { bytes, starts } }
}

export const placeLines = (reading: Reading, order: Uint32Array | undefined): Placed => {
  const { place, placed } = placing(reading, order)
  place(0, reading.count)
  return placed
}

const noRaw = new DataView(new ArrayBuffer(SLACK))

export interface RawKeeping {
  /** Of all lines, in their order, so many at a time as one likes. */
  readonly keep: (from: number, to: number) => void
  readonly raw: DataView
  readonly rawBytes: number
}

/** Out of the input, and out of the page before; `records` tell where they are, and are told where they are now. */
export const keepingRaw = (reading: Reading, records: Int32Array, before: DataView | undefined): RawKeeping => {
  let length = 0
  for (let at = OWN; at < records.length; at += FIELDS) length += records[at]! >>> 16
  if (length === 0) return { keep: () => {}, raw: noRaw, rawBytes: 0 }
  const raw = new Uint8Array(length + SLACK)
  let to = 0
  const keep = (from: number, last: number): void => {
    for (let n = from, at = from * FIELDS; n < last; n++, at += FIELDS) {
      const size = records[at + OWN]! >>> 16
      if (size === 0) continue
      const start = records[at + RAW]!
      const old = reading.known[n]! >= 0 && before !== undefined
      for (let i = 0; i < size; i++) raw[to + i] = old ? before.getUint8(start + i) : reading.input[start + i]!
      records[at + RAW] = to
      to += size
    }
  }
  return { keep, raw: new DataView(raw.buffer), rawBytes: length }
}
