/**
 * Packing: rows become one zstd frame, a piece at a time: readers that know only one frame read all of it, and no more than what is packed is in memory.
 * `zstd` packs on the threads that Node has for it.
 */
import { constants, createZstdCompress, zstdCompressSync } from "node:zlib"
import { Effect, type Scope } from "effect"

export interface Packing {
  /** Bytes made so far. */
  readonly size: () => number
  /** Bytes of memory that it takes, with what its compressor works in. */
  readonly held: () => number
  /** The bytes are the caller's again when it has ended. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  /** The whole frame, in pieces. Once, and nothing afterwards. */
  readonly end: Effect.Effect<ReadonlyArray<Uint8Array>>
}

/** Begins a frame; the Scope's close gives up what was not ended. */
export type Pack = Effect.Effect<Packing, never, Scope.Scope>

/**
 * Of rows of logs level 1 makes fewer bytes than zstd's default of 3, in half the time, and with a window of 128 KiB fewer still, in three quarters of that:
 * what repeats is near (docs/benchmarks.md).
 */
const params = {
  [constants.ZSTD_c_checksumFlag]: 1,
  [constants.ZSTD_c_compressionLevel]: 1,
  [constants.ZSTD_c_windowLog]: 17
}

/** Frames whose rows are few are packed at once, and hold no compressor while they wait: most partitions are quiet. */
const atOnce = 128 * 1024

/** Bytes that a compressor of this level takes, by measure. */
const worksIn = 1280 * 1024

const stream = () => createZstdCompress({ params, chunkSize: 256 * 1024 })

export const zstd: Pack = Effect.gen(function* () {
  const made: Array<Uint8Array> = []
  let size = 0
  let waiting: Array<Buffer> = []
  let waits = 0
  let compress: ReturnType<typeof stream> | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => compress?.destroy()))
  const begin = () => {
    const begun = stream()
    begun.on("data", (piece: Buffer) => {
      made.push(piece)
      size += piece.length
    })
    // Whoever waits for it is told by its own call.
    begun.on("error", () => {})
    compress = begun
    return begun
  }
  /** Ends when the bytes are packed. A failure of zlib itself is a defect. */
  const push = (bytes: Uint8Array) =>
    Effect.callback<void>((resume) => {
      const to = compress ?? begin()
      to.write(bytes, (error) => resume(error ? Effect.die(error) : Effect.void))
    })
  const flushed = Effect.suspend(() => {
    const all = waiting
    waiting = []
    waits = 0
    return all.length === 0 ? Effect.void : push(Buffer.concat(all))
  })
  return {
    size: () => size + waits,
    held: () => size + waits + (compress === undefined ? 0 : worksIn),
    write: (bytes) =>
      Effect.suspend(() => {
        if (compress === undefined && waits + bytes.length <= atOnce) {
          waiting.push(Buffer.from(bytes))
          waits += bytes.length
          return Effect.void
        }
        return Effect.andThen(flushed, push(bytes))
      }),
    end: Effect.callback((resume) => {
      if (compress === undefined) return resume(Effect.succeed([zstdCompressSync(Buffer.concat(waiting), { params })]))
      compress.on("error", (error) => resume(Effect.die(error)))
      compress.on("end", () => resume(Effect.succeed(made)))
      compress.end()
    })
  }
})

/** Without a turn of the event loop, for programs that live in virtual time: the rows wait as they are. */
export const zstdAtOnce: Pack = Effect.sync(() => {
  const waiting: Array<Buffer> = []
  let size = 0
  return {
    size: () => size,
    held: () => size,
    write: (bytes) =>
      Effect.sync(() => {
        waiting.push(Buffer.from(bytes))
        size += bytes.length
      }),
    end: Effect.sync(() => [zstdCompressSync(Buffer.concat(waiting), { params })])
  }
})
