/**
 * Body: the one body of several shards' lines: above each family's lines what the format wants there, below it every shard's
 * lines of it, at the end `# EOF` in OpenMetrics. Pure, a coroutine: it says of which shard it needs the next chunk, and whoever
 * runs it brings that, from this thread or another.
 *
 * It holds one chunk of each shard. Large pieces are handed through as they are, small ones are put together. A shard whose
 * chunks end early costs its remaining lines and nothing else: chunks end where lines may end.
 */

import { chunkBytes } from "../../http/Outlet.ts"
import { encode } from "../text/Syntax.ts"
import type { BodyPlan } from "./BodyPlan.ts"
import { headText } from "./Heads.ts"
import type { LineChunk } from "./LineChunks.ts"

/** Pieces below this are copied. */
const smallPiece = 16 * 1024
const bufferBytes = 64 * 1024

/** The shard whose next chunk is wanted (`undefined`: it has no more), or bytes of the body. */
export type BodyStep = number | Uint8Array

export function* joinBody({ output, heads, shards }: BodyPlan): Generator<BodyStep, void, LineChunk | undefined> {
  const out = new Pieces()
  const sources: Array<Source> = []
  for (const [shard, { families }] of shards.entries())
    if (families.length > 0) sources.push({ shard, chunk: yield shard, segment: 0, at: 0 })
  for (const [family, head] of heads.entries()) {
    let begun = false
    for (const source of sources) {
      for (let piece = pieceOf(source, family); piece !== undefined; piece = pieceOf(source, family)) {
        // A family of whose lines none came is not mentioned.
        if (!begun) yield* out.put(encode(headText(head, output.format)))
        begun = true
        yield* out.put(piece)
        if (source.segment === source.chunk!.segments.length) {
          source.chunk = yield source.shard
          source.segment = source.at = 0
        }
      }
    }
  }
  if (output.format === "openmetrics") yield* out.put(encode("# EOF\n"))
  yield* out.flush()
}

interface Source {
  readonly shard: number
  chunk: LineChunk | undefined
  segment: number
  at: number
}

/** The family's lines in the shard's chunk at hand, once. */
const pieceOf = (source: Source, family: number): Uint8Array | undefined => {
  const segment = source.chunk?.segments[source.segment]
  if (segment === undefined || segment[0] !== family) return undefined
  const piece = source.chunk!.bytes.subarray(source.at, source.at + segment[1])
  source.segment += 1
  source.at += segment[1]
  return piece
}

/** Small pieces become larger ones. Bytes once given are the caller's. */
class Pieces {
  private buffer: Uint8Array | undefined
  private length = 0;

  *put(piece: Uint8Array): Generator<Uint8Array, void, unknown> {
    if (piece.length >= smallPiece) {
      yield* this.flush()
      for (let at = 0; at < piece.length; at += chunkBytes) yield piece.subarray(at, at + chunkBytes)
      return
    }
    if (this.length + piece.length > bufferBytes) yield* this.flush()
    this.buffer ??= new Uint8Array(bufferBytes)
    this.buffer.set(piece, this.length)
    this.length += piece.length
  }

  *flush(): Generator<Uint8Array, void, unknown> {
    if (this.buffer === undefined) return
    const bytes = this.buffer.subarray(0, this.length)
    this.buffer = undefined
    this.length = 0
    yield bytes
  }
}
