/**
 * Page: the lines of one record of a snapshot, family by family, and what is needed to read the source's next record by them. Made from
 * a reading (see Making); immutable, so that a scrape may stream from it while newer rounds arrive. What rounds have in common while their
 * lines stay the same, they share.
 */
import type { Dump } from "../text/Dump.ts"
import type { Comments } from "./Comments.ts"
import type { Layout } from "./Layout.ts"
import { FIELDS } from "./LineRecord.ts"
import type { Memory, ReadOptions } from "./Memory.ts"
import type { Names } from "./Names.ts"
import { PageFamilies } from "./PageFamilies.ts"
import { PageIndex } from "./PageIndex.ts"
import type { Placed } from "./Placing.ts"
import type { Reading } from "./Reading.ts"

/** What a page takes besides its lines (`node --expose-gc test/metrics/worst/measure.ts "a round of a source"`). */
export const PAGE_BYTES = 1600

/** What a line may need at once, and what an expectation may fall short of. */
const SPARE = 1024

export class Page implements Memory {
  readonly dump: Dump
  readonly families: PageFamilies
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
  /** Bytes of the text that it was read from. */
  private readonly sent: number
  private readonly index: PageIndex

  /** `bytes`: what it takes. */
  constructor(reading: Reading, layout: Layout, placed: Placed, bytes: number) {
    const options = reading.options!
    const { arrangement } = layout
    const { source } = options.attach
    const refused = reading.refused()
    this.families = new PageFamilies(layout, placed, options.timestamps === "event")
    const dump = { source, families: this.families, series: arrangement.placeOf(arrangement.shown), bytes }
    this.dump = refused.length === 0 ? dump : { ...dump, refused }
    this.options = options
    this.layout = layout
    this.bytes = placed.bytes
    this.starts = placed.starts
    this.lines = new DataView(placed.bytes.buffer, placed.bytes.byteOffset)
    this.count = placed.starts.length
    this.sent = reading.size
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

  /** Of what a text has more, values have as much more, and new lines their attached labels besides. */
  expects(bytes: number): number {
    const { length } = this.bytes
    // Lines that were put into another order were copied.
    if (length === 0 || this.layout.arrangement.order !== undefined) return 0
    const more = bytes - this.sent
    const perByte = length / this.sent
    return length + Math.ceil(more * (more > 0 ? Math.max(1, perByte) : Math.min(1, perByte))) + SPARE
  }

  find(hash: number, missed: number): number {
    return this.index.find(hash, missed)
  }

  next(line: number): number {
    return this.index.next(line)
  }
}
