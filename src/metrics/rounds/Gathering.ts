/**
 * Gathering: the chunks of unfinished rounds of a partition, and how long each of them counts. Pure.
 *
 * A chunk is alive until more than `gatherBytes` of chunks came after it in the partition, whatever became of those: an owner that
 * started later counts the same. An owner that is past its fence also gives up what is settled, for good. That need not be decided
 * alike: an owner that keeps a chunk for longer completes a round more, and shows something newer. While it replays an owner
 * gives up nothing that way: the one before may have completed it. A chunk given up frees its bytes and is counted by cause. Of a
 * complete round's chunks only that they came is remembered, until no new owner can see them.
 */
import type { RoundNumber } from "./Record.ts"

export interface Place {
  readonly offset: number
}

export interface Chunk<P> extends Place {
  readonly source: string
  readonly number: RoundNumber | undefined
  readonly weight: number
  /** Undefined once its round was complete or it was given up. */
  payload: P | undefined
}

/** The latest copies of one round's chunks, by index. */
export interface Gathering<P> {
  readonly number: RoundNumber | undefined
  readonly count: number
  readonly chunks: Map<number, Chunk<P>>
}

export type GivenUp = "superseded" | "unfinished" | "crowded" | "conflict"

/** Counted against `gatherBytes` for each chunk besides its bytes. */
const chunkOverhead = 512

export class Gatherings<P> {
  /** Chunks given up, by cause. */
  readonly givenUp: Record<GivenUp, number> = { superseded: 0, unfinished: 0, crowded: 0, conflict: 0 }
  private readonly gatherBytes: number
  private readonly kept: () => number
  /** Chunks before it were given up as settled. */
  private settled = 0
  /** Chunks of unfinished rounds by offset, ascending. */
  private readonly pending = new Map<number, Chunk<P>>()
  /** Bytes of all chunks that ever came. */
  private weight = 0

  /** `kept`: no new owner begins before it. */
  constructor(gatherBytes: number, kept: () => number) {
    this.gatherBytes = gatherBytes
    this.kept = kept
  }

  /** Each chunk that comes, before anything else is done with it. */
  weigh(bytes: number): void {
    this.weight += bytes + chunkOverhead
    for (const chunk of this.pending.values()) {
      if (this.weight - chunk.weight <= this.gatherBytes) return
      this.giveUp(chunk, "crowded")
    }
  }

  add(gathering: Gathering<P>, index: number, source: string, place: Place, payload: P): void {
    const before = gathering.chunks.get(index)
    if (before !== undefined) this.pending.delete(before.offset)
    const { offset } = place
    const chunk = { offset, source, number: gathering.number, weight: this.weight, payload }
    gathering.chunks.set(index, chunk)
    this.pending.set(offset, chunk)
  }

  /** Nothing late can follow what lies before it. */
  settle(settled: number): void {
    this.settled = Math.max(this.settled, settled)
    for (const [offset, chunk] of this.pending) {
      if (offset >= this.settled) return
      this.giveUp(chunk, "unfinished")
    }
  }

  /** All chunks of a complete round; its payloads are handed out once. */
  complete(gathering: Gathering<P>): { readonly parts: ReadonlyArray<P>; readonly first: number } {
    const parts: Array<P> = []
    let first = Number.POSITIVE_INFINITY
    for (let index = 1; index <= gathering.count; index++) {
      const chunk = gathering.chunks.get(index)!
      first = Math.min(first, chunk.offset)
      if (chunk.payload !== undefined) parts.push(chunk.payload)
      chunk.payload = undefined
      this.pending.delete(chunk.offset)
    }
    return { parts, first }
  }

  /** The lowest offset of an unfinished round's chunk that counts; `position` where there is none. */
  first(position: number, counts: (chunk: Chunk<P>) => boolean): number {
    for (const [offset, chunk] of this.pending) if (counts(chunk)) return Math.min(position, offset)
    return position
  }

  anyAlive(gathering: Gathering<P>): boolean {
    return [...gathering.chunks.values()].some((chunk) => this.alive(chunk))
  }

  allAlive(gathering: Gathering<P>): boolean {
    return [...gathering.chunks.values()].every((chunk) => this.alive(chunk))
  }

  dropDead(gathering: Gathering<P>): void {
    for (const [index, chunk] of gathering.chunks) {
      if (this.alive(chunk)) continue
      gathering.chunks.delete(index)
      this.giveUp(chunk, "unfinished")
    }
  }

  /** Answers how many chunks of an unfinished round were lost. */
  drop(gathering: Gathering<P>, cause: GivenUp): number {
    let lost = 0
    for (const chunk of gathering.chunks.values()) if (this.giveUp(chunk, cause)) lost++
    gathering.chunks.clear()
    return lost
  }

  private alive(chunk: Chunk<P>): boolean {
    return chunk.offset >= this.settled && chunk.offset >= this.kept() && this.weight - chunk.weight <= this.gatherBytes
  }

  /** False where the round was complete already: nothing is lost then. */
  private giveUp(chunk: Chunk<P>, cause: GivenUp): boolean {
    if (!this.pending.delete(chunk.offset)) return false
    chunk.payload = undefined
    this.givenUp[cause]++
    return true
  }
}
