/**
 * Snappy: both forms found in Kafka topics: raw blocks (librdkafka) and the Java library's framing of blocks. What unpacks to little goes
 * through the library's WebAssembly in one go; everything else through our own decoder, piece by piece. Throws UnreadableBytes.
 *
 * Owned here are the framing and the bounds. A block may refer back to anywhere in itself; no compressor looks further back than
 * 64 KB, and one that did is malformed here: held would be a window, not the block.
 */
import { snappyDecompress } from "@platformatic/wasm-utils"
import { copyBack } from "./Lz4.ts"
import { cutOff, malformed, type UnreadableBytes } from "./UnreadableBytes.ts"

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16
const WINDOW = 64 * 1024
/** Of output at a time. */
const PIECE = 256 * 1024
/** What an element may add to a piece that is almost full. */
const MAX_COPY = 64

interface Block {
  readonly start: number
  readonly end: number
}

const isFramed = (packed: Buffer): boolean => packed.length >= XERIAL_HEADER && packed.compare(XERIAL, 0, 8, 0, 8) === 0

function* blocksOf(packed: Buffer): Generator<Block, void, void> {
  if (!isFramed(packed)) {
    yield { start: 0, end: packed.length }
    return
  }
  for (let at = XERIAL_HEADER; at < packed.length; ) {
    if (at + 4 > packed.length) throw cutOff("snappy: a block is cut off")
    const size = packed.readInt32BE(at)
    at += 4
    if (size < 0) throw malformed("snappy: a block's length is malformed")
    if (size > packed.length - at) throw cutOff("snappy: a block is cut off")
    yield { start: at, end: at + size }
    at += size
  }
}

/** What a block says that it unpacks to, and where its elements begin. */
const lengthOf = (packed: Buffer, { start, end }: Block): { readonly plain: number; readonly at: number } => {
  let plain = 0
  for (let at = start, shift = 0; at < end && shift <= 28; shift += 7) {
    const byte = packed[at++]!
    plain += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return { plain, at }
  }
  throw malformed("snappy: the length is malformed")
}

/** Undefined where it unpacks to more than `max` bytes, or not at all. */
export const unpackSmallSnappy = (packed: Buffer, max: number): Buffer | undefined => {
  try {
    const blocks = [...blocksOf(packed)]
    if (blocks.reduce((sum, block) => sum + lengthOf(packed, block).plain, 0) > max) return undefined
    const plain = blocks.map((block) => snappyDecompress(packed.subarray(block.start, block.end)))
    if (plain.some(({ length }, i) => length !== lengthOf(packed, blocks[i]!).plain)) return undefined
    return plain.length === 1 ? plain[0] : Buffer.concat(plain)
  } catch {
    // The other decoder says what is wrong, if anything is.
    return undefined
  }
}

const broken = (): UnreadableBytes => malformed("snappy: a block is malformed")

export function* snappyPieces(packed: Buffer): Generator<Uint8Array, void, void> {
  const plain = Buffer.allocUnsafe(WINDOW + PIECE + MAX_COPY)
  for (const block of blocksOf(packed)) {
    const { plain: length, at } = lengthOf(packed, block)
    yield* pieces(packed, at, block.end, length, plain)
  }
}

/** The elements of one block, in [at, end), through a buffer that keeps the window before what is new. */
function* pieces(
  packed: Buffer,
  start: number,
  end: number,
  length: number,
  plain: Buffer
): Generator<Uint8Array, void, void> {
  let at = start
  /** Where what was not handed out yet begins, and ends. */
  let fresh = 0
  let out = 0
  let left = length
  const handedOut = (): void => {
    const kept = Math.min(out, WINDOW)
    plain.copyWithin(0, out - kept, out)
    fresh = out = kept
  }
  const number = (bytes: number): number => {
    if (at + bytes > end) throw broken()
    const value = packed.readUIntLE(at, bytes)
    at += bytes
    return value
  }
  while (at < end) {
    const tag = packed[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let literals = tag >>> 2
      if (literals >= 60) literals = number(literals - 59)
      literals += 1
      if (literals > end - at || literals > left) throw broken()
      left -= literals
      while (literals > 0) {
        const some = Math.min(literals, fresh + PIECE - out)
        if (some > 32) plain.set(packed.subarray(at, at + some), out)
        else for (let i = 0; i < some; i++) plain[out + i] = packed[at + i]!
        at += some
        out += some
        literals -= some
        if (out - fresh < PIECE) continue
        yield plain.subarray(fresh, out)
        handedOut()
      }
      continue
    }
    const copied = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2)
    const back = kind === 1 ? ((tag >>> 5) << 8) | number(1) : number(kind === 2 ? 2 : 4)
    if (back === 0 || back > out || copied > left) throw broken()
    copyBack(plain, out, back, copied)
    out += copied
    left -= copied
    if (out - fresh < PIECE) continue
    yield plain.subarray(fresh, out)
    handedOut()
  }
  if (out > fresh) yield plain.subarray(fresh, out)
  if (left > 0) throw cutOff("snappy: a block ends too early")
}
