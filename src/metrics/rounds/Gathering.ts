/**
 * Gathering: the chunks of unfinished rounds of a partition, and how long each of them counts. Pure. Each chunk costs the same, however
 * many there are.
 *
 * A chunk is alive until more than `sourceBytes` of its source's chunks came after it, or more than `gatherBytes` of all sources',
 * of which each counts with its latest `sourceBytes` at most: one sender's flood takes its own rounds away and not everybody's.
 * What became of those does not matter, nor what came before: an owner that started later counts the same.
 *
 * An owner that is past its fence also gives up what is settled, for good. That need not be decided
 * alike: an owner that keeps a chunk for longer completes a round more, and shows something newer. While it replays an owner
 * gives up nothing that way: the one before may have completed it. A chunk given up frees its bytes and is counted by cause. Of a
 * complete round's chunks only that they came is remembered, until no new owner can see them.
 */
import { Chain, type Link } from "./Chain.ts"
import type { RoundNumber } from "./Record.ts"

export interface Place {
  readonly offset: number
}

/** A chunk that came. */
export interface Chunk<P> extends Place {
  readonly sender: Sender<P>
  /** What it counts. */
  readonly bytes: number
  index: number
  /** As things were when it came, its round would have been ignored. */
  stale: boolean
  /** The round that it is part of, if it still is. */
  gathering: Gathering<P> | undefined
  /** Undefined once its round was complete or it was given up. */
  payload: P | undefined
  /** Where it is among all chunks, its round's, and those with a payload. */
  all: Link<Chunk<P>> | undefined
  link: Link<Chunk<P>> | undefined
  waiting: Link<Chunk<P>> | undefined
}

/** The latest copies of one round's chunks. */
export interface Gathering<P> {
  readonly number: RoundNumber | undefined
  readonly count: number
  readonly byIndex: Map<number, Chunk<P>>
  /** In the order in which they came: those with a payload are the last ones. */
  readonly chunks: Chain<Chunk<P>>
  /** Among its source's, where it is numbered. */
  link: Link<Gathering<P>> | undefined
}

/** The chunks of one source. */
export interface Sender<P> {
  readonly source: string
  readonly chunks: Chain<Chunk<P>>
  bytes: number
  /** The numbered ones. Each began after all chunks of those before it came, which are higher: else it was superseded. */
  readonly rounds: Chain<Gathering<P>>
  unnumbered: Gathering<P> | undefined
}

export type GivenUp = "superseded" | "unfinished" | "crowded" | "conflict"

export interface GatherLimits {
  readonly gatherBytes: number
  /** Of one source. */
  readonly sourceBytes: number
}

/** What a chunk of a round of its own takes at most besides its bytes, and counts (`node --expose-gc test/metrics/worst/measure.ts`). */
export const chunkOverhead = 1536
/** Of that what is here: of a chunk, whatever became of it, of a round and of a source. */
const chunkBytes = 320
const roundBytes = 420
const senderBytes = 320

export class Gatherings<P> {
  /** Chunks given up, by cause. */
  readonly givenUp: Record<GivenUp, number> = { superseded: 0, unfinished: 0, crowded: 0, conflict: 0 }
  private readonly limits: GatherLimits
  private readonly kept: () => number
  private readonly leaves: (payload: P) => void
  private readonly senders = new Map<string, Sender<P>>()
  private readonly all = new Chain<Chunk<P>>()
  private count = 0
  private rounds = 0
  /** Of all chunks that still count, whatever became of them. */
  private bytes = 0
  /** Of unfinished rounds. */
  private readonly fresh = new Chain<Chunk<P>>()
  private readonly stale = new Chain<Chunk<P>>()
  /** Chunks before it were given up as settled. */
  private settled = 0

  /** `kept`: no new owner begins before it. `leaves`: a payload that is handed out or given up. */
  constructor(limits: GatherLimits, kept: () => number, leaves: (payload: P) => void = () => {}) {
    this.limits = limits
    this.kept = kept
    this.leaves = leaves
  }

  /** What they take besides their payloads. */
  get overhead(): number {
    return this.count * chunkBytes + this.rounds * roundBytes + this.senders.size * senderBytes
  }

  of(source: string): Sender<P> | undefined {
    return this.senders.get(source)
  }

  /** Each chunk that comes, before anything else is done with it. */
  enter(source: string, { offset }: Place, length: number): Chunk<P> {
    this.advance()
    let sender = this.senders.get(source)
    if (sender === undefined) {
      sender = { source, chunks: new Chain(), bytes: 0, rounds: new Chain(), unnumbered: undefined }
      this.senders.set(source, sender)
    }
    const bytes = length + chunkOverhead
    const none = { gathering: undefined, payload: undefined, all: undefined, link: undefined, waiting: undefined }
    const chunk: Chunk<P> = { offset, sender, bytes, index: 0, stale: false, ...none }
    chunk.all = this.all.push(chunk)
    sender.chunks.push(chunk)
    sender.bytes += bytes
    this.bytes += bytes
    this.count++
    const { gatherBytes, sourceBytes } = this.limits
    while (sender.bytes - sender.chunks.head!.item.bytes > sourceBytes) this.end(sender.chunks.head!.item, "crowded")
    while (this.bytes - this.all.head!.item.bytes > gatherBytes) this.end(this.all.head!.item, "crowded")
    return chunk
  }

