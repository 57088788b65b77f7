/** Contents: what an object's data holds, counted as it is unpacked, part by part: it may be of any size, and much larger than it is stored. */
import { createZstdDecompress } from "node:zlib"
import { Effect } from "effect"
import type { Store, StoreError } from "../store/Store.ts"

/** Asks the store, in time and more than once. */
export type Ask = <A>(question: (store: Store) => Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError>

export interface Contents {
  readonly rows: number
  readonly bytes: number
}

/** Bytes that are read at a time. */
const part = 4 * 1024 * 1024

const lineFeed = 10

/** Of the object's first bytes; or why they cannot be unpacked. */
export const contentsOf = (ask: Ask, name: string, bytes: number): Effect.Effect<Contents | string, StoreError> =>
  Effect.gen(function* () {
    const decompress = yield* Effect.acquireRelease(
      Effect.sync(() => createZstdDecompress()),
      (stream) => Effect.sync(() => stream.destroy())
    )
    const count = { rows: 0, bytes: 0 }
    let failure: string | undefined
    decompress.on("error", ({ message }) => {
      failure = `its data cannot be unpacked: ${message}`
    })
    decompress.on("data", (piece: Buffer) => {
      count.bytes += piece.length
      for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1)) count.rows += 1
    })
    /** Until it is done, or has failed, which is heard above: then nobody answers. */
    const done = (begin: (ended: () => void) => void) =>
      Effect.callback<void>((resume) => {
        const ended = () => resume(Effect.void)
        if (decompress.destroyed) return ended()
        decompress.once("close", ended)
        begin(() => {
          decompress.off("close", ended)
          ended()
        })
      })
    for (let at = 0; at < bytes && failure === undefined; ) {
      const from = at
      const piece = yield* ask((store) => store.readPart(name, from, Math.min(part, bytes - from)))
      if (piece === undefined || piece.length === 0) return "it changed while it was read"
      at += piece.length
      yield* done((ended) => decompress.write(piece, ended))
    }
    yield* done((ended) => decompress.end().once("end", ended))
    return failure ?? count
  }).pipe(Effect.scoped)
