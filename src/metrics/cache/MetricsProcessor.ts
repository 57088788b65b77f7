/**
 * MetricsProcessor: the PartitionProcessor of metrics. It gives each partition a PartitionCache, lets the scrape endpoint see it
 * through MetricsCache, and counts in SelfMetrics what the cache decides. Closing the Scope of `open` takes the partition
 * out of MetricsCache first, then out of the pod's budget and gauges: when the close has returned nothing of it is left.
 *
 * Between slices of a large batch, and of a large record or round, it lets the event loop go on, so that ingest never holds up a
 * scrape or a heartbeat for long.
 */
import { Cause, Clock, Effect, Layer, Option, Semaphore } from "effect"
import { type Batch, PartitionProcessor, ProcessorError, shown } from "../../engine/PartitionProcessor.ts"
import { SelfMetrics, type SelfMetricsShape } from "../../SelfMetrics.ts"
import { type LogRecord, partitionKey } from "../../transport/Transport.ts"
import { Admission, type AdmissionSettings } from "../admission/Admission.ts"
import type { MemoryShare } from "../relabel/KnownSeries.ts"
import { relabelMemory } from "../relabel/Relabeller.ts"
import type { Now } from "../rounds/Ages.ts"
import { Tap } from "../tap/Tap.ts"
import { defaultParseLimits, lineReasons, type ParseLimits, refusalReasons } from "../text/Dump.ts"
import { Budget } from "./Budget.ts"
import { CacheLog } from "./CacheLog.ts"
import type { CacheLimits } from "./CacheOptions.ts"
import { Delivered } from "./Delivered.ts"
import { DroppedRecords } from "./DroppedRecords.ts"
import { Holders } from "./Holders.ts"
import { MetricsCache } from "./MetricsCache.ts"
import { PartitionCache } from "./PartitionCache.ts"
import { PodSources } from "./PodSources.ts"
import { type Ahead, type AheadWork, nothingAhead } from "./ReadAhead.ts"
import { ignoredReasons, type Tally } from "./Tally.ts"
import { UnfinishedPool } from "./Unfinished.ts"

const MiB = 1024 * 1024

/** The pod's fit a process of 4 GB; a partition may take half of them. @experimental */
export const defaultCacheLimits: CacheLimits = {
  maxSources: 10_000,
  partitionSeries: 2_000_000,
  partitionBytes: 512 * MiB,
  podSeries: 5_000_000,
  podBytes: 1024 * MiB,
  rememberedSources: 40_000,
  gatherBytes: 256 * MiB,
  podGatherBytes: 256 * MiB
}

/** How metrics are read and shown. Durations in ms, sizes in bytes. Plain data. @experimental */
export interface MetricsOptions {
  /** The least milliseconds without a round after which a source is silent. */
  readonly expiry: number
  /** `event`: samples carry their own or their dump's time. `scrape`: none does, as from a direct scrape. */
  readonly timestamps: "scrape" | "event"
  /** The label that has the source's id on each series; `instance` by default. */
  readonly sourceLabel: string
  /**
   * What must have happened to content before its offset is committed. `visible`: a cut could have shown it. `scraped`: a body with it was sent
   * whole to a Prometheus.
   */
  readonly commit: "visible" | "scraped"
  /** Those of the cache that are not given are `defaultCacheLimits`'. */
  readonly limits: ParseLimits & Partial<CacheLimits>
  /** Whether names that Prometheus itself writes are shown. */
  readonly allowReservedNames?: boolean
  /** Whether the body tells, beside what sources show, when the broker took the last accepted round of each, and the last refused one. */
  readonly sourceTimes?: boolean
  /** Prometheus' rules on what is taken, which `metricsParts` makes an Admission of. */
  readonly relabel?: AdmissionSettings
  /** Of one of several workers: what they know together (`PodSources.memory`). */
  readonly shared?: { readonly sources: SharedArrayBuffer; readonly shard: number }
}

/** The defaults of `kafka2prom serve`. @experimental */
export const defaultMetricsOptions: MetricsOptions = {
  expiry: 90_000,
  timestamps: "event",
  sourceLabel: "instance",
  commit: "visible",
  allowReservedNames: false,
  sourceTimes: false,
  limits: defaultParseLimits
}

/** Bytes of records taken before the event loop has its turn. */
const sliceBytes = 2 * MiB
/** Small records cost more than their bytes. */
const recordCost = 1024
const sweepInterval = "5 seconds"

