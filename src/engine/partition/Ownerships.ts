/**
 * Ownerships: the partitions that this member holds, each with the Scope that is its ownership. Rule 1 of the handoff lives
 * here: hide (one instant), stop the actor, let its processor make durable what is not yet, fix the last commit, close the Scope so that
 * the content leaves the scrapes, try to commit, and only then report `evicted`, which lets the group give the partition away. Nothing
 * here decides who owns what.
 */
import { Clock, Effect, Exit, Scope } from "effect"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import { partitionKey, type TopicPartition, unreadableReasons } from "../../transport/Transport.ts"
import type { Strategy } from "../Backpressure.ts"
import { EngineFailed } from "../Engine.ts"
import type { HandoffLog } from "../HandoffLog.ts"
import type { EngineOptions } from "../Options.ts"
import type { Needs } from "../PartitionProcessor.ts"
import { type ActorHost, runActor } from "./Actor.ts"
import type { Committer } from "./Committer.ts"
import { Partition } from "./Partition.ts"

interface Owned {
  readonly partition: Partition
  readonly scope: Scope.Closeable
  started: boolean
  evicting: boolean
}

export interface OwnershipsHost {
  readonly options: EngineOptions
  readonly metrics: SelfMetricsShape
  readonly now: () => number
  readonly leaseValid: () => boolean
  readonly strategy: () => Strategy
  readonly needs: Needs
  /** The processor's name. */
  readonly module: string
  /** The group's, as last synced. */
  readonly generation: () => number
  readonly log: HandoffLog
  /** Starts an effect now, owned by the Scope (the shard's where none is given); a defect in it ends the shard. */
  readonly run: (effect: Effect.Effect<unknown, EngineFailed>, scope?: Scope.Scope) => void
  readonly evicted: (key: string) => void
}

export class Ownerships {
  private readonly owned = new Map<string, Owned>()
  private readonly host: OwnershipsHost

  constructor(host: OwnershipsHost) {
    this.host = host
  }

  get(tp: TopicPartition): Partition | undefined {
    return this.owned.get(partitionKey(tp))?.partition
  }

  *partitions(): Iterable<Partition> {
    for (const o of this.owned.values()) yield o.partition
  }

  /** Bytes a second by key, of those that were watched long enough. */
  loads(): ReadonlyMap<string, number> {
    const loads = new Map<string, number>()
    for (const p of this.partitions()) {
      const rate = p.load.measure(p.highWatermark, this.host.now())
      if (rate !== undefined) loads.set(p.key, rate)
    }
    return loads
  }

  /** It is owned from here on, so that whatever comes next can evict it; its actor is started by `start`. */
  acquire(tp: TopicPartition): void {
    const { host } = this
    const partition = new Partition({
      tp,
      needs: host.needs,
      generation: host.generation(),
      strategy: host.strategy(),
      now: host.now(),
      leastHeadroom: host.options.leastHeadroom,
      settings: host.options.settingsHash
    })
    const scope = Scope.makeUnsafe()
    // What may happen to it is counted from zero.
    for (const reason of unreadableReasons)
      host.metrics.batchesSkipped.inc({ topic: tp.topic, partition: String(tp.partition), reason }, 0)
    this.owned.set(partition.key, { partition, scope, started: false, evicting: false })
  }

  /**
   * Its actor begins with the next step, when its fiber belongs to the Scope: whatever it brings about, the loss of everything
   * included, finds it there and can stop it. One that was evicted before it started never starts.
   */
  start(tp: TopicPartition, actors: ActorHost): void {
    const o = this.owned.get(partitionKey(tp))
    if (o === undefined || o.started || o.evicting) return
    o.started = true
    this.host.run(Effect.andThen(Effect.yieldNow, runActor(actors, o.partition)), o.scope)
  }

  /** From here on no cut contains the partition. `commit`: false where ownership was lost. */
  hide(tp: TopicPartition, commit: boolean): void {
    const o = this.owned.get(partitionKey(tp))
    if (o === undefined) return
    const { partition: p } = o
    p.mayCommit &&= commit
    if (p.phase !== "evicting") p.hide(this.host.leaseValid())
  }

  /** Its actor, or whoever waits for it, looks again, when everything that is under way now is done. */
  nudge(p: Partition): void {
    this.host.run(
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => p.signal.notify())
      )
    )
  }

  /** After `hide`. A loss while the eviction is under way was taken in by `hide`: it ends a drain, and the eviction goes on. */
  evict(tp: TopicPartition, committer: Committer, why: string): void {
    const key = partitionKey(tp)
    const o = this.owned.get(key)
    if (o === undefined) return
    if (o.partition.processing?.drain !== undefined) this.nudge(o.partition)
    if (o.evicting) return
    o.evicting = true
    const { host } = this
    const { partition: p } = o
    const since = host.now()
    const eviction = Effect.gen({ self: this }, function* () {
      // One instant: what its processor says now is what it leaves.
      const last = p.commit(false, host.now())
      yield* Scope.close(o.scope, Exit.void)
      if (last !== undefined) yield* committer.final(p, last)
      this.owned.delete(key)
      this.forget(p)
      const took = host.now() - since
      host.log.note(p, p.mayCommit ? "released" : "lost", took, why)
      const drops = p.drops.end(yield* Clock.currentTimeMillis, "it is given up")
      if (drops !== undefined) yield* Effect.logWarning(drops)
      yield* Effect.logInfo(`${key} is evicted after ${Math.round(took)} ms: ${why}`)
      host.evicted(key)
    })
    const inTime = eviction.pipe(
      Effect.timeoutOrElse({
        duration: host.options.sessionTimeout / 2,
        orElse: () =>
          Effect.fail(
            new EngineFailed({
              message: `evicting ${key} took longer than half the session timeout: this pod must end`
            })
          )
      })
    )
    const attributes = { partition: key, why }
    host.run(
      (p.drains ? Effect.andThen(this.drained(p), inTime) : inTime).pipe(Effect.withSpan("evict", { attributes }))
    )
  }

  /** Its processor has made durable what it held, or has had its time, or must not go on: all drains run at once, each in its actor. */
  private drained(p: Partition): Effect.Effect<void> {
    const { host } = this
    const time = host.options.sessionTimeout / 4
    return p.signal
      .until(() => !p.drains)
      .pipe(
        Effect.timeoutOrElse({
          duration: time,
          orElse: () => {
            host.metrics.moduleFailures.inc({ module: host.module, function: "drain" })
            return Effect.logError(
              `the processor ${host.module} of ${p.key} did not make durable what it held within ${time} ms: it is interrupted, and its next owner reads it again`
            )
          }
        })
      )
  }

  /** Gauges of a partition end with its ownership; counters stay, as counters do. */
  private forget(p: Partition): void {
    const labels = { topic: p.tp.topic, partition: String(p.tp.partition) }
    const { lag, queueRecords, queueBytes, remainderRecords, remainderBytes, trouble, quarantined } = this.host.metrics
    for (const gauge of [lag, queueRecords, queueBytes, remainderRecords, remainderBytes, trouble, quarantined])
      gauge.remove(labels)
  }
}
