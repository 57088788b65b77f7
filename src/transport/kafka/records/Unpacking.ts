/**
 * Unpacking: the plain bytes of one compressed batch, piece by piece, whatever it unpacks to. A piece is good until the next one is asked
 * for. Memory is bounded by the codec: what it may refer back to (128 MiB at most, of zstd), and about a megabyte of output.
 *
 * Rejects with UnreadableBytes for what the bytes themselves say, always at the same place, and with any other error for what failed
 * here. `close` may be called at any time; nothing of it is used afterwards.
 */
import { setImmediate as turn } from "node:timers/promises"
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib"
import { lz4Pieces } from "./Lz4.ts"
import { snappyPieces } from "./Snappy.ts"
import { cutOff, malformed, UnreadableBytes } from "./UnreadableBytes.ts"
import { ZstdFrames } from "./ZstdFrames.ts"

export interface Unpacking {
  /** Undefined at the end. */
  readonly next: () => Promise<Uint8Array | undefined>
  readonly close: () => void
}

/** Of output that Node makes at a time, aside of the event loop. */
const PIECE = 512 * 1024

/** `packed` stays as it is until it is closed. Throws on a codec that is not Kafka's. */
export const unpacking = (codec: number, packed: Buffer): Unpacking => {
  switch (codec) {
    case 1:
      return inflating(createGunzip({ chunkSize: PIECE }), packed)
    case 2:
      return inPlace(snappyPieces(packed))
    case 3:
      return inPlace(lz4Pieces(packed))
    case 4:
      return zstd(packed)
    default:
      throw unknownCodec(codec)
  }
}

export const unknownCodec = (codec: number): UnreadableBytes =>
  new UnreadableBytes("codec", `compression codec ${codec} is none of Kafka's`)

/** Of our own decoders: on the event loop, with a turn for others after each piece. */
const inPlace = (pieces: Generator<Uint8Array, void, void>): Unpacking => ({
  next: async () => {
    await turn()
    const step = pieces.next()
    return step.done === true ? undefined : step.value
  },
  close: () => {}
})

/** Node's words for bytes that are not the codec's. Everything else is this process' trouble. */
const verdict = (error: unknown): unknown => {
  const { code = "", message } = error as NodeJS.ErrnoException
  if (code === "Z_BUF_ERROR") return cutOff(`the compressed bytes end too early: ${message}`)
  const here = code === "ZSTD_error_memory_allocation" || code === "ZSTD_error_workSpace_tooSmall"
  if (code === "Z_DATA_ERROR" || code === "Z_NEED_DICT" || (code.startsWith("ZSTD_error_") && !here))
    return malformed(`the compressed bytes are malformed: ${message}`)
  return error
}

const inflating = (stream: Gunzip | ZstdDecompress, packed: Buffer): Unpacking => {
  // Whoever reads is told of it by the iterator; without a listener one that comes between two pieces would end the process.
  stream.on("error", () => {})
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let begun = false
  return {
    next: async () => {
      if (!begun) stream.end(packed)
      begun = true
      try {
        const step = await pieces.next()
        return step.done === true ? undefined : step.value
      } catch (error) {
        throw verdict(error)
      }
    },
    close: () => {
      stream.destroy()
    }
  }
}

/** Node's decoder ends, without a word, with the first frame: each gets one of its own. */
const zstd = (packed: Buffer): Unpacking => {
  const frames = new ZstdFrames(packed)
  let current: Unpacking | undefined
  let whole = true
  let turns = 0
  return {
    next: async () => {
      for (;;) {
        if (current !== undefined) {
          const piece = await current.next()
          if (piece !== undefined) return piece
          current.close()
          current = undefined
          if (!whole) throw cutOff("the last zstd frame ends too early")
        }
        const frame = frames.next()
        if (frame === undefined) return undefined
        // Many of them may hold nothing at all.
        if (++turns % 64 === 0) await turn()
        if (frame.skippable) continue
        whole = frame.whole
        current = inflating(createZstdDecompress({ chunkSize: PIECE }), frame.bytes)
      }
    },
    close: () => current?.close()
  }
}