/** What `kafka2prom serve` does with records. It asks the context for an `Admission` and a `Tap`, and does without. @experimental */
export const layer = (options: MetricsOptions): Layer.Layer<PartitionProcessor, never, MetricsCache | SelfMetrics> =>
  Layer.effect(
    PartitionProcessor,
    Effect.gen(function* () {
      const visible = yield* MetricsCache
      const metrics = yield* SelfMetrics
      const clock = yield* Clock.Clock
      for (const reason of lineReasons) metrics.linesRefused.inc({ reason }, 0)
      for (const reason of refusalReasons) metrics.recordsRefused.inc({ reason }, 0)
      for (const reason of ignoredReasons) metrics.roundsIgnored.inc({ reason }, 0)
      const limits = { ...defaultCacheLimits, ...options.limits }
      metrics.seriesLimit.set(limits.podSeries)
      metrics.cacheLimit.set(limits.podBytes)
      metrics.keptLimit.set(limits.podGatherBytes)
      metrics.partitionSeriesLimit.set(limits.partitionSeries)
      metrics.partitionSourcesLimit.set(limits.maxSources)
      const shared =
        options.shared === undefined ? undefined : new PodSources(options.shared.sources, options.shared.shard)
      shared?.begin()
      const holders = new Holders(shared)
      const pod = new Budget("pod", { series: limits.podSeries, bytes: limits.podBytes })
      const unfinished = new UnfinishedPool(limits.podGatherBytes)
      const relabelled: MemoryShare = { limit: relabelMemory, bytes: 0 }
      const now = (): Now => ({
        wall: clock.currentTimeMillisUnsafe(),
        mono: Number(clock.monotonicTimeNanosUnsafe() / 1000n) / 1000
      })

      return PartitionProcessor.of({
        name: "metrics",
        needs: shown,
        open: Effect.fn("MetricsProcessor.open")(function* ({ tp, plan, time, homes }) {
          const key = partitionKey(tp)
          // Whichever is outermost among the services of the shard: an extension's is there when this Layer is built no more.
          const admission = Option.getOrUndefined(yield* Effect.serviceOption(Admission))
          const tap = Option.getOrUndefined(yield* Effect.serviceOption(Tap))
          const cache = new PartitionCache(
            tp,
            time,
            { ...options, limits, admission, toldBefore: tap === undefined ? undefined : plan.committed },
            ...([pod, homes, holders, unfinished, relabelled] as const)
          )
          const log = new CacheLog(tp)
          const counted = reporter(cache, metrics)
          const report = (): Effect.Effect<void> => {
            const tally = counted()
            return Effect.andThen(logDefects(key, tally.defects), log.refused(tally, cache.lastRefusal(), now().mono))
          }
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              cache.clear()
              counted()
            })
          )
          const delivered = options.commit === "scraped" ? new Delivered(plan.start) : undefined
          const content = cache.content(now)
          yield* visible.enter(key, delivered === undefined ? content : delivered.watching(content))
          const tells = tap === undefined ? Effect.void : yield* telling(key, tap, cache)
          // Where that ends early the incarnation does, and the records' bytes are taken back before it is closed.
          const toldNow = Effect.onError(tells, () => Effect.sync(() => cache.tapped?.close()))
          yield* Effect.suspend(() => Effect.andThen(log.expired(cache.sweep(now()), now().mono), report())).pipe(
            // What went is told again before the next record is taken, and then its failure counts.
            Effect.andThen(Effect.catch(tells, ({ message }) => Effect.logWarning(message))),
            Effect.delay(sweepInterval),
            Effect.forever,
            Effect.tapCause((cause) =>
              Effect.logError(`${key}: freeing expired content failed, memory will grow`, cause)
            ),
            Effect.forkScoped
          )

          /**
           * Takes records from `from` on until a slice is full, then the rest after a turn of the event loop. `ahead`: of the first one;
           * a further one that has work to be done before ends the slice.
           */
          const slice = (batch: Batch, how: Taking, from: number, ahead?: Ahead): Effect.Effect<void, ProcessorError> =>
            Effect.suspend(() => {
              const { records } = batch
              const at = now()
              let cost = 0
              let work: AheadWork | undefined
              let i = from
              for (; i < records.length && cost < sliceBytes && cache.tapped?.waits !== true; i++) {
                const record = records[i]!
                const done = i === from ? ahead : undefined
                if (done === undefined) work = how.ahead(record)
                if (work !== undefined) break
                how.take(record, at, done ?? nothingAhead)
                cost += done === undefined ? (record.value?.length ?? 0) + recordCost : sliceBytes
              }
              const rest = i < records.length
              if (!rest) {
                cache.reached(batch.next, batch.fence, now())
                delivered?.reached(batch.next)
              }
              const said = report()
              const logged = cache.tapped?.waits === true ? Effect.andThen(said, toldNow) : said
              if (work !== undefined)
                return Effect.andThen(
                  logged,
                  Effect.flatMap(inTurns(work), (found) => slice(batch, how, i, found))
                )
              return rest ? Effect.andThen(logged, Effect.andThen(Effect.yieldNow, slice(batch, how, i))) : logged
            })

          const guarded = (effect: Effect.Effect<void, ProcessorError>): Effect.Effect<void, ProcessorError> =>
            Effect.catchDefect(effect, (cause) =>
              Effect.fail(new ProcessorError({ message: `${key}: the metrics cache failed`, cause }))
            )

          return {
            borrows: true,
            process: (batch) => {
              const take: Taking["take"] = (record, at, ahead) => cache.take(record, batch.fence, at, ahead)
              return guarded(slice(batch, { ahead: (record) => cache.ahead.of(record), take }, 0))
            },
            gap: () => {
              const dropped = new DroppedRecords()
              return {
                add: (record) => dropped.add(record),
                pass: (next, fence) => {
                  const records = dropped.all()
                  const from = records[0]?.offset ?? next
                  const take: Taking["take"] = (record, at) => cache.drop(record, from, fence, at)
                  return guarded(slice({ records, next, fence }, { ahead: () => undefined, take }, 0))
                }
              }
            },
            grown: () => cache.grown(now()),
            keys: () => cache.keys(),
            committable: (position) => cache.committable(delivered === undefined ? position : delivered.upTo(position)),
            lowest: (position) => cache.lowest(position),
            status: () => cache.size()
          }
        })
      })
    })
  )

