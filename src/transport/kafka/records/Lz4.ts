/**
 * Lz4: unpacks LZ4 frames. One frame that unpacks to little goes through the library's WebAssembly in one go; everything else through our own
 * decoder, block by block, with the 64 KB before it that a block may refer to: several frames, skippable ones, blocks of any
 * kind. Throws UnreadableBytes. Checksums inside the frames are not looked at: the batch has one over all of them.
 */
import { lz4Decompress } from "@platformatic/wasm-utils"
import { cutOff, malformed } from "./UnreadableBytes.ts"

const MAGIC = 0x184d2204
const SKIPPABLE = 0x184d2a50
/** How far back a block may refer. */
const WINDOW = 64 * 1024
const MIN_MATCH = 4
/** Handed out at a time: blocks may have 4 MB. */
const PIECE = 512 * 1024

/** Undefined where it is not one whole frame of at most `max` bytes, or not a frame that the library reads. */
export const unpackSmallLz4 = (packed: Buffer, max: number): Buffer | undefined => {
  try {
    if (atMost(packed) > max) return undefined
    return lz4Decompress(packed)
  } catch {
    // The other decoder says what is wrong, if anything is.
    return undefined
  }
}

/** What a single frame may unpack to, read off its headers alone; Infinity where it is not just that. */
const atMost = (packed: Buffer): number => {
  const frame = readHeader(packed, 0)
  if (frame === undefined) return Number.POSITIVE_INFINITY
  let at = frame.blocks
  for (let plain = 0; ; plain += frame.blockSize) {
    if (at + 4 > packed.length) return Number.POSITIVE_INFINITY
    const head = packed.readUInt32LE(at)
    at += 4
    if (head === 0) return at + frame.checksum === packed.length ? plain : Number.POSITIVE_INFINITY
    at += (head & 0x7fffffff) + frame.blockChecksum
  }
}

interface Frame {
  /** Where its blocks begin. */
  readonly blocks: number
  readonly blockSize: number
  readonly linked: boolean
  readonly blockChecksum: number
  /** Behind its last block. */
  readonly checksum: number
}

/** Undefined for a skippable one. */
const readHeader = (packed: Buffer, at: number): Frame | undefined => {
  if (at + 7 > packed.length) throw cutOff("lz4: a frame's header is cut off")
  const magic = packed.readUInt32LE(at)
  if (magic >= SKIPPABLE && magic < SKIPPABLE + 16) return undefined
  const flags = packed[at + 4]!
  const size = (packed[at + 5]! >>> 4) & 7
  if (magic !== MAGIC || flags >>> 6 !== 1 || size < 4) throw malformed("lz4: not a frame")
  return {
    // Flags, block size, then content size and dictionary id where flagged, then the header's checksum.
    blocks: at + 7 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0),
    blockSize: 1 << (8 + 2 * size),
    linked: (flags & 0x20) === 0,
    blockChecksum: (flags & 0x10) !== 0 ? 4 : 0,
    checksum: (flags & 0x04) !== 0 ? 4 : 0
  }
}

/** Good until the next one is asked for. */
export function* lz4Pieces(packed: Buffer): Generator<Uint8Array, void, void> {
  for (let at = 0; at < packed.length; ) {
    const frame = readHeader(packed, at)
    if (frame === undefined) {
      if (at + 8 > packed.length) throw cutOff("lz4: a frame's header is cut off")
      at += 8 + packed.readUInt32LE(at + 4)
      if (at > packed.length) throw cutOff("lz4: a skippable frame is cut off")
      continue
    }
    // What came before, then the block.
    const plain = Buffer.allocUnsafe(WINDOW + frame.blockSize)
    let known = 0
    at = frame.blocks
    for (;;) {
      if (at + 4 > packed.length) throw cutOff("lz4: a frame is cut off")
      const head = packed.readUInt32LE(at)
      at += 4
      if (head === 0) break
      const end = at + (head & 0x7fffffff)
      if (end > packed.length) throw cutOff("lz4: a block is cut off")
      let size = end - at
      if (head >>> 31 === 1) {
        if (size > frame.blockSize) throw malformed("lz4: a block is longer than the frame says")
        plain.set(packed.subarray(at, end), WINDOW)
      } else size = unpackBlock(packed, at, end, plain, frame.linked ? WINDOW - known : WINDOW) - WINDOW
      for (let done = 0; done < size; done += PIECE)
        yield plain.subarray(WINDOW + done, WINDOW + Math.min(size, done + PIECE))
      at = end + frame.blockChecksum
      if (!frame.linked) continue
      known = Math.min(WINDOW, known + size)
      plain.copyWithin(WINDOW - known, WINDOW + size - known, WINDOW + size)
    }
    at += frame.checksum
    if (at > packed.length) throw cutOff("lz4: a frame is cut off")
  }
}

/** Into `to` from WINDOW on; matches may lie as far back as `floor`. Answers where it ends. */
const unpackBlock = (from: Buffer, start: number, end: number, to: Buffer, floor: number): number => {
  let at = start
  let out = WINDOW
  const length = (first: number): number => {
    let n = first
    if (first < 15) return n
    for (;;) {
      if (at >= end) throw malformed("lz4: a block is malformed")
      const byte = from[at++]!
      n += byte
      if (byte < 255) return n
    }
  }
  while (at < end) {
    const token = from[at++]!
    const literals = length(token >>> 4)
    if (literals > end - at || literals > to.length - out) throw malformed("lz4: a block is malformed")
    if (literals > 32) to.set(from.subarray(at, at + literals), out)
    else for (let i = 0; i < literals; i++) to[out + i] = from[at + i]!
    at += literals
    out += literals
    // The last sequence is literals only.
    if (at === end) return out
    if (at + 2 > end) throw malformed("lz4: a block is malformed")
    const back = from[at]! | (from[at + 1]! << 8)
    at += 2
    const match = length(token & 15) + MIN_MATCH
    if (back === 0 || out - back < floor || match > to.length - out) throw malformed("lz4: a block is malformed")
    copyBack(to, out, back, match)
    out += match
  }
  throw malformed("lz4: a block is malformed")
}

/** Repeats what stands `back` bytes before; it may reach into itself. */
export const copyBack = (bytes: Buffer, at: number, back: number, length: number): void => {
  if (back >= length && length > 32) bytes.copyWithin(at, at - back, at - back + length)
  else for (let i = 0; i < length; i++) bytes[at + i] = bytes[at - back + i]!
}
