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
import { quarantined } from "./Quarantine.ts"
import { planStart, type StartPlan } from "./StartPlan.ts"
import { askedQuickly, timeOf } from "./Timekeeper.ts"
import { Trouble } from "./Trouble.ts"
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

/** Whether the stamps of the log's records are the senders': asked of one batch where nothing else tells how old records are. */
const sendersTime = (host: ActorHost, p: Partition, offset: number): Effect.Effect<boolean, TransportError> =>
  Effect.gen(function* () {
    const node = host.leader(p.key)
    if (node === undefined) {
      host.stale()
      return yield* unasked(p, offset, "no leader is known")
    }
    const size = { maxWait: 0, maxBytes: witnessBytes, maxBytesPerPartition: witnessBytes }
    const [answer] = yield* host.client.fetch(node, [{ tp: p.tp, offset }], size)
    if (answer?.error !== undefined) {
      host.stale()
      return yield* unasked(p, offset, answer.error)
    }
    const senders = answer?.records[0]?.sendersTime !== false
    answer?.release?.()
    return senders
  })

const unasked = (p: Partition, offset: number, detail: string) =>
  new TransportError({
    op: "fetch",
    code: "OTHER",
    retriable: true,
    detail: `the record at offset ${offset} of ${p.key}, by which it is told whose timestamps the topic has, cannot be read: ${detail}`
  })

interface Prepared {
  readonly plan: StartPlan
  /** When the log's end was asked for, and when it was known. */
  readonly askedAt: number
  readonly knownAt: number
}

/** Reads C, R, L and the log's bounds after the sync (rule 2) and plans the start. */
const prepare = (host: ActorHost, p: Partition): Effect.Effect<Prepared, TransportError> =>
  Effect.gen(function* () {
    const { client, options } = host
    const askedAt = host.now()
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
    const knownAt = host.now()
    const lookbackOffset = lookback.get(p.key) ?? logEnd
    const oldest = Math.min(lookbackOffset, logEnd - 1)
    const senders = metadata === null && oldest >= logStart && (yield* sendersTime(host, p, oldest))
    host.growth.begin(p, metadata?.homes)
    const plan = planStart({
      committed: c === undefined ? null : { offset: c.offset, metadata },
      logStart,
      logEnd,
      lookbackOffset: senders ? logEnd : lookbackOffset,
      sendersTime: senders,
      exposed: p.exposed,
      seen: Math.max(p.fence, p.fetchPosition, p.exposed, w === null ? 0 : w.offset + 1),
      replaced: other ? w.offset : null
    })
    return { plan, askedAt, knownAt }
  })

const prepareRetrying = (host: ActorHost, p: Partition): Effect.Effect<Prepared> => {
  let tries = 0
  return prepare(host, p).pipe(
    Effect.timeout(host.options.sessionTimeout),
    Effect.tapError((error) => {
      tries += 1
      p.trouble ??= new Trouble(host.now())
      p.trouble.again(error._tag === "TransportError" ? error.code : "TIMEOUT", error.message, false)
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
        const newest = item.records.findLast((r) => r.tooLarge === undefined)
        if (newest !== undefined && newest.offset > (p.witness?.offset ?? -1)) p.knows(witnessOf(newest))
        host.metrics.recordsConsumed.inc(labels, item.records.length)
        host.metrics.bytesConsumed.inc(labels, item.bytes)
        p.load.consumed(item.records.length, item.bytes)
        if (processing.borrows === true) item.loan.giveBack()
      }
      p.position = item.next
      p.movedSinceReread = true
      p.serveFrom(host.now())
      host.moved(p)
    }
  })

const incarnation = (host: ActorHost, p: Partition): Effect.Effect<void, ProcessorError, Scope.Scope> =>
  Effect.gen(function* () {
    p.prepare()
    const { plan, askedAt, knownAt } = yield* prepareRetrying(host, p)
    p.takeTime(plan, knownAt)
    const processing = yield* host.processor.open(p.tp, timeOf(p, host.now, host.options), p.homes)
    // Runs before the processor's own finalizers: hidden first, then gone.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        p.end(p.phase === "evicting" ? "evicting" : "restarting")
        host.client.forget(p.tp)
      })
    )
    if (plan.lost > 0) {
      host.metrics.recordsLost.inc({ topic: p.tp.topic, partition: String(p.tp.partition) }, plan.lost)
      yield* Effect.logError(`${p.key}: ${plan.why}; ${plan.lost} offsets were lost to retention unread`)
    }
    if (plan.restarted) {
      host.metrics.logsRestarted.inc({ topic: p.tp.topic, partition: String(p.tp.partition) })
      yield* Effect.logError(`${p.key}: ${plan.why}; only what arrives from offset ${plan.start} on is shown`)
    }
    p.begin(plan, processing)
    if (p.quarantine?.until === null) yield* Effect.logWarning(quarantined(p, plan.why))
    if (askedQuickly(host.options, askedAt, knownAt)) p.mark(plan.logEnd, knownAt)
    p.serveFrom(host.now())
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
