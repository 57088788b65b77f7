/**
 * LogAgent: log files to their topic, from what the state directory knows to the end of its Scope: positions are kept after the log has
 * acknowledged, and the name of a new stream before anything of it is sent; so a crash at any instant repeats lines under spans of the
 * same streams, and loses none. It starts and stays up without the log, while files keep what they hold.
 */
import { Deferred, Effect, Exit, FiberSet, Scope } from "effect"
import type { Transport } from "../../transport/Transport.ts"
import { AgentFailed } from "../AgentFailed.ts"
import { partitionOf } from "../Partitioner.ts"
import { makeStateDir } from "../StateDir.ts"
import { ownState } from "../StateLock.ts"
import { connect, onDisk, type Uplink, type UplinkWords } from "../Uplink.ts"
import { Keeper } from "./Keeper.ts"
import { LogCounts } from "./LogCounts.ts"
import { LogLane } from "./LogLane.ts"
import type { LogOptions } from "./LogOptions.ts"
import { type LogStatus, statusOf } from "./LogStatus.ts"
import { Outage } from "./Outage.ts"
import { machineId, readPositions } from "./Positions.ts"
import type { Stream } from "./Stream.ts"
import { Tailer } from "./Tailer.ts"

const tick = 50
/** Bytes of a lane's memory, at most: what one request carries. */
const mostShare = 1_000_000
/** A line and what is read besides. */
const besides = 16_384

const words: UplinkWords = {
  baseOption: "--log-partition-base",
  moved: "its files' lines move to other partitions, where an archive takes what is sent again for news",
  spread: "log files",
  meanwhile: "log files keep their lines"
}

export interface LogAgent {
  readonly status: () => LogStatus
  /** Never succeeds; fails where only a person can help. */
  readonly failed: Effect.Effect<never, AgentFailed>
}

/** Lines for people that come from where no Effect is. */
class Telling {
  private readonly told = new Map<string, string>()
  private readonly lines: Array<Effect.Effect<void>> = []

  warn(text: string): void {
    this.lines.push(Effect.logWarning(text))
  }

  /** Once when it begins, once when it ends ("") . */
  trouble(key: string, text: string): void {
    const before = this.told.get(key) ?? ""
    if (before === text) return
    if (text === "") this.told.delete(key)
    else this.told.set(key, text)
    this.lines.push(text === "" ? Effect.logInfo(`no longer: ${before}`) : Effect.logWarning(text))
  }

  readonly tell: Effect.Effect<void> = Effect.suspend(() => Effect.all(this.lines.splice(0), { discard: true }))
}

/** Lanes by partition; before the log was reached streams wait without one. */
class Lanes {
  private readonly lanes = new Map<number, LogLane>()
  private readonly waiting = new Set<Stream>()
  private uplink: Uplink | undefined
  private readonly make: (partition: number, uplink: Uplink) => LogLane

  constructor(make: (partition: number, uplink: Uplink) => LogLane) {
    this.make = make
  }

  get base(): number | null {
    return this.uplink?.base ?? null
  }

  get size(): number {
    return this.lanes.size
  }

  add(stream: Stream): void {
    if (this.uplink === undefined) {
      this.waiting.add(stream)
      return
    }
    const partition = partitionOf(Buffer.from(stream.source), this.uplink.base)
    const lane = this.lanes.get(partition) ?? this.make(partition, this.uplink)
    this.lanes.set(partition, lane)
    lane.add(stream)
  }

  reached(uplink: Uplink): void {
    this.uplink = uplink
    for (const stream of this.waiting) this.add(stream)
    this.waiting.clear()
  }

  close(): void {
    for (const lane of this.lanes.values()) lane.close()
  }
}

export const makeLogAgent: (options: LogOptions) => Effect.Effect<LogAgent, AgentFailed, Transport | Scope.Scope> =
  Effect.fnUntraced(function* (options: LogOptions) {
    const { stateDir, host } = options
    yield* onDisk(() => makeStateDir(stateDir))
    yield* ownState(stateDir, options.stateWait).pipe(
      Effect.mapError(
        (owner) =>
          new AgentFailed({
            message: `the positions in ${stateDir} are another agent's (${owner}): give each agent a --state-dir of its own, or stop that one`
          })
      )
    )
    const whose = { host, machine: yield* Effect.promise(machineId) }
    const { streams: places, problem } = yield* onDisk(() => readPositions(stateDir, whose))
    if (problem !== "") yield* Effect.logWarning(problem)

    const failed = yield* Deferred.make<never, AgentFailed>()
    const forking = <E, R>(work: Effect.Effect<unknown, E, R>) =>
      work.pipe(
        Effect.catchDefect((defect) => Deferred.die(failed, defect)),
        Effect.forkScoped
      )
    const counts = new LogCounts()
    const outage = new Outage(options.topic)
    const telling = new Telling()
    // Finalizers run from the last to the first: lanes finish, positions are kept, files and connections close.
    const connections = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const tailer: Tailer = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new Tailer({
            ...options,
            places,
            now: () => performance.now(),
            ready: (stream) => lanes.add(stream),
            dirty: (soon) => keeper.dirty(soon),
            vanished: (text) => telling.warn(text),
            trouble: (key, text) => telling.trouble(key, text)
          })
      ),
      (one) => Effect.sync(() => one.close())
    )
    const keeper = new Keeper({
      ...{ stateDir, whose, keepEvery: options.keepEvery },
      streams: () => tailer.book
    })
    yield* Effect.addFinalizer(() => Effect.andThen(telling.tell, keeper.keep))
    const fibers = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(fibers)<never>()
    const lanes: Lanes = new Lanes((partition, { producer }) => {
      const lane = new LogLane({
        ...{ partition, producer, tailer, options, counts, outage },
        share: () =>
          Math.max(
            options.maxLine + besides,
            Math.min(mostShare, Math.floor(options.bufferBytes / Math.max(1, lanes.size)))
          ),
        dirty: (soon) => keeper.dirty(soon)
      })
      run(Effect.catchDefect(lane.run, (defect) => Deferred.die(failed, defect)))
      return lane
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => lanes.close()).pipe(
        Effect.andThen(FiberSet.awaitEmpty(fibers)),
        Effect.interruptible,
        Effect.timeoutOption(options.shutdownTimeout),
        Effect.asVoid
      )
    )

    const look = Effect.andThen(
      Effect.sync(() => tailer.tick()),
      telling.tell
    )
    yield* forking(Effect.forever(Effect.andThen(look, Effect.sleep(tick))))
    yield* forking(keeper.run)
    yield* connect(options, words, connections).pipe(
      Effect.map((uplink) => lanes.reached(uplink)),
      Effect.catch((error) => Deferred.fail(failed, error)),
      forking
    )
    return {
      status: () => statusOf({ topic: options.topic, base: lanes.base, tailer, counts, outage }),
      failed: Deferred.await(failed)
    }
  })
