/**
 * Snappy: both forms found in Kafka topics: raw blocks (librdkafka) and the Java library's framing of blocks. The blocks are
 * unpacked by the library's WebAssembly; owned here are the framing and the bound, read off each block's own length
 * before anything is unpacked. Throws on anything malformed and on more than `max` bytes.
 */
import { snappyDecompress } from "@platformatic/wasm-utils"

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16

export const unpackSnappy = (packed: Buffer, max: number): Buffer => {
  if (packed.length < XERIAL_HEADER || packed.compare(XERIAL, 0, 8, 0, 8) !== 0) return unpackBlock(packed, max)
  const blocks: Array<Buffer> = []
  let total = 0
  for (let at = XERIAL_HEADER; at < packed.length; ) {
    const size = packed.readInt32BE(at)
    at += 4
    if (size < 0 || size > packed.length - at) throw new Error("snappy: a block is cut off")
    const block = unpackBlock(packed.subarray(at, at + size), max - total)
    total += block.length
    blocks.push(block)
    at += size
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks)
}

const unpackBlock = (packed: Buffer, max: number): Buffer => {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = packed[at++]
    if (byte === undefined || shift > 28) throw new Error("snappy: the length is malformed")
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > max) throw new Error(`snappy: unpacks to ${size} bytes, more than ${max}`)
  let plain: Buffer
  try {
    plain = snappyDecompress(packed)
  } catch (error) {
    throw new Error(`snappy: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (plain.length !== size) throw new Error("snappy: the block is not as long as it says")
  return plain
}
