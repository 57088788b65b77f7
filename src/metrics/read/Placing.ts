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

/** `order`: the line at each place, where that is not the place's own number. */
export const placeLines = ({ lines, records, count }: Reading, order: Uint32Array | undefined): Placed => {
  const { bytes: from } = lines
  const starts = new Uint32Array(count)
  let total = 0
  for (let n = 0, at = LENGTH; n < count; n++, at += FIELDS) total += records[at]!
  const bytes = allocateLines(total)
  if (order === undefined && total === lines.length) {
    bytes.set(from.subarray(0, total))
    for (let n = 0, at = START; n < count; n++, at += FIELDS) starts[n] = records[at]!
    return { bytes, starts }
  }
  // Lines that follow each other here and there are copied at once.
  let to = 0
  for (let place = 0; place < count; ) {
    const begin = records[(order === undefined ? place : order[place]!) * FIELDS + START]!
    let end = begin
    for (; place < count; place++) {
      const n = order === undefined ? place : order[place]!
      if (records[n * FIELDS + START] !== end) break
      starts[n] = to + end - begin
      end += records[n * FIELDS + LENGTH]!
    }
    bytes.set(from.subarray(begin, end), to)
    to += end - begin
  }
  return { bytes, starts }
}

const noRaw = new DataView(new ArrayBuffer(SLACK))

/** Out of the input, and out of the page before; `records` tell where they are, and are told where they are now. */
export const keepRaw = (
  reading: Reading,
  records: Int32Array,
  before: DataView | undefined
): { readonly raw: DataView; readonly rawBytes: number } => {
  let length = 0
  for (let at = OWN; at < records.length; at += FIELDS) length += records[at]! >>> 16
  if (length === 0) return { raw: noRaw, rawBytes: 0 }
  const raw = new Uint8Array(length + SLACK)
  let to = 0
  for (let at = 0, n = 0; at < records.length; at += FIELDS, n++) {
    const size = records[at + OWN]! >>> 16
    if (size === 0) continue
    const start = records[at + RAW]!
    const old = reading.known[n]! >= 0 && before !== undefined
    for (let i = 0; i < size; i++) raw[to + i] = old ? before.getUint8(start + i) : reading.input[start + i]!
    records[at + RAW] = to
    to += size
  }
  return { raw: new DataView(raw.buffer), rawBytes: length }
}
