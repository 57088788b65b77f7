/**
 * Unfinished: what the chunks of a partition's unfinished rounds hold, and of all partitions of a pod together. How long a chunk counts
 * is Rounds' to say, by the log alone; memory is the pod's. Where all of it is more than its limit, the source that holds most
 * gives way: what its chunks hold is freed, and their rounds, when they come complete, are refused for it. Their versions count.
 */
import { isRefused, refusal } from "../rounds/Record.ts"
import { Largest, type Ranked } from "./Largest.ts"
import type { Part } from "./RoundReader.ts"

/** The chunks of one source, by what each takes. */
interface Pieces extends Ranked<Pieces> {
  readonly of: Unfinished
  readonly source: string
  readonly parts: Map<Part, number>
  bytes: number
}

/** Of all partitions of a pod. */
export class UnfinishedPool {
  bytes = 0
  readonly limit: number
  private readonly largest = new Largest<Pieces>()

  constructor(limit: number) {
    this.limit = limit
  }

  note(pieces: Pieces, change: number): void {
    this.bytes += change
    this.largest.note(pieces, pieces.bytes)
  }

  get most(): Pieces | undefined {
    return this.bytes > this.limit ? this.largest.get() : undefined
  }
}

/** What a chunk's part takes besides text (`node --expose-gc test/metrics/worst/measure.ts`); characters of labels as pairs of texts. */
const partBytes = 704
const labelBytes = 80

const labelsOf = ({ envelope }: Part): number =>
  envelope.labels.reduce((sum, [name, value]) => sum + labelBytes + name.length + value.length, 0)

const takes = (part: Part): number => partBytes + labelsOf(part) + textOf(part)

const textOf = ({ value, read }: Part): number =>
  (value?.length ?? 0) + (read === undefined || isRefused(read) ? 0 : read.dump.bytes)

export class Unfinished {
  bytes = 0
  private readonly pool: UnfinishedPool
  private readonly bySource = new Map<string, Pieces>()

  constructor(pool: UnfinishedPool) {
    this.pool = pool
  }

  /** A chunk that waits for others. */
  add(part: Part): void {
    const bytes = takes(part)
    const { source } = part.envelope
    let pieces = this.bySource.get(source)
    if (pieces === undefined) {
      pieces = { of: this, source, parts: new Map(), bytes: 0, places: [] }
      this.bySource.set(source, pieces)
    }
    pieces.parts.set(part, bytes)
    this.count(pieces, bytes)
    for (let { most } = this.pool; most !== undefined; most = this.pool.most) most.of.giveWay(most)
  }

  /** It waits no longer, or never did. */
  leave(part: Part): void {
    const pieces = this.bySource.get(part.envelope.source)
    const bytes = pieces?.parts.get(part)
    if (pieces === undefined || bytes === undefined) return
    pieces.parts.delete(part)
    this.count(pieces, -bytes)
    if (pieces.parts.size === 0) this.bySource.delete(pieces.source)
  }

  clear(): void {
    for (const pieces of this.bySource.values()) this.count(pieces, -pieces.bytes)
    this.bySource.clear()
  }

  private giveWay(pieces: Pieces): void {
    const why = refusal(
      "pod-full",
      `unfinished rounds of the pod hold more than --max-pod-gather-bytes, ${this.pool.limit} for this worker, and this source's the most: they gave way`
    )
    for (const part of pieces.parts.keys()) {
      part.read = why
      part.value = undefined
    }
    this.count(pieces, -pieces.bytes)
    this.bySource.delete(pieces.source)
  }

  private count(pieces: Pieces, change: number): void {
    pieces.bytes += change
    this.bytes += change
    this.pool.note(pieces, change)
  }
}
