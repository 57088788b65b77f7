/**
 * LineChunks: lines in, chunks out, each with the bytes that it holds of which family. A chunk ends where a family's lines
 * may end: never within a line, and never within the lines of one histogram or summary, unless those alone are longer
 * than several chunks. So whoever has the chunks up to some point has something valid. A chunk once given is the caller's;
 * one who is sure that nobody reads it any more may give its memory back, to be written over.
 */
import { chunkBytes } from "../../http/Outlet.ts"
import type { Family } from "../text/Dump.ts"
import { LineBuffer } from "../text/LineBuffer.ts"

/** A chunk that is filled line by line is full here: with what still must follow it seldom outgrows its memory. */
export const fullBytes = chunkBytes - 16 * 1024
/** Lines that belong together are not kept together beyond this. */
export const mostBytes = 2 * chunkBytes

export interface LineChunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** In order: the family's place in the body, and how many of the bytes are its lines. */
  readonly segments: ReadonlyArray<readonly [family: number, bytes: number]>
}

/** One body's chunks, as memory: fresh pages for each of them cost more than what is written there. */
export class ChunkMemory {
  /** For lines that lie apart. */
  readonly lines = new LineBuffer()
  private readonly spare: Array<ArrayBuffer> = []

  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.spare.pop() ?? new ArrayBuffer(chunkBytes))
  }

  give(memory: ArrayBuffer): void {
    if (memory.byteLength === chunkBytes) this.spare.push(memory)
  }
}

export class LineChunks {
  private readonly memory: ChunkMemory
  private bytes: Uint8Array<ArrayBuffer>
  private segments: Array<readonly [family: number, bytes: number]> = []
  private family = -1
  private segmentStart = 0
  /** Of the chunk that is being filled. */
  length = 0

  constructor(memory: ChunkMemory) {
    this.memory = memory
    this.bytes = memory.take()
  }

  /** A dump's lines, one behind the other: good until the next one's. */
  linesOf(family: Family): Uint8Array {
    return family.gather?.(this.memory.lines) ?? family.bytes
  }

  /** What comes is this family's. */
  begin(family: number): void {
    this.endSegment()
    this.family = family
  }

  put(from: Uint8Array, start = 0, end = from.length): void {
    const size = end - start
    const at = this.length
    if (at + size > this.bytes.length) this.grow(at + size)
    // Below some dozen bytes a loop beats the call.
    if (size > 48) this.bytes.set(from.subarray(start, end), at)
    else for (let i = 0; i < size; i++) this.bytes[at + i] = from[start + i]!
    this.length = at + size
  }

  /** The chunk ends here. */
  cut(): LineChunk {
    this.endSegment()
    const chunk = { bytes: this.bytes.subarray(0, this.length), segments: this.segments }
    this.bytes = this.memory.take()
    this.segments = []
    this.length = this.segmentStart = 0
    return chunk
  }

  private endSegment(): void {
    if (this.length > this.segmentStart) this.segments.push([this.family, this.length - this.segmentStart])
    this.segmentStart = this.length
  }

  private grow(wanted: number): void {
    const grown = new Uint8Array(Math.max(wanted, 2 * this.bytes.length))
    grown.set(this.bytes.subarray(0, this.length))
    this.memory.give(this.bytes.buffer)
    this.bytes = grown
  }
}
