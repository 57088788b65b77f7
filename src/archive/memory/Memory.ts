/**
 * Memory: what an archive has seen of each stream of one partition, so that what an agent sends twice is archived once. It is a function of the log
 * alone: of a bounded number of streams, those whose records came last in the log. Whose stream is forgotten, and comes again, is news.
 *
 * Bytes: magic, count, then for each stream, in the order of the log: its name, what was reached, the gaps as differences; numbers of variable length.
 */
import { Seen } from "./Seen.ts"

const magic = Buffer.from("k2pseen1")

export class Memory {
  readonly #most: number
  /** In the order in which their last records came. */
  readonly #streams = new Map<string, Seen>()
  /** Whose record came last: mostly the next one is its, too. */
  #latest = { stream: "", seen: new Seen() }

  /** `most`: streams that are remembered. */
  constructor(most: number) {
    this.#most = most
  }

  get streams(): number {
    return this.#streams.size
  }

  /** What was seen of the stream of a record that comes now; the one whose last record came first may be forgotten for it. */
  of(stream: string): Seen {
    if (stream === this.#latest.stream) return this.#latest.seen
    const seen = this.#streams.get(stream) ?? new Seen()
    this.#streams.delete(stream)
    this.#streams.set(stream, seen)
    if (this.#streams.size > this.#most) this.#streams.delete(this.#streams.keys().next().value!)
    this.#latest = { stream, seen }
    return seen
  }

  entries(): Iterable<readonly [stream: string, seen: Seen]> {
    return this.#streams
  }

  encode(): Buffer {
    const numbers = new Numbers(magic.length + 16 + this.#streams.size * 48)
    numbers.bytes(magic)
    numbers.number(this.#streams.size)
    for (const [stream, { reached, gaps }] of this.#streams) {
      numbers.number(stream.length)
      numbers.latin1(stream)
      numbers.number(reached)
      numbers.number(gaps.length)
      let last = 0
      for (const gap of gaps) {
        numbers.number(gap - last)
        last = gap
      }
    }
    return numbers.written()
  }

  /** Undefined where the bytes are no memory. Of more than `most` streams the last ones are kept. */
  static decode(bytes: Uint8Array, most: number): Memory | undefined {
    const read = new Reading(bytes)
    if (!read.starts(magic)) return undefined
    const memory = new Memory(most)
    const count = read.number()
    for (let i = 0; i < count; i++) {
      const stream = read.latin1(read.number())
      const reached = read.number()
      const gaps: Array<number> = []
      const many = read.number()
      if (many > 1024) return undefined
      let last = 0
      for (let g = 0; g < many; g++) {
        last += read.number()
        gaps.push(last)
      }
      if (read.failed) return undefined
      if (count - i <= most) memory.#streams.set(stream, new Seen(reached, gaps))
    }
    return read.failed || !read.ended ? undefined : memory
  }
}

/** Writes numbers of seven bits a byte, the lowest first. */
class Numbers {
  #at = 0
  #buffer: Buffer

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes)
  }

  written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  latin1(text: string): void {
    this.#room(text.length)
    this.#at += this.#buffer.write(text, this.#at, "latin1")
  }

  number(n: number): void {
    this.#room(8)
    let rest = n
    while (rest >= 128) {
      this.#buffer[this.#at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#at++] = rest
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(2 * this.#buffer.length + bytes)
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}

/** What is not there reads as 0, and the reading has failed. */
class Reading {
  failed = false
  #at = 0
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length
  }

  starts(prefix: Buffer): boolean {
    this.#at = prefix.length
    return this.#bytes.subarray(0, prefix.length).equals(prefix)
  }

  latin1(length: number): string {
    const end = this.#at + length
    if (end > this.#bytes.length) this.failed = true
    if (this.failed) return ""
    const text = this.#bytes.toString("latin1", this.#at, end)
    this.#at = end
    return text
  }

  number(): number {
    let n = 0
    for (let factor = 1; !this.failed; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || factor > 2 ** 49) this.failed = true
      else {
        n += (byte & 127) * factor
        if (byte < 128) return n
      }
    }
    return 0
  }
}
