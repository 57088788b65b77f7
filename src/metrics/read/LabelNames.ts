/**
 * LabelNames: the names of the labels of one line so far, those in the line buffer and those of empty labels, which are none but whose names
 * are taken all the same.
 */

import type { LineBuffer } from "../text/LineBuffer.ts"
import { decode, encode, sameBytes } from "../text/Syntax.ts"

const NAME = encode("__name__")

export class LabelNames {
  /** Those in the line buffer. */
  count = 0
  private readonly line: LineBuffer
  private starts = new Int32Array(0)
  private ends = new Int32Array(0)
  private hashes = new Int32Array(0)
  private empty: Array<string> = []
  private emptyHashes: Array<number> = []

  constructor(line: LineBuffer) {
    this.line = line
  }

  /** No line has more. */
  reserve(names: number): void {
    if (this.starts.length >= names) return
    this.starts = new Int32Array(names)
    this.ends = new Int32Array(names)
    this.hashes = new Int32Array(names)
  }

  clear(): void {
    this.count = 0
    if (this.empty.length === 0) return
    this.empty = []
    this.emptyHashes = []
  }

  get size(): number {
    return this.count + this.empty.length
  }

  add(start: number, end: number, hash: number): void {
    const { count } = this
    this.starts[count] = start
    this.ends[count] = end
    this.hashes[count] = hash
    this.count = count + 1
  }

  addEmpty(start: number, end: number, hash: number): void {
    this.emptyHashes.push(hash)
    this.empty.push(decode(this.line.bytes, start, end))
  }

  /** Of the line before, at a place that this one has not reached. */
  hashAt(place: number): number {
    return this.hashes[place]!
  }

  lengthAt(place: number): number {
    return this.ends[place]! - this.starts[place]!
  }

  /** Whether the name in the line buffer is there already, or is the metric's, which no label may have. */
  has(start: number, end: number, hash: number): boolean {
    const { starts, ends, hashes, count, line } = this
    const { bytes } = line
    for (let k = 0; k < count; k++)
      if (hashes[k] === hash && sameBytes(bytes, start, end, bytes, starts[k]!, ends[k]!)) return true
    if (sameBytes(bytes, start, end, NAME, 0, NAME.length)) return true
    return this.emptyHashes.includes(hash) && this.empty.includes(decode(bytes, start, end))
  }

  /** The same for a name that is nowhere in the line yet. */
  uses(name: Uint8Array): boolean {
    const { starts, ends, count, line } = this
    for (let k = 0; k < count; k++) if (sameBytes(line.bytes, starts[k]!, ends[k]!, name, 0, name.length)) return true
    return false
  }
}
