/** ArchivePod: one simulated archive pod: the real engine and the real archive behind a clock that can stand still, killed, frozen, or stopped in order. */
import { Clock, Context, Effect, Exit, Layer, Scope } from "effect"
import * as ArchiveProcessor from "../../../src/archive/ArchiveProcessor.ts"
import { Archives } from "../../../src/archive/Archives.ts"
import { zstdAtOnce } from "../../../src/archive/rows/Packing.ts"
import type { Store } from "../../../src/archive/store/Store.ts"
import { Backpressure } from "../../../src/engine/Backpressure.ts"
import { Engine } from "../../../src/engine/Engine.ts"
import * as EngineLayer from "../../../src/engine/EngineLayer.ts"
import { Assignor } from "../../../src/engine/group/Assignor.ts"
import { PartitionProcessor } from "../../../src/engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { PodClock } from "../../../src/testing/pods/PodClock.ts"
import { throughClock } from "../../../src/testing/pods/ThroughClock.ts"
import { simEngine } from "../../../src/testing/simulation/SimPod.ts"
import { type TopicPartition, Transport } from "../../../src/transport/Transport.ts"

export const limits: ArchiveProcessor.ArchiveLimits = {
  rollBytes: 4_000,
  rollAge: 2_000,
  remember: 1_000,
  holdBytes: 20_000
}

/** Replaces one part: how the mutants break exactly one rule. */
export type Mutation = (processor: PartitionProcessor["Service"], pod: ArchivePod) => PartitionProcessor["Service"]

export class ArchivePod {
  readonly name: string
  readonly clock: PodClock
  state: "running" | "leaving" | "gone" = "running"
  engine: Engine["Service"] | undefined
  readonly #scope = Scope.makeUnsafe()

  constructor(name: string, base: Clock.Clock) {
    this.name = name
    this.clock = new PodClock(base)
  }

  start(log: Transport["Service"], topic: string, store: Store, mutate: Mutation): Effect.Effect<void> {
    const processor = Layer.effect(
      PartitionProcessor,
      Effect.map(PartitionProcessor, (inner) => mutate(inner, this))
    ).pipe(Layer.provide(ArchiveProcessor.layer(store, limits, zstdAtOnce)), Layer.provide(Archives.layer))
    const engine = {
      ...simEngine,
      topics: [topic],
      queueRecords: 50,
      fetchMaxBytesPartition: 4_000,
      clientId: this.name
    }
    const layer = EngineLayer.layer(engine).pipe(
      Layer.provide(processor),
      Layer.provide(Backpressure.layer("pause")),
      Layer.provide(Assignor.layer),
      Layer.provide(SelfMetrics.layerBare),
      Layer.provide(
        Layer.succeed(
          Transport,
          throughClock(log, this.clock, () => false)
        )
      )
    )
    return Layer.buildWithScope(Layer.fresh(layer), this.#scope).pipe(
      Effect.provideService(Clock.Clock, this.clock),
      Effect.map((context) => {
        this.engine = Context.get(context, Engine)
      }),
      Effect.orDie
    )
  }

  /** Whether it believes, with reason or not, that the partition is its own. */
  owns({ topic, partition }: TopicPartition): boolean {
    const status = this.engine?.status()
    return (
      status !== undefined &&
      status.memberId !== "" &&
      status.partitions.some((p) => p.topic === topic && p.partition === partition)
    )
  }

  /** As SIGTERM does it. */
  readonly stop = Effect.suspend(() => {
    this.state = "leaving"
    return Effect.andThen(
      Scope.close(this.#scope, Exit.void),
      Effect.sync(() => {
        this.state = "gone"
      })
    )
  })

  /** As kill -9 does it: nothing of it ever goes on. What it sent may still arrive. */
  kill(): void {
    this.state = "gone"
    this.clock.freeze(false)
  }
}
