/**
 * SimPod: one simulated pod: the real engine, processor, cache and renderer behind a PodClock and a SimTransport. It can be slow in
 * processing and in evicting, frozen, killed (its fibers just never go on) and stopped cleanly.
 */
import { Clock, Context, Effect, Exit, Layer, Scope, Semaphore } from "effect"
import { Backpressure, type StrategyName } from "../../src/engine/Backpressure.ts"
import { type Cut, Engine } from "../../src/engine/Engine.ts"
import * as EngineLayer from "../../src/engine/EngineLayer.ts"
import { Assignor } from "../../src/engine/group/Assignor.ts"
import { defaultEngineOptions, type EngineOptions } from "../../src/engine/Options.ts"
import { type Batch, PartitionProcessor, type ProcessorError } from "../../src/engine/PartitionProcessor.ts"
import { type Look, MetricsCache } from "../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../src/metrics/cache/MetricsProcessor.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { partitionKey, Transport } from "../../src/transport/Transport.ts"
import type { ActorJudge } from "./ActorJudge.ts"
import { PodClock } from "./PodClock.ts"
import type { SimArchive } from "./SimArchive.ts"
import { throughClock } from "./SimTransport.ts"

/** Short, so that a minute of virtual time holds many handoffs; the proportions are the defaults'. */
export const simEngine: EngineOptions = {
  ...defaultEngineOptions,
  sessionTimeout: 6_000,
  rebalanceTimeout: 9_000,
  leaseMargin: 300,
  lookback: 10_000,
  lateness: 5_000,
  // Small, so that queues fill and reservations bind at the pace of a few records a second.
  leastHeadroom: 2,
  // Its sources do not move, unless the history is about growth.
  partitioner: "none",
  growthWindow: 0,
  queueRecords: 6,
  fetchMaxBytesPartition: 500,
  maxRecordBytes: 2_000
}
export const simExpiry = 10_000

/** Replaces a part of the pod: how the mutants break exactly one rule. */
export interface Parts {
  readonly engine?: Partial<EngineOptions>
  readonly assignor?: Layer.Layer<Assignor>
  readonly backpressure?: Layer.Layer<Backpressure>
  readonly transport?: (transport: Transport["Service"], pod: PodClock) => Transport["Service"]
  readonly processor?: (processor: PartitionProcessor["Service"]) => PartitionProcessor["Service"]
  /** Replaces how a scrape is made; `content` is asked for when the body is written. */
  readonly scrape?: (pod: SimPod, ago: number) => Scrape
}

export interface Scrape {
  readonly cut: Cut
  readonly content: () => Look
}

export interface PodSettings {
  readonly commit: "visible" | "scraped"
  readonly engine: Partial<EngineOptions>
  readonly backpressure: StrategyName
  /** Ms that each record takes. */
  readonly pace: number
  /** Limits below those that `wide` dumps need. */
  readonly strict: boolean
  readonly judge: ActorJudge
  /** What it writes to, instead of showing anything. */
  readonly archive?: SimArchive
}

export class SimPod {
  readonly name: string
  readonly clock: PodClock
  /** Ms that closing a partition takes. */
  evictionDelay = 0
  /** Its limits are below what wide dumps need. */
  strict = false
  /** Ms that each record takes. */
  pace = 0
  /** Ms that each record takes beyond the pace. */
  recordDelay = 0
  /** Batches that will fail in the processor. */
  failures = 0
  /** Until then its heartbeats reach a deposed coordinator. */
  deposedUntil = -1
  state: "running" | "leaving" | "gone" = "running"
  engine!: Engine["Service"]
  cache!: MetricsCache["Service"]
  /** Whoever is to take a cut waits for it. */
  readonly thread = Semaphore.makeUnsafe(1)
  private readonly base: Clock.Clock
  private readonly scope = Scope.makeUnsafe()
  private judge!: ActorJudge

  constructor(name: string, base: Clock.Clock) {
    this.name = name
    this.base = base
    this.clock = new PodClock(base)
  }

