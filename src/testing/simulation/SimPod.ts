/**
 * SimPod: one simulated pod: the real engine and the application (metrics with their real processor, cache and renderer, where nothing else is
 * simulated) behind a PodClock. It can be slow in processing and in evicting, and fail, besides what any process can meet.
 */
import { Context, Effect, Layer, type Scope, Semaphore } from "effect"
import { Backpressure, type StrategyName } from "../../engine/Backpressure.ts"
import { type Cut, Engine } from "../../engine/Engine.ts"
import type { Assignor } from "../../engine/group/Assignor.ts"
import { defaultEngineOptions, type EngineOptions } from "../../engine/Options.ts"
import { type Batch, type Opening, PartitionProcessor, type ProcessorError } from "../../engine/PartitionProcessor.ts"
import { MetricsCache } from "../../metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../metrics/cache/MetricsProcessor.ts"
import { Tap } from "../../metrics/tap/Tap.ts"
import type { SelfMetrics } from "../../SelfMetrics.ts"
import { partitionKey, type Transport } from "../../transport/Transport.ts"
import type { DurableSubject } from "../DurableSubject.ts"
import { Outside, type Reach } from "../pods/Outside.ts"
import type { PodClock } from "../pods/PodClock.ts"
import { PodProcess } from "../pods/PodProcess.ts"
import { shardLayer } from "../pods/TestPod.ts"
import { throughClock } from "../pods/ThroughClock.ts"
import type { Subject } from "../Subject.ts"
import type { ActorJudge } from "./judges/ActorJudge.ts"
import type { TapJudge } from "./judges/TapJudge.ts"
import { metricsSight, nothingSeen, type Sight, subjectSight } from "./Sight.ts"
import type { SimOutside } from "./SimOutside.ts"

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

/** What a team swaps in the pods. A Layer is built once a pod. @experimental */
export interface Swapped {
  /** Over the simulation's own options. */
  readonly engine?: Partial<EngineOptions>
  /** In place of the built-in one. */
  readonly assignor?: Layer.Layer<Assignor>
  /** In place of the built-in strategies; it must have those that the schedule names. */
  readonly backpressure?: Layer.Layer<Backpressure>
  /** Around the application's own. */
  readonly processor?: (processor: PartitionProcessor["Service"]) => PartitionProcessor["Service"]
}

/** Replaces a part of the pods: how the mutants break exactly one rule. */
export interface Parts extends Swapped {
  /** What is simulated instead of metrics. */
  readonly subject?: Subject<unknown>
  /** In durable histories: instead of the simulation's own. */
  readonly durable?: Effect.Effect<DurableSubject<never, unknown>, unknown, Scope.Scope>
  readonly transport?: (transport: Transport["Service"], pod: PodClock) => Transport["Service"]
  /** Replaces how a scrape is made; `content` is asked for when the body is written. */
  readonly scrape?: (pod: SimPod, ago: number) => Scrape
}

export interface Scrape {
  readonly cut: Cut
  readonly content: () => Sight
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
  /** Who is told of its rounds. */
  readonly taps: TapJudge | undefined
  /** What makes records durable, instead of showing anything, and how that reaches its store. */
  readonly durable: { readonly app: DurableSubject<never, unknown>["app"]; readonly outside: SimOutside } | undefined
}

interface Application {
  readonly app: Layer.Layer<PartitionProcessor, unknown, SelfMetrics | Transport>
  readonly look: (services: Context.Context<never>) => (keys: ReadonlyArray<string>) => Sight
}

export class SimPod extends PodProcess {
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
  engine!: Engine["Service"]
  /** What is there of these partitions at this instant. */
  look!: (keys: ReadonlyArray<string>) => Sight
  /** Whoever is to take a cut waits for it. */
  readonly thread = Semaphore.makeUnsafe(1)
  /** It left in good order. */
  hasLeft = false
  private settings!: PodSettings

