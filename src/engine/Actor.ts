/**
 * Actor: the supervised fiber that owns one partition. It finds out where to start, opens the processor, takes from its
 * bounded queue and processes, in order, never past what may be exposed. Nobody else processes this partition.
 *
 * Let it crash: a failure or defect closes the incarnation (its content leaves the scrapes with it) and a new one starts from
 * the last commit, after a growing pause, hidden until it is past everything the earlier one exposed. Other partitions do
 * not notice. More than `maxRestarts` within `restartWindow` ends the whole shard, loudly.
 */
import { Cause, Clock, Effect, Exit, type Scope } from "effect"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import { type GroupClient, TransportError } from "../transport/Transport.ts"
import { decodeCommitMetadata } from "./CommitMetadata.ts"
import { EngineFailed } from "./Engine.ts"
import type { Growth } from "./Growth.ts"
import type { EngineOptions } from "./Options.ts"
import type { Partition } from "./Partition.ts"
import type { Batch, PartitionProcessor, ProcessorError } from "./PartitionProcessor.ts"
import { planStart, type StartPlan } from "./StartPlan.ts"
import { newerWitness, testify, type Witness, witnessOf } from "./Witness.ts"

/** Bytes taken from the queue at a time: small enough that a scrape never waits long for the thread. */
const takeBytes = 1024 * 1024
/** Of one record a leader sends its whole batch, however little is asked for. */
const witnessBytes = 1024

export interface ActorHost {
  readonly client: GroupClient
  readonly processor: PartitionProcessor["Service"]
  readonly options: EngineOptions
  readonly metrics: SelfMetricsShape
  readonly growth: Growth
  readonly now: () => number
  /** Of a partition's key; undefined while it has none, as far as we know. */
  readonly leader: (key: string) => number | undefined
  /** The leaders are not where we thought. */
  readonly stale: () => void
  /** A commit is wanted now. */
  readonly wake: () => void
  /** The queue shrank or the position moved: backpressure decides, waiters look again. */
  readonly moved: (p: Partition) => void
  readonly began: (p: Partition, plan: StartPlan) => void
}

/** Asked again by the caller, with everything else: the log may have moved meanwhile. */
const unread = (w: Witness, p: Partition, detail: string) =>
  new TransportError({
    op: "fetch",
    code: "OTHER",
    retriable: true,
    detail: `the record at offset ${w.offset} of ${p.key}, by which the log is recognized, cannot be read: ${detail}`
  })

/** Whether the log still holds the record that was read there before (rule 9). One small fetch, by the bounds just read. */
const replaced = (host: ActorHost, p: Partition, w: Witness): Effect.Effect<boolean, TransportError> =>
  Effect.gen(function* () {
    const node = host.leader(p.key)
    if (node === undefined) {
      host.stale()
      return yield* unread(w, p, "no leader is known")
    }
    const size = { maxWait: 0, maxBytes: witnessBytes, maxBytesPerPartition: witnessBytes }
    const [answer] = yield* host.client.fetch(node, [{ tp: p.tp, offset: w.offset }], size)
    const testimony = testify(w, answer)
    if (testimony === "unanswered") {
      host.stale()
      return yield* unread(w, p, answer?.error ?? "an empty answer")
    }
    return testimony === "another"
  })

/** Reads C, R, L and the log's bounds after the sync (rule 2) and plans the start. */
const prepare = (host: ActorHost, p: Partition): Effect.Effect<StartPlan, TransportError> =>
  Effect.gen(function* () {
    const { client, options } = host
    const since = (yield* Clock.currentTimeMillis) - options.lookback
    const [c, ends, starts, lookback] = yield* Effect.all(
      [
        host.growth.commitOf(p.tp),
        client.listOffsets([p.tp], "end"),
        client.listOffsets([p.tp], "start"),
        client.listOffsets([p.tp], { timestamp: Math.max(0, since) })
      ],
      { concurrency: "unbounded" }
    )
    const logEnd = ends.get(p.key)
    const logStart = starts.get(p.key)
    // Taken for 0 it would look like a log that went back.
    if (logEnd === undefined || logStart === undefined)
      return yield* new TransportError({
        op: "listOffsets",
        code: "OTHER",
        retriable: true,
        detail: `no answer for ${p.key}`
      })
    const metadata = c === undefined ? null : decodeCommitMetadata(c.metadata)
    // What this owner read itself counts, too: its actor may start over on a log that went back meanwhile.
    const w = newerWitness(p.witness, metadata?.witness ?? null)
    const present = w !== null && logStart <= w.offset && w.offset < logEnd
    const other = present && (yield* replaced(host, p, w))
    p.knows(w)
    host.growth.begin(p, metadata?.homes)
    return planStart({
      committed: c === undefined ? null : { offset: c.offset, metadata },
      logStart,
      logEnd,
      lookbackOffset: lookback.get(p.key) ?? logEnd,
      exposed: p.exposed,
      seen: Math.max(p.fence, p.fetchPosition, p.exposed, w === null ? 0 : w.offset + 1),
      replaced: other ? w.offset : null
    })
  })