  start(log: Transport["Service"], settings: PodSettings, parts: Parts): Effect.Effect<void> {
    const { limits } = MetricsProcessor.defaultMetricsOptions
    this.pace = settings.pace
    this.strict = settings.strict
    this.judge = settings.judge
    const metrics = {
      ...MetricsProcessor.defaultMetricsOptions,
      // Agents' clocks are off by minutes here: with their own time samples would be hidden until they are due.
      timestamps: "scrape" as const,
      expiry: simExpiry,
      commit: settings.commit,
      limits: settings.strict ? { ...limits, maxLabelValue: 100 } : limits
    }
    const hampered = Layer.effect(
      PartitionProcessor,
      Effect.map(PartitionProcessor, (inner) =>
        PartitionProcessor.of(this.hamper((parts.processor ?? ((p) => p))(inner)))
      )
    ).pipe(
      Layer.provide(
        settings.archive === undefined
          ? MetricsProcessor.layer(metrics)
          : Layer.succeed(PartitionProcessor, settings.archive.processor(this))
      )
    )
    const engine = { ...simEngine, ...settings.engine, ...parts.engine, clientId: this.name }
    const deposed = () => Number(this.base.monotonicTimeNanosUnsafe()) / 1e6 < this.deposedUntil
    const transport = (parts.transport ?? ((t) => t))(throughClock(log, this.clock, deposed), this.clock)
    const layer = EngineLayer.layer(engine).pipe(
      Layer.provide(hampered),
      Layer.provideMerge(MetricsCache.layer),
      Layer.provide(parts.backpressure ?? Backpressure.layer(settings.backpressure, 20)),
      Layer.provide(parts.assignor ?? Assignor.layer),
      Layer.provide(SelfMetrics.layerBare),
      Layer.provide(Layer.succeed(Transport, transport))
    )
    return Layer.buildWithScope(Layer.fresh(layer), this.scope).pipe(
      Effect.provideService(Clock.Clock, this.clock),
      Effect.map((context) => {
        this.engine = Context.get(context, Engine)
        this.cache = Context.get(context, MetricsCache)
      }),
      Effect.orDie
    )
  }

  memberId(): string {
    return this.engine.status().memberId
  }

  /** Ms that it takes to make something durable. */
  writing(): number {
    return 40 + 10 * this.pace + this.recordDelay
  }

  /** Slow in processing and in evicting, and failing, as it is told. */
  private hamper(inner: PartitionProcessor["Service"]): PartitionProcessor["Service"] {
    return {
      name: inner.name,
      needs: inner.needs,
      open: (opening) =>
        Effect.gen({ self: this }, function* () {
          const { tp } = opening
          const key = partitionKey(tp)
          const counted = () =>
            this.engine.status().partitions.find((p) => p.topic === tp.topic && p.partition === tp.partition)
              ?.dropped ?? 0
          const watched = this.judge.opened(this.name, key, counted)
          yield* Effect.addFinalizer(() => Effect.sync(watched.closed))
          const processing = yield* inner.open(opening)
          yield* Effect.addFinalizer(() => Effect.suspend(() => Effect.sleep(this.evictionDelay)))
          const watch = (batch: Batch, how: "processed" | "dropped", work: Effect.Effect<void, ProcessorError>) =>
            Effect.suspend(() => Effect.ensuring(work, Effect.sync(watched.given(batch, how))))
          return {
            ...processing,
            gap: () => {
              const gap = processing.gap?.()
              return {
                add: (record) => gap?.add(record),
                pass: (next, fence) =>
                  watch({ records: [], next, fence }, "dropped", gap?.pass(next, fence) ?? Effect.void)
              }
            },
            process: (batch) =>
              watch(
                batch,
                "processed",
                Effect.suspend(() => {
                  if (this.failures > 0) {
                    this.failures -= 1
                    return Effect.die(new Error("a defect, by the schedule"))
                  }
                  const delay = this.pace + this.recordDelay
                  if (delay === 0) return processing.process(batch)
                  // One by one, so that scrapes meet a batch on its way.
                  return Effect.forEach(
                    batch.records.length === 0 ? [undefined] : batch.records,
                    (record, i) => {
                      const next = i + 1 < batch.records.length ? record!.offset + 1 : batch.next
                      const records = record === undefined ? [] : [record]
                      return Effect.andThen(
                        Effect.sleep(this.pace + this.recordDelay),
                        processing.process({ ...batch, records, next })
                      )
                    },
                    { discard: true }
                  )
                })
              )
          }
        })
    }
  }

  /** Rule 7: the cut and its content, in one instant; `ago`: ms since the request arrived, by this pod's clock. */
  scrape(parts: Parts, ago: number): Scrape {
    if (parts.scrape !== undefined) return parts.scrape(this, ago)
    const cut = this.engine.cut(ago)
    const look = this.cache.collect(cut.partitions.map((p) => p.key))
    return { cut, content: () => look }
  }

  /** As SIGTERM does it. */
  readonly stop = Effect.suspend(() => {
    this.state = "leaving"
    return Effect.andThen(
      Scope.close(this.scope, Exit.void),
      Effect.sync(() => {
        // One that died on its way out left nothing, but did not leave either.
        if (this.state === "leaving") this.judge.left(this.name, this.clock.sleeping)
        this.state = "gone"
      })
    )
  })

  /** As kill -9 does it: nothing of it ever goes on. Its requests under way may still arrive. */
  kill(): void {
    this.state = "gone"
    this.clock.freeze(false)
  }
}