  /** A round lower than all of its source, or one without a number. */
  begin(sender: Sender<P>, number: RoundNumber | undefined, count: number): Gathering<P> {
    const gathering: Gathering<P> = { number, count, byIndex: new Map(), chunks: new Chain(), link: undefined }
    this.rounds++
    if (number === undefined) sender.unnumbered = gathering
    else gathering.link = sender.rounds.push(gathering)
    return gathering
  }

  /** `stale`: as things are the round would be ignored. It holds no commit back, also later: L covers it. */
  add(gathering: Gathering<P>, index: number, chunk: Chunk<P>, payload: P, stale: boolean): void {
    const before = gathering.byIndex.get(index)
    if (before !== undefined) this.take(before)
    chunk.gathering = gathering
    chunk.index = index
    chunk.payload = payload
    chunk.stale = stale
    chunk.link = gathering.chunks.push(chunk)
    chunk.waiting = (stale ? this.stale : this.fresh).push(chunk)
    gathering.byIndex.set(index, chunk)
  }

  /** Nothing late can follow what lies before it. */
  settle(settled: number): void {
    this.settled = Math.max(this.settled, settled)
    this.advance()
  }

  /** What no owner can see any more, or is settled, counts no longer: all before some offset. */
  advance(): void {
    const from = Math.max(this.settled, this.kept())
    for (let first = this.all.head; first !== undefined && first.item.offset < from; first = this.all.head)
      this.end(first.item, "unfinished")
  }

  /** All chunks of a complete round; its payloads are handed out once. */
  complete(gathering: Gathering<P>): { readonly parts: ReadonlyArray<P>; readonly first: number } {
    const first = gathering.chunks.head!.item.offset
    const chunks: Array<Chunk<P>> = []
    for (let link = gathering.chunks.tail; link?.item.payload !== undefined; link = link.before) chunks.push(link.item)
    const parts: Array<P> = []
    for (const chunk of chunks.sort((a, b) => a.index - b.index)) {
      const payload = chunk.payload!
      parts.push(payload)
      this.free(chunk)
      this.leaves(payload)
    }
    return { parts, first }
  }

  /** The lowest offset of an unfinished round's chunk that may still be accepted; `position` where there is none. */
  committable(position: number): number {
    return Math.min(position, this.fresh.head?.item.offset ?? position)
  }

  /** The same of all that are unfinished. */
  lowest(position: number): number {
    return Math.min(this.committable(position), this.stale.head?.item.offset ?? position)
  }

  /** After it nothing of the source's unfinished rounds counts; -Infinity where there are none. */
  until(source: string): number {
    const sender = this.senders.get(source)
    if (sender?.rounds.head === undefined && sender?.unnumbered === undefined) return Number.NEGATIVE_INFINITY
    return sender.chunks.tail!.item.offset
  }

  /** Answers how many chunks of an unfinished round were lost. */
  drop(sender: Sender<P>, gathering: Gathering<P>, cause: GivenUp): number {
    let lost = 0
    for (let link = gathering.chunks.head; link !== undefined; link = gathering.chunks.head)
      if (this.take(link.item, cause)) lost++
    this.forget(sender, gathering)
    return lost
  }

  /** It is the first one of its source. */
  private end(chunk: Chunk<P>, cause: GivenUp): void {
    const { sender, gathering } = chunk
    this.all.unlink(chunk.all!)
    sender.chunks.unlink(sender.chunks.head!)
    sender.bytes -= chunk.bytes
    this.bytes -= chunk.bytes
    this.count--
    this.take(chunk, cause)
    // Without a number chunks are in order: without the first there is none.
    if (gathering !== undefined && gathering === sender.unnumbered) this.drop(sender, gathering, "unfinished")
    else if (gathering?.byIndex.size === 0) this.forget(sender, gathering)
    if (sender.chunks.head === undefined) this.senders.delete(sender.source)
  }

  /** Out of its round. False where the round was complete already: nothing is lost then. */
  private take(chunk: Chunk<P>, cause?: GivenUp): boolean {
    const { gathering, payload } = chunk
    if (gathering === undefined) return false
    gathering.chunks.unlink(chunk.link!)
    gathering.byIndex.delete(chunk.index)
    chunk.gathering = undefined
    if (payload === undefined) return false
    this.free(chunk)
    this.leaves(payload)
    if (cause !== undefined) this.givenUp[cause]++
    return true
  }

  private free(chunk: Chunk<P>): void {
    ;(chunk.stale ? this.stale : this.fresh).unlink(chunk.waiting!)
    chunk.waiting = chunk.payload = undefined
  }

  private forget(sender: Sender<P>, gathering: Gathering<P>): void {
    this.rounds--
    if (gathering.link !== undefined) sender.rounds.unlink(gathering.link)
    else if (sender.unnumbered === gathering) sender.unnumbered = undefined
  }
}
