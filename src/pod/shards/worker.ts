/**
 * worker: what a worker thread runs: one shard of the application whose module it is told, offered to the main thread through the port. It ends when it is told to
 * leave, or when its engine gives up: it says so first, so that nothing more of it is shown, and then leaves in order. SIGTERM and
 * SIGINT are the main thread's.
 */
import { parentPort, workerData } from "node:worker_threads"
import { Cause, Deferred, Effect, Exit, Layer } from "effect"
import { logging } from "../../Logging.ts"
import { loopTurns } from "../../LoopTurns.ts"
import { SelfMetrics } from "../../SelfMetrics.ts"
import { tracing } from "../../Tracing.ts"
import { KafkaTransport } from "../../transport/kafka/KafkaTransport.ts"
import type { App } from "../App.ts"
import { type Extension, extended } from "../Extension.ts"
import type { FromShard } from "./Messages.ts"
import { serveShard } from "./ShardServer.ts"
import type { WorkerSettings } from "./ShardSettings.ts"
import { openShard } from "./Shards.ts"

const port = parentPort!
const settings = workerData as WorkerSettings<unknown>
const post = (message: FromShard): void => port.postMessage(message)

const program = Effect.gen(function* () {
  const metrics = yield* SelfMetrics
  const leaving = yield* Deferred.make<void>()
  const modules = yield* Effect.promise(() => Promise.all(settings.modules.map((url) => import(url))))
  const [base, ...extensions] = modules.map((module: { readonly default: unknown }) => module.default)
  const app = extended(base as App, extensions as ReadonlyArray<Extension>)
  const parts = yield* Effect.promise(() => app.load())
  const { engine, shard } = yield* openShard(settings.shard, app, parts, settings)
  const turns = loopTurns()
  yield* serveShard({
    port,
    shard,
    metrics: Effect.andThen(
      shard.metrics,
      Effect.promise(() => {
        metrics.workerLag.set({ shard: settings.shard }, turns.percentile(99) / 1e9)
        turns.reset()
        return metrics.registry.getMetricsAsJSON()
      })
    ),
    leave: () => Deferred.doneUnsafe(leaving, Effect.void)
  })
  let memberIds: ReadonlyArray<string> = settings.engine.predecessors
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.map(
        Effect.suspend(() => engine.idsChanged(memberIds)),
        (changed) => {
          memberIds = changed
          post({ type: "members", memberIds })
        }
      )
    )
  )
  post({ type: "running" })
  yield* Effect.raceFirst(engine.failed, Deferred.await(leaving)).pipe(
    Effect.tapError(({ message }) => Effect.sync(() => post({ type: "failed", message })))
  )
}).pipe(
  Effect.scoped,
  Effect.provide(Layer.merge(KafkaTransport.layer(settings.kafka), SelfMetrics.layerBare)),
  Effect.annotateLogs({ shard: settings.shard }),
  Effect.provide(tracing(process.env)),
  Effect.provide(logging(settings.log))
)

const exit = await Effect.runPromiseExit(program)
if (Exit.isFailure(exit)) post({ type: "failed", message: Cause.pretty(exit.cause) })
port.close()
// What should hold nothing any more does not hold the thread.
setTimeout(() => process.exit(), 1_000).unref()
