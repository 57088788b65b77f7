/**
 * LineChunks: lines in, chunks out, each with the bytes that it holds of which family. A chunk ends where a family's lines
 * may end: never within a line, and never within the lines of one histogram or summary, unless those alone are longer
 * than several chunks. So whoever has the chunks up to some point has something valid. A chunk once given is the caller's.
 */
export const chunkBytes = 256 * 1024
/** Lines that belong together are not kept together beyond this. */
export const mostBytes = 4 * chunkBytes

export interface LineChunk {
  readonly bytes: Uint8Array
  /** In order: the family's place in the body, and how many of the bytes are its lines. */
  readonly segments: ReadonlyArray<readonly [family: number, bytes: number]>
}

export class LineChunks {
  private bytes = new Uint8Array(chunkBytes)
  private segments: Array<readonly [family: number, bytes: number]> = []
  private family = -1
  private segmentStart = 0
  /** Of the chunk that is being filled. */
  length = 0

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
    this.bytes = new Uint8Array(chunkBytes)
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
    this.bytes = grown
  }
}
