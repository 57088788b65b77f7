/**
 * PageIndex: finds a page's line by the hash of its beginning. Made when a text is found to come in another order than the page, or
 * with many lines that the page does not have: a few are sooner parsed than looked for.
 */
import { endOfBeginning, hashOfBeginning } from "./LineHash.ts"
import { FIELDS, OWN, RAW } from "./LineRecord.ts"

/** A page's lines and their records, as in Memory. */
export interface Indexed {
  readonly lines: DataView
  readonly raw: DataView
  readonly records: Int32Array
  readonly starts: Uint32Array
}

/** So many of a page's lines may be missing from the next text before it is worth an index: a sixteenth. */
const FEW = 16
/** Whoever sends the lines chooses their hashes: chains are bounded, and what finds no room in its own is parsed anew. */
const MAX_CHAIN = 12

export class PageIndex {
  private readonly of: Indexed
  /** Lines + 1, 0 at the end. */
  private heads: Int32Array | undefined
  private chain = new Int32Array(0)

  constructor(of: Indexed) {
    this.of = of
  }

  /** `missed`: lines of the text that were not found where they were expected. */
  find(hash: number, missed: number): number {
    if (this.heads === undefined) {
      if (missed * FEW * FIELDS < this.of.records.length) return -1
      this.heads = this.build()
    }
    return this.heads[hash & (this.heads.length - 1)]! - 1
  }

  next(line: number): number {
    return this.chain[line]! - 1
  }

  private build(): Int32Array {
    const { lines, raw, records, starts } = this.of
    const count = records.length / FIELDS
    const heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(16, 2 * count))))
    const lengths = new Uint8Array(heads.length)
    this.chain = new Int32Array(count)
    const rawBytes = new Uint8Array(raw.buffer, raw.byteOffset)
    for (let n = 0; n < count; n++) {
      const at = n * FIELDS
      const own = records[at + OWN]! & 0xffff
      if (own === 0) continue
      const sent = records[at + OWN]! >>> 16
      const start = sent > 0 ? records[at + RAW]! : starts[n]!
      const end = sent > 0 ? endOfBeginning(rawBytes, start, start + sent) : start + own
      if (end < 0) continue
      const head = hashOfBeginning(sent > 0 ? raw : lines, start, end) & (heads.length - 1)
      if (lengths[head]! >= MAX_CHAIN) continue
      lengths[head]!++
      this.chain[n] = heads[head]!
      heads[head] = n + 1
    }
    return heads
  }
}
