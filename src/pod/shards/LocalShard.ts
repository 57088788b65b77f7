/**
 * LocalShard: the shard that runs on this thread, as a view: that of a pod with one worker, of the demo's pods, and, inside a
 * worker thread, the one behind the port. A cut is taken with its content in one synchronous step. The digest and the
 * lines are made in slices of a few milliseconds, so that ingest and heartbeats have their turns.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Effect } from "effect"
import type { Engine } from "../../engine/Engine.ts"
import { Digest, digesting } from "../../metrics/body/Digest.ts"
import { ChunkMemory } from "../../metrics/body/LineChunks.ts"
import { answering, renderLines } from "../../metrics/body/Renderer.ts"
import type { MetricsCache } from "../../metrics/cache/MetricsCache.ts"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import { partitionKey } from "../../transport/Transport.ts"
import { refreshGauges } from "./EngineGauges.ts"
import type { ShardScrape, ShardView } from "./ShardView.ts"

export interface LocalParts {
  readonly shard: number
  readonly engine: Engine["Service"]
  readonly cache: MetricsCache["Service"]
  readonly metrics: SelfMetricsShape
}

const sourcesPerPartition = 100

export const localShard = ({ shard, engine, cache, metrics }: LocalParts): ShardView => ({
  shard,
  scrape: (arrivedAt): ShardScrape => {
    // The cut and its content: nothing may come between these lines.
    const ago = Number(process.hrtime.bigint() - arrivedAt) / 1e6
    const cut = engine.cut(ago)
    const look = cache.collect(cut.partitions.map((p) => p.key))
    let digest = new Digest()
    /** The dumps' memory is others'. */
    let ended = false
    /** Gives others their turn after each slice. Undefined where nobody wants it any more. */
    const inSlices = async <A>(work: Generator<undefined, A, unknown>): Promise<A | undefined> => {
      while (!ended) {
        const step = work.next()
        if (step.done === true) return step.value
        await turn()
      }
      return undefined
    }
    return {
      digest: Effect.gen(function* () {
        const made = Effect.promise(() => inSlices(digesting(look.dumps)))
        const [, all = digest] = yield* Effect.all([cut.prove, made], { concurrency: "unbounded" })
        digest = all
        return all.entries
      }),
      fit: (questions) => Effect.promise(async () => (await inSlices(answering(digest, questions))) ?? []),
      lines: (plan) => {
        const memory = new ChunkMemory()
        const chunks = renderLines(digest, plan, memory, (lines) => metrics.bodyLinesLeftOut.inc(lines))
        let first = true
        return {
          next: async () => {
            for (;;) {
              // Whether or not the socket asks for a pause.
              if (!first) await turn()
              first = false
              if (ended) return undefined
              const step = chunks.next()
              if (step.done === true) return undefined
              if (step.value !== undefined) return step.value
            }
          },
          free: (done) => memory.give(done),
          broken: () => false
        }
      },
      end: (delivered) => {
        ended = true
        digest = new Digest()
        look.end()
        if (delivered) look.delivered?.()
      }
    }
  },
  report: (sources) =>
    Effect.sync(() => {
      const status = engine.status()
      let left = sources
      return {
        ...status,
        shard,
        workerRestarts: 0,
        partitions: status.partitions.map((p) => {
          const content = cache.get(partitionKey(p))
          const sourceList = content?.sources(Math.min(left, sourcesPerPartition)) ?? []
          left -= sourceList.length
          const { holds, ...rest } = p
          const { sources = 0, series = 0, bytes = 0 } = holds
          return { ...rest, sources, series, bytes, sourceList, refusals: content?.refusals() ?? [] }
        })
      }
    }),
  setBackpressure: (strategy, tp) => Effect.sync(() => engine.setBackpressure(strategy, tp)),
  metrics: Effect.sync(() => {
    refreshGauges(metrics, engine.status())
    return []
  })
})