/** Tells all that waits, in order; what fails waits on. One at a time: records and expiry both bring something to tell. */
const telling = (key: string, tap: Tap["Service"], { tapped }: PartitionCache) =>
  Effect.map(Semaphore.make(1), (turn) => {
    const next: Effect.Effect<void, ProcessorError> = Effect.suspend(() => {
      const tell = tapped?.first()
      if (tell === undefined) return Effect.void
      return Effect.suspend(() => tell(tap)).pipe(
        Effect.catchCause((cause) => {
          if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
          const failed = Cause.squash(cause)
          const why = failed instanceof Error ? failed.message : String(failed)
          return Effect.fail(
            new ProcessorError({ message: `${key}: the tap ${tap.name} failed: ${why}`, cause: failed })
          )
        }),
        Effect.andThen(Effect.sync(() => tapped?.told())),
        Effect.andThen(next)
      )
    })
    return turn.withPermits(1)(next)
  })

/** What is done with a record, and what before it is. */
interface Taking {
  readonly ahead: (record: LogRecord) => AheadWork | undefined
  readonly take: (record: LogRecord, at: Now, ahead: Ahead) => void
}

/** A slice in each turn of the event loop, beginning with the next one. */
const inTurns = (work: AheadWork): Effect.Effect<Ahead> =>
  Effect.flatMap(Effect.yieldNow, () => {
    const step = work.next()
    return step.done === true ? Effect.succeed(step.value) : inTurns(work)
  })

/** Moves the cache's tally into the pod's metrics, and answers it; the gauges by what changed, since all partitions share them. */
const reporter = (cache: PartitionCache, metrics: SelfMetricsShape): (() => Tally) => {
  let last = { sources: 0, series: 0, bytes: 0, kept: 0 }
  return () => {
    const tally = cache.takeTally()
    if (tally.accepted > 0) metrics.roundsAccepted.inc(tally.accepted)
    if (tally.expired > 0) metrics.sourcesExpired.inc(tally.expired)
    if (tally.displaced > 0) metrics.sourcesDisplaced.inc(tally.displaced)
    for (const { seconds, times } of tally.ages) metrics.roundAge.observe(seconds, times)
    for (const [reason, n] of tally.ignored) metrics.roundsIgnored.inc({ reason }, n)
    for (const [reason, n] of tally.refused) metrics.recordsRefused.inc({ reason }, n)
    for (const [reason, n] of tally.refusedLines) metrics.linesRefused.inc({ reason }, n)
    const size = { ...cache.size(), kept: cache.kept.bytes }
    metrics.sources.inc(size.sources - last.sources)
    metrics.series.inc(size.series - last.series)
    metrics.cacheBytes.inc(size.bytes - last.bytes)
    metrics.keptBytes.inc(size.kept - last.kept)
    last = size
    return tally
  }
}

const logDefects = (key: string, defects: ReadonlyArray<unknown>): Effect.Effect<void> =>
  defects.length === 0
    ? Effect.void
    : Effect.logError(
        `${key}: the parser failed on ${defects.length} records, which were refused; please report this`,
        defects[0]
      )
