/** The two ends of a port: chunks are handed over, and their memory goes back when it is free, to be written again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { LineChunk } from "../../../src/metrics/body/LineChunks.ts"
import { absent, type ShardView } from "../../../src/pod/shards/ShardView.ts"
import { overPort } from "../fakePod.ts"

describe("a chunk's memory", () => {
  it.live("goes back to the shard when it is free, and what is not free stays here", () =>
    Effect.gen(function* () {
      const spare: Array<ArrayBuffer> = []
      let fresh = 0
      let made = 0
      const view: ShardView = {
        shard: 0,
        scrape: () => ({
          digest: Effect.succeed([]),
          fit: () => Effect.succeed([]),
          lines: () => ({
            next: async () => {
              if (made === 40) return undefined
              made += 1
              let memory = spare.pop()
              if (memory === undefined) {
                memory = new ArrayBuffer(4)
                fresh += 1
              }
              const bytes = new Uint8Array(memory).fill(made)
              return { bytes, segments: [[0, bytes.length]] } satisfies LineChunk
            },
            free: (memory) => spare.push(memory),
            broken: () => false
          }),
          end: () => {}
        }),
        report: () => Effect.succeed(absent(0, "starting")),
        setBackpressure: () => Effect.succeed(false),
        metrics: Effect.succeed([])
      }
      const port = yield* overPort(view)
      const scrape = port.scrape(0n)
      yield* scrape.digest
      const lines = scrape.lines({ output: { format: "text", escaping: "underscores" }, families: [] })
      const kept: Array<Uint8Array> = []
      yield* Effect.promise(async () => {
        for (let n = 1; ; n++) {
          const chunk = await lines.next()
          if (chunk === undefined) break
          assert.deepStrictEqual([...chunk.bytes], [n, n, n, n])
          if (n % 10 === 0) kept.push(chunk.bytes)
          else lines.free(chunk.bytes.buffer)
        }
      })
      assert.deepStrictEqual(
        kept.map((bytes) => [...bytes]),
        [10, 20, 30, 40].map((n) => [n, n, n, n])
      )
      // Those that were kept, and some on their way.
      assert.isAtMost(fresh, 4 + 4)
      assert.strictEqual(made, 40)
      scrape.end(false)
    }).pipe(Effect.scoped)
  )
})
