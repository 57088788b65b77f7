/**
 * ZstdFrames: where each frame of a zstd stream ends, read off its headers alone (RFC 8878). Node's decoders, at once and streaming, stop
 * after the first frame without saying so. Pure. Throws UnreadableBytes where no frame begins.
 */
import { malformed } from "./UnreadableBytes.ts"

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
/** Decoders refuse more where they are not told otherwise: Node's, Kafka's and librdkafka's. */
const MAX_WINDOW = 2 ** 27

export interface ZstdFrame {
  readonly bytes: Buffer
  /** What readers must pass over. */
  readonly skippable: boolean
  /** False: the bytes end before the frame does. */
  readonly whole: boolean
  /** Where the frame says what it unpacks to. */
  readonly plain: number | undefined
  /** What a decoder must hold of what it unpacked. */
  readonly window: number
}

export class ZstdFrames {
  readonly #packed: Buffer
  #at = 0

  constructor(packed: Buffer) {
    this.#packed = packed
  }

  /** Undefined at the end. */
  next(): ZstdFrame | undefined {
    const start = this.#at
    const packed = this.#packed
    if (start === packed.length) return undefined
    const magic = start + 4 > packed.length ? -1 : packed.readUInt32LE(start)
    const skippable = magic >= SKIPPABLE && magic < SKIPPABLE + 16
    if (magic !== MAGIC && !skippable) throw malformed("what stands between the zstd frames is none")
    const { end, plain, window } = skippable
      ? { end: skippableEnd(packed, start), plain: 0, window: 0 }
      : dataEnd(packed, start)
    const whole = end <= packed.length
    this.#at = whole ? end : packed.length
    return { bytes: packed.subarray(start, this.#at), skippable, whole, plain, window }
  }
}

const skippableEnd = (packed: Buffer, start: number): number =>
  start + 8 > packed.length ? packed.length + 1 : start + 8 + packed.readUInt32LE(start + 4)

const dictionaryBytes = [0, 1, 2, 4]

/** An end beyond the bytes where they are cut off. */
const dataEnd = (packed: Buffer, start: number): Pick<ZstdFrame, "plain" | "window"> & { readonly end: number } => {
  const beyond = { end: packed.length + 1, plain: undefined, window: 0 }
  if (start + 5 > packed.length) return beyond
  const descriptor = packed[start + 4]!
  const single = (descriptor & 0x20) !== 0
  const sizeFlag = descriptor >>> 6
  const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag
  const sizeAt = start + 5 + (single ? 0 : 1) + dictionaryBytes[descriptor & 3]!
  let at = sizeAt + sizeBytes
  if (at > packed.length) return beyond
  const plain =
    sizeBytes === 0
      ? undefined
      : sizeBytes === 1
        ? packed[sizeAt]!
        : sizeBytes === 2
          ? packed.readUInt16LE(sizeAt) + 256
          : sizeBytes === 4
            ? packed.readUInt32LE(sizeAt)
            : packed.readUInt32LE(sizeAt) + packed.readUInt32LE(sizeAt + 4) * 2 ** 32
  const windowByte = packed[start + 5]!
  const window = single ? (plain ?? 0) : 2 ** (10 + (windowByte >>> 3)) * (1 + (windowByte & 7) / 8)
  for (;;) {
    if (at + 3 > packed.length) return { ...beyond, plain, window }
    const block = packed.readUIntLE(at, 3)
    const type = (block >>> 1) & 3
    if (type === 3) throw malformed("a zstd block is of no known type")
    // One that repeats a byte holds only that.
    at += 3 + (type === 1 ? 1 : block >>> 3)
    if ((block & 1) !== 0) return { end: at + ((descriptor & 0x04) !== 0 ? 4 : 0), plain, window }
  }
}

/** The largest of all frames; of no more than zstd decoders take. */
export const zstdWindow = (packed: Buffer): number => {
  const frames = new ZstdFrames(packed)
  let window = 0
  try {
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) window = Math.max(window, frame.window)
  } catch {
    // What is unpacked up to there counts; the rest is whoever unpacks it to refuse.
  }
  return Math.min(window, MAX_WINDOW)
}
