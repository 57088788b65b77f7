/**
 * Codecs: how record batches are unpacked: by all of Kafka's codecs, since any producer may write the topic. What unpacks to a few megabytes is
 * unpacked here, at once and in place, everything else piece by piece (Unpacking). What is written is packed by produce/Packing.
 */
import { gunzipSync, zstdDecompressSync } from "node:zlib"
import { free } from "./AnswerMemory.ts"
import { unpackSmallLz4 } from "./Lz4.ts"
import { unpackSmallSnappy } from "./Snappy.ts"
import { ZstdFrames } from "./ZstdFrames.ts"

/** Packed, and unpacked: a few milliseconds of the event loop. A trip to the thread pool costs more CPU than it saves. */
const SMALL_PACKED = 512 * 1024
const SMALL_UNPACKED = 4 * 1024 * 1024
/** Of the output, made at once: what most batches need. */
const CHUNK = 256 * 1024

const bound = { maxOutputLength: SMALL_UNPACKED, chunkSize: CHUNK }

/** Queues count bytes, not the room around them. */
const fitting = (plain: Buffer): Buffer => {
  if (plain.buffer.byteLength <= plain.length * 1.25) return plain
  const copy = Buffer.allocUnsafeSlow(plain.length)
  copy.set(plain)
  free(plain)
  return copy
}

/**
 * A whole batch at once, or undefined where it is not a small one, or where anything is the matter with it: Unpacking then reads as much of it
 * as can be read and says what is wrong.
 */
export const unpackSmall = (codec: number, packed: Buffer): Buffer | undefined => {
  if (packed.length > SMALL_PACKED) return undefined
  switch (codec) {
    case 1:
      return inPlace(gunzipSync, packed)
    case 2:
      return unpackSmallSnappy(packed, SMALL_UNPACKED)
    case 3:
      return unpackSmallLz4(packed, SMALL_UNPACKED)
    case 4:
      return isSmallFrame(packed) ? inPlace(zstdDecompressSync, packed) : undefined
    default:
      return undefined
  }
}

const inPlace = (unpack: (packed: Buffer, options: typeof bound) => Buffer, packed: Buffer): Buffer | undefined => {
  try {
    return fitting(unpack(packed, bound))
  } catch {
    return undefined
  }
}

/** One frame and nothing else, as far as it can be told not a large one. */
const isSmallFrame = (packed: Buffer): boolean => {
  try {
    const frame = new ZstdFrames(packed).next()
    const { bytes, skippable, whole, plain = 0 } = frame!
    return whole && !skippable && bytes.length === packed.length && plain <= SMALL_UNPACKED
  } catch {
    return false
  }
}
