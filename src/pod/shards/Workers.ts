/**
 * Workers: the shards of a pod on worker threads, each with its own group member, partition actors and cache: no partition is ever
 * processed by two threads. A thread that dies takes nothing with it but its own partitions: it is shown no more from that instant,
 * another one is started after a growing pause, makes the dead one leave the group, and takes part in the handoff like any new
 * member. One that dies again and again ends the pod, loudly.
 */
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import { Deferred, Effect } from "effect"
import { Backoff } from "../../Backoff.ts"
import { EngineFailed } from "../../engine/Engine.ts"
import { SelfMetrics } from "../../SelfMetrics.ts"
import type { App, AppParts } from "../App.ts"
import { type Before, type ThreadSettings, workerSettings } from "./ShardSettings.ts"
import type { ShardSlot } from "./ShardSlot.ts"
import type { Shards } from "./Shards.ts"
import { WorkerThread } from "./WorkerThread.ts"

export interface WorkersOptions {
  readonly count: number
  readonly start: (shard: number, before: Before) => Worker
  /** Of the group: how long a thread may be silent. */
  readonly sessionTimeout: number
  /** Deaths of one shard's threads within the window before the pod gives up. */
  readonly maxDeaths?: number
  readonly window?: number
}

/** TypeScript in a checkout, JavaScript in the package. */
const script = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

/** Threads with a shard of the application on Kafka each, as many as there are to be. */
export const onThreads = <S>(
  { module, extensions = [] }: Pick<App, "module" | "extensions">,
  { divide = (settings) => () => settings }: Pick<AppParts<S>, "divide">,
  settings: ThreadSettings<S>,
  count: number
): Shards<SelfMetrics> => {
  const shareOf = divide(settings.application, count)
  return onWorkers({
    count,
    sessionTimeout: settings.engine.sessionTimeout,
    start: (shard, before) =>
      new Worker(script, {
        name: `shard-${shard}`,
        workerData: workerSettings(settings, shareOf(shard), [module, ...extensions], shard, before)
      })
  })
}

export const onWorkers = (options: WorkersOptions): Shards<SelfMetrics> => ({
  count: options.count,
  start: (slots) =>
    Effect.gen(function* () {
      const metrics = yield* SelfMetrics
      const failed = yield* Deferred.make<never, EngineFailed>()
      const pod = { hasBeenIn: false }
      const giveUp = (error: EngineFailed) => Effect.andThen(Deferred.fail(failed, error), Effect.never)
      const restarted = (slot: ShardSlot) => {
        slot.restarts += 1
        metrics.workerRestarts.inc({ shard: slot.number })
      }
      const all = Effect.forEach(slots, (slot) => Effect.catch(keep(options, slot, pod, restarted), giveUp), {
        concurrency: "unbounded",
        discard: true
      })
      // Ended together by the Scope: all leave at once.
      yield* Effect.forkScoped(all, { startImmediately: true })
      return Deferred.await(failed)
    })
})

const backoff = new Backoff(250, 10_000)

/** Keeps a thread running for the slot, until interrupted: then its last one leaves in order. */
const keep = (
  { start, sessionTimeout, maxDeaths = 5, window = 600_000 }: WorkersOptions,
  slot: ShardSlot,
  pod: { hasBeenIn: boolean },
  restarted: (slot: ShardSlot) => void
): Effect.Effect<never, EngineFailed> => {
  const shard = slot.number
  let predecessors: ReadonlyArray<string> = []
  let deaths: Array<number> = []
  return Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const fork = Effect.runForkWith(context)
    const death = yield* Effect.acquireUseRelease(
      Effect.sync(
        () =>
          new WorkerThread({
            shard,
            worker: start(shard, { predecessors, hasBeenIn: pod.hasBeenIn }),
            silence: sessionTimeout,
            // The coordinator gave it an id: the pod's credentials were good.
            known: () => {
              pod.hasBeenIn = true
            },
            runs: (running) => {
              slot.shard = running
            },
            fails: (reason) => {
              slot.shard = undefined
              fork(Effect.logError(`shard ${shard} is shown no more, its worker has failed: ${reason}`))
            }
          })
      ),
      (thread) => thread.death,
      (thread) => thread.leave
    )
    // One that never said whom it is has made nobody leave either.
    predecessors = death.memberIds ?? predecessors
    const now = performance.now()
    deaths = [...deaths.filter((at) => at > now - window), now]
    if (deaths.length > maxDeaths)
      return yield* new EngineFailed({
        message: `the worker of shard ${shard} failed ${deaths.length} times within ${window / 1000} s, last: ${death.reason}`
      })
    restarted(slot)
    const pause = yield* backoff.pause(deaths.length)
    yield* Effect.logWarning(`the worker of shard ${shard} is started again in ${Math.round(pause)} ms`)
    yield* Effect.sleep(pause)
  }).pipe(Effect.forever)
}
