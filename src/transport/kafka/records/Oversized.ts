/**
 * Oversized: a record that is longer than the limit, read without being held: its value is passed over, its key and headers are kept
 * as copies within bounds of their own. Fed with the bytes after the record's length, in pieces of any size. Throws UnreadableBytes.
 */
import { Headers } from "./RecordHeaders.ts"
import { malformed } from "./UnreadableBytes.ts"

/** Of a longer key the beginning is kept: longer than any source's id. */
const MAX_KEY = 64 * 1024
/** What would take more is passed over, with all that comes after it. */
const MAX_HEADERS = 256 * 1024

export interface PassedOver {
  readonly timestampDelta: number
  readonly offsetDelta: number
  readonly key: Uint8Array | null
  readonly valueBytes: number
  readonly headers: Readonly<Record<string, Uint8Array>>
}

/** Asks for so many bytes, or, negative, to pass so many over. */
type Wish = number

const nothing = new Uint8Array(0)

export class Oversized {
  /** Set when the record is over. */
  read: PassedOver | undefined
  readonly #reading: Generator<Wish, PassedOver, Uint8Array>
  /** What is left to be passed over. */
  #skip = 0
  #wanted: Uint8Array = nothing
  #have = 0

  constructor(bytes: number) {
    this.#reading = reading(bytes)
    this.#go(nothing)
  }

  /** Answers how many of the bytes it took: all of them, unless the record is over. */
  feed(bytes: Uint8Array): number {
    let at = 0
    while (this.read === undefined && at < bytes.length) {
      if (this.#skip > 0) {
        const some = Math.min(this.#skip, bytes.length - at)
        this.#skip -= some
        at += some
        if (this.#skip === 0) this.#go(nothing)
        continue
      }
      const some = Math.min(this.#wanted.length - this.#have, bytes.length - at)
      this.#wanted.set(bytes.subarray(at, at + some), this.#have)
      this.#have += some
      at += some
      if (this.#have === this.#wanted.length) this.#go(this.#wanted)
    }
    return at
  }

  #go(bytes: Uint8Array): void {
    for (let given = bytes; ; given = nothing) {
      const step = this.#reading.next(given)
      if (step.done === true) {
        this.read = step.value
        return
      }
      if (step.value === 0) continue
      this.#skip = Math.max(0, -step.value)
      this.#wanted = new Uint8Array(Math.max(0, step.value))
      this.#have = 0
      return
    }
  }
}

function* reading(bytes: number): Generator<Wish, PassedOver, Uint8Array> {
  let left = bytes
  const use = (n: number): number => {
    if (n < 0 || n > left) throw malformed("a field is longer than its record")
    left -= n
    return n
  }
  function* varint(): Generator<Wish, number, Uint8Array> {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = (yield use(1))[0]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw malformed("a number is malformed")
  }
  /** Null where the length says so. */
  function* field(most: number): Generator<Wish, Uint8Array | null, Uint8Array> {
    const length = yield* varint()
    if (length < 0) return null
    const kept = yield use(Math.min(length, most))
    yield -use(length - kept.length)
    return kept
  }

  // Attributes, of which there are none.
  yield -use(1)
  const timestampDelta = yield* varint()
  const offsetDelta = yield* varint()
  const key = yield* field(MAX_KEY)
  const valueBytes = Math.max(0, yield* varint())
  yield -use(valueBytes)
  const headers = new Headers()
  let room = MAX_HEADERS
  const count = yield* varint()
  for (let i = 0; i < count; i++) {
    const name = (yield* field(room)) ?? nothing
    room -= name.length
    const value = (yield* field(room)) ?? nothing
    // One more, so that a field that fits exactly is not taken for one that was cut.
    room -= value.length + 1
    if (room <= 0) break
    headers[Buffer.from(name).toString("utf8")] = value
  }
  yield -use(left)
  return { timestampDelta, offsetDelta, key, valueBytes, headers }
}