  start(log: Transport["Service"], settings: PodSettings, parts: Parts): Effect.Effect<void> {
    this.pace = settings.pace
    this.strict = settings.strict
    this.settings = settings
    const { app, look } = this.application(settings, parts)
    const hampered = Layer.effect(
      PartitionProcessor,
      Effect.map(PartitionProcessor, (inner) =>
        PartitionProcessor.of(this.hamper((parts.processor ?? ((p) => p))(inner)))
      )
    ).pipe(Layer.provideMerge(app))
    const engine = { ...simEngine, ...settings.engine, ...parts.engine, clientId: this.name }
    const deposed = () => Number(this.base.monotonicTimeNanosUnsafe()) / 1e6 < this.deposedUntil
    const transport = (parts.transport ?? ((t) => t))(throughClock(log, this.clock, deposed), this.clock)
    const backpressure = parts.backpressure ?? Backpressure.layer(settings.backpressure, 20)
    const podParts = {
      app: hampered,
      backpressure,
      ...(parts.assignor === undefined ? {} : { assignor: parts.assignor })
    }
    return this.build(shardLayer(transport, podParts, engine)).pipe(
      Effect.map((services) => {
        this.engine = Context.get(services, Engine)
        this.look = look(services)
      }),
      Effect.provideService(Outside, this.outside(undefined)),
      Effect.orDie
    )
  }

  private application(settings: PodSettings, { subject }: Parts): Application {
    if (settings.durable !== undefined) return { app: settings.durable.app, look: () => () => nothingSeen }
    if (subject !== undefined)
      return {
        app: subject.app,
        look: (services) => (keys) => subjectSight(subject.shown(services as Context.Context<unknown>, keys))
      }
    const { limits } = MetricsProcessor.defaultMetricsOptions
    const metrics = {
      ...MetricsProcessor.defaultMetricsOptions,
      // Agents' clocks are off by minutes here: with their own time samples would be hidden until they are due.
      timestamps: "scrape" as const,
      expiry: simExpiry,
      commit: settings.commit,
      limits: settings.strict ? { ...limits, maxLabelValue: 100 } : limits
    }
    return {
      app: MetricsProcessor.layer(metrics).pipe(
        Layer.provideMerge(MetricsCache.layer),
        Layer.provideMerge(settings.taps === undefined ? Layer.empty : Tap.layer(settings.taps.listening(this)))
      ),
      look: (services) => {
        const cache = Context.get(services as Context.Context<MetricsCache>, MetricsCache)
        return (keys) => metricsSight(cache.collect(keys))
      }
    }
  }

  /** How it reaches what lies outside, for one of its partitions or for itself. */
  private outside(opening: Opening | undefined): Reach {
    const { durable } = this.settings
    if (durable === undefined) return Outside.defaultValue()
    if (opening === undefined) return durable.outside.reach(this, undefined)
    const memberId = () => this.engine.status().memberId
    const since = memberId()
    const hasHeard = () => memberId() !== since
    const owns = () => opening.owned() && !hasHeard()
    return durable.outside.reach(this, { key: partitionKey(opening.tp), owns, hasHeard })
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
          const watched = this.settings.judge.opened(this.name, key, counted)
          this.settings.taps?.opened(this.name, tp.partition, opening.plan.committed)
          yield* Effect.addFinalizer(() => Effect.sync(watched.closed))
          const here = Effect.provideService(Outside, this.outside(opening))
          const processing = yield* here(inner.open(opening))
          yield* Effect.addFinalizer(() => Effect.suspend(() => Effect.sleep(this.evictionDelay)))
          const watch = (batch: Batch, how: "processed" | "dropped", work: Effect.Effect<void, ProcessorError>) =>
            Effect.suspend(() => Effect.ensuring(here(work), Effect.sync(watched.given(batch, how))))
          return {
            ...processing,
            ...(processing.drain === undefined ? {} : { drain: here(processing.drain) }),
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
    const sight = this.look(cut.partitions.map((p) => p.key))
    return { cut, content: () => sight }
  }

  protected override left(): void {
    this.hasLeft = true
    this.settings.judge.left(this.name, this.clock.sleeping)
  }
}
