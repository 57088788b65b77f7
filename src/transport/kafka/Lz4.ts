/**
 * Lz4: unpacks LZ4 frames, with the library's WebAssembly. Owned here is only the bound: the frame's headers are walked first, so that
 * a frame that would unpack to much more than `max` is refused before it takes the memory. Throws on anything malformed.
 */
import { lz4Decompress } from "@platformatic/wasm-utils"

const MAGIC = 0x184d2204

/** At most one block (4 MiB) less than what the frame unpacks to, read off its headers alone. */
const atLeast = (packed: Buffer): number => {
  if (packed.length < 7 || packed.readUInt32LE(0) !== MAGIC) throw new Error("lz4: not a frame")
  const flags = packed[4]!
  const blockChecksum = (flags & 0x10) !== 0 ? 4 : 0
  const blockSize = 1 << (8 + 2 * ((packed[5]! >>> 4) & 7))
  // Frame descriptor: flags, block size, then content size and dictionary id where flagged, then its checksum.
  let at = 6 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0) + 1
  for (let blocks = 0; ; blocks++) {
    if (at + 4 > packed.length) throw new Error("lz4: the frame is cut off")
    const head = packed.readUInt32LE(at)
    if (head === 0) return Math.max(0, blocks - 1) * blockSize
    at += 4 + (head & 0x7fffffff) + blockChecksum
  }
}

export const unpackLz4 = (packed: Buffer, max: number): Buffer => {
  if (atLeast(packed) > max) throw new Error(`lz4: unpacks to more than ${max} bytes`)
  let plain: Buffer
  try {
    plain = lz4Decompress(packed)
  } catch (error) {
    throw new Error(`lz4: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (plain.length > max) throw new Error(`lz4: unpacks to ${plain.length} bytes, more than ${max}`)
  return plain
}
