/**
 * Versions: what is remembered of all sources of a partition, at most so many. At the bound a newcomer is refused, nobody is forgotten;
 * and who comes anew until that refusal is settled may have been refused: it is remembered, and shown only then. A record costs its
 * own source's memory and the logarithm of their count.
 */
import { Ranking } from "./Ranking.ts"
import { type Bounds, VersionMemory } from "./VersionMemory.ts"

export interface Remembered {
  readonly id: string
  readonly memory: VersionMemory
  /** It came after this offset at which a newcomer was refused: it may have been that one. */
  readonly refusedAt: number
}

/** Bytes of a source and of each of its versions (`node --expose-gc test/metrics/worst/measure.ts`). */
const sourceOverhead = 512
const versionOverhead = 136

const takes = ({ id, memory }: Remembered): number => sourceOverhead + id.length + versionOverhead * memory.size

export class Versions {
  /** What all of it takes, about. */
  bytes = 0
  private readonly maxSources: number
  private readonly bounds: Bounds
  private readonly sources = new Map<string, Remembered>()
  /** Where a newcomer was refused last. */
  private fullAt = -1
  /** By what a new owner must read to know. */
  private readonly needed = new Ranking<Remembered>()
  /** By when nothing is known of them any more. */
  private readonly until = new Ranking<Remembered>()

  constructor(maxSources: number, bounds: Bounds) {
    this.maxSources = maxSources
    this.bounds = bounds
  }

  /** Undefined where there is no room for a newcomer. */
  touch(id: string, offset: number): Remembered | undefined {
    const known = this.sources.get(id)
    if (known !== undefined) return known
    if (this.sources.size >= this.maxSources) {
      this.fullAt = offset
      return undefined
    }
    const source: Remembered = { id, memory: new VersionMemory(this.bounds), refusedAt: this.fullAt }
    this.sources.set(id, source)
    this.until.note(source, Number.NEGATIVE_INFINITY)
    this.bytes += takes(source)
    return source
  }

  /** Asks what is remembered of a source, or changes it. */
  remembering<A>(source: Remembered, what: (memory: VersionMemory) => A): A {
    const { memory } = source
    const before = takes(source)
    const answer = what(memory)
    this.bytes += takes(source) - before
    const needed = memory.lowest()
    if (needed !== Number.POSITIVE_INFINITY) this.needed.note(source, needed)
    return answer
  }

  /** From here on a new owner must read to decide as this one does; Infinity where it need not. */
  lowest(): number {
    const needed = this.needed.lowest(({ memory }) => memory.lowest())?.key ?? Number.POSITIVE_INFINITY
    return this.fullAt >= this.bounds.settled() ? Math.min(needed, this.fullAt) : needed
  }

  /** Those of whom no new owner can see anything any more go. `chunks`: the last offset of a source's unfinished rounds. */
  forget(chunks: (id: string) => number): void {
    const kept = this.bounds.kept()
    for (;;) {
      const next = this.until.lowest(({ id, memory }) => Math.max(memory.until, chunks(id)))
      if (next === undefined || next.key >= kept) return
      const { item: source } = next
      this.until.remove(source)
      this.needed.remove(source)
      this.sources.delete(source.id)
      this.bytes -= takes(source)
    }
  }
}