const prepareRetrying = (host: ActorHost, p: Partition): Effect.Effect<StartPlan> => {
  let tries = 0
  return prepare(host, p).pipe(
    Effect.timeout(host.options.sessionTimeout),
    Effect.tapError((error) => {
      tries += 1
      return tries === 1 || tries % 20 === 0
        ? Effect.logWarning(`cannot read where ${p.key} stands (${error.message}), tried ${tries} times; trying on`)
        : Effect.void
    }),
    Effect.tapError(() => Effect.sleep(Math.min(2_000, 50 * 2 ** Math.min(tries, 6)))),
    Effect.retry({ while: () => true }),
    Effect.orDie
  )
}

const work = (host: ActorHost, p: Partition): Effect.Effect<void, ProcessorError> =>
  Effect.gen(function* () {
    const processing = p.processing!
    const labels = { topic: p.tp.topic, partition: String(p.tp.partition) }
    while (p.reread === undefined) {
      const item = p.queue.take(takeBytes)
      if (item === undefined) {
        yield* p.signal.until(() => !p.queue.empty || p.reread !== undefined)
        continue
      }
      if (item.next > p.allowed) {
        p.wanted = item.next
        host.wake()
        yield* p.signal.until(() => item.next <= p.allowed || p.reread !== undefined)
        if (p.reread !== undefined) return
      }
      p.reaching = item.next
      const batch: Batch = { records: item.records, next: item.next, fence: p.fence }
      if (item.type === "dropped") yield* processing.dropped(batch)
      else {
        yield* processing.process(batch)
        const newest = item.records[item.records.length - 1]
        if (newest !== undefined && newest.offset > (p.witness?.offset ?? -1)) p.knows(witnessOf(newest))
        host.metrics.recordsConsumed.inc(labels, item.records.length)
        host.metrics.bytesConsumed.inc(labels, item.bytes)
        p.load.consumed(item.records.length, item.bytes)
        if (processing.borrows === true) item.loan.giveBack()
      }
      p.position = item.next
      p.movedSinceReread = true
      if (p.phase === "replaying" && p.position >= p.fence) p.phase = "serving"
      host.moved(p)
    }
  })

const incarnation = (host: ActorHost, p: Partition): Effect.Effect<void, ProcessorError, Scope.Scope> =>
  Effect.gen(function* () {
    p.prepare()
    const plan = yield* prepareRetrying(host, p)
    const processing = yield* host.processor.open(p.tp, p.homes)
    // Runs before the processor's own finalizers: hidden first, then gone.
    yield* Effect.addFinalizer(() => Effect.sync(() => p.end(p.phase === "evicting" ? "evicting" : "restarting")))
    if (plan.lost > 0) {
      host.metrics.recordsLost.inc({ topic: p.tp.topic, partition: String(p.tp.partition) }, plan.lost)
      yield* Effect.logError(`${p.key}: ${plan.why}; ${plan.lost} offsets were lost to retention unread`)
    }
    if (plan.restarted) {
      host.metrics.logsRestarted.inc({ topic: p.tp.topic, partition: String(p.tp.partition) })
      yield* Effect.logError(`${p.key}: ${plan.why}; only what arrives from offset ${plan.start} on is shown`)
    }
    p.begin(plan, processing)
    host.growth.opened(p)
    p.load.begin(plan.logEnd, host.now())
    host.began(p, plan)
    yield* work(host, p)
  })

/** Runs until interrupted (the partition is evicted) or until the partition failed too often. */
export const runActor = (host: ActorHost, p: Partition): Effect.Effect<never, EngineFailed> =>
  Effect.gen(function* () {
    const { maxRestarts, restartWindow } = host.options
    const exit = yield* Effect.exit(Effect.scoped(incarnation(host, p)))
    if (p.reread !== undefined && Exit.isSuccess(exit)) {
      p.rereads = p.movedSinceReread ? 1 : p.rereads + 1
      p.movedSinceReread = false
      // Fetch and ListOffsets may disagree for a while (a leader that changes): not in circles, and not a line each time.
      if (p.rereads === 1 || p.rereads % 20 === 0)
        yield* Effect.logWarning(`${p.key}: ${p.reread}; its actor starts over, ${p.rereads} times in a row`)
      p.reread = undefined
      yield* Effect.sleep(Math.min(2_000, 25 * 2 ** Math.min(p.rereads, 7)))
      return
    }
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.never
    const now = host.now()
    p.restarts = [...p.restarts.filter((t) => now - t < restartWindow), now]
    p.restartCount += 1
    host.metrics.actorRestarts.inc({ topic: p.tp.topic, partition: String(p.tp.partition) })
    const times = p.restarts.length
    const what = `the actor of ${p.key} failed at offset ${p.position}`
    if (times > maxRestarts) {
      yield* Effect.logError(`${what} and ${times - 1} restarts did not help: this pod leaves the group`, exit.cause)
      return yield* new EngineFailed({ message: `${what} ${times} times: ${Cause.squash(exit.cause)}` })
    }
    const pause = Math.min(5_000, 50 * 2 ** (times - 1))
    yield* Effect.logWarning(`${what}; restart ${times} of ${maxRestarts} in ${pause} ms`, exit.cause)
    yield* Effect.sleep(pause)
  }).pipe(Effect.forever)
