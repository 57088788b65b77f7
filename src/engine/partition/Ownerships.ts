/**
 * Ownerships: the Scopes of the partitions that this member holds, each of which is an ownership. Rule 1 of the handoff lives here, after the
 * member has hidden the partition: stop the actor, let its processor make durable what is not yet, fix the last commit, close the Scope so
 * that the content leaves the scrapes, try to commit, and only then report `evicted`, which lets the group give the partition away.
 * Nothing here decides who owns what.
 */
import { Clock, Effect, Exit, Scope } from "effect"
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { countPartition, labelsOf, partitionGauges } from "../Counters.ts"
import { EngineFailed } from "../Engine.ts"
import { type ActorHost, runActor } from "./Actor.ts"
import type { Committer } from "./Committer.ts"
import type { Partition } from "./Partition.ts"

export class Ownerships {
  private readonly actors: ActorHost
  private readonly committer: Committer
  private readonly scopes = new Map<Partition, Scope.Closeable>()
  private readonly evictions = new Set<Partition>()

  constructor(actors: ActorHost, committer: Committer) {
    this.actors = actors
    this.committer = committer
  }

  /** The actor of a partition that is owned begins with the next step: whoever acquires many opens none in between. One that was evicted meanwhile never starts. */
  start(tp: TopicPartition): void {
    const { member } = this.actors
    const p = member.partitions.get(partitionKey(tp))
    if (p === undefined || p.phase === "evicting" || this.scopes.has(p)) return
    // What may happen to it is counted from zero.
    countPartition(member.metrics, tp)
    const scope = Scope.makeUnsafe()
    this.scopes.set(p, scope)
    member.fibers.run(Effect.andThen(Effect.yieldNow, runActor(this.actors, p)), scope)
  }

  /** It is hidden. A loss while the eviction is under way is known to the partition: it ends a drain, and the eviction goes on. */
  evict(tp: TopicPartition, why: string): void {
    const { member } = this.actors
    const p = member.partitions.get(partitionKey(tp))
    if (p === undefined) return
    if (p.processing?.drain !== undefined) member.nudge(p)
    if (this.evictions.has(p)) return
    this.evictions.add(p)
    const inTime = this.eviction(p, why, member.now()).pipe(
      Effect.timeoutOrElse({
        duration: member.options.sessionTimeout / 2,
        orElse: () =>
          Effect.fail(
            new EngineFailed({
              message: `evicting ${p.key} took longer than half the session timeout: this pod must end`
            })
          )
      })
    )
    const attributes = { partition: p.key, why }
    member.fibers.run(
      (p.drains ? Effect.andThen(this.drained(p), inTime) : inTime).pipe(Effect.withSpan("evict", { attributes }))
    )
  }

  /** `since`: when it was hidden. */
  private eviction(p: Partition, why: string, since: number): Effect.Effect<void> {
    const { member } = this.actors
    return Effect.gen({ self: this }, function* () {
      // One instant: what its processor says now is what it leaves.
      const last = p.commit(false, member.now())
      const scope = this.scopes.get(p)
      if (scope !== undefined) yield* Scope.close(scope, Exit.void)
      if (last !== undefined) yield* this.committer.final(p, last)
      this.scopes.delete(p)
      this.evictions.delete(p)
      member.release(p)
      this.forget(p)
      const took = member.now() - since
      member.handoffs.note(p, p.mayCommit ? "released" : "lost", took, why)
      const drops = p.drops.end(yield* Clock.currentTimeMillis, "it is given up")
      if (drops !== undefined) yield* Effect.logWarning(drops)
      yield* Effect.logInfo(`${p.key} is evicted after ${Math.round(took)} ms: ${why}`)
      member.report({ type: "evicted", key: p.key })
    })
  }

  /** Its processor has made durable what it held, or has had its time, or must not go on: all drains run at once, each in its actor. */
  private drained(p: Partition): Effect.Effect<void> {
    const { metrics, options, processor } = this.actors.member
    const time = options.sessionTimeout / 4
    return p.signal
      .until(() => !p.drains)
      .pipe(
        Effect.timeoutOrElse({
          duration: time,
          orElse: () => {
            metrics.moduleFailures.inc({ module: processor.name, function: "drain" })
            return Effect.logError(
              `the processor ${processor.name} of ${p.key} did not make durable what it held within ${time} ms: it is interrupted, and its next owner reads it again`
            )
          }
        })
      )
  }

  /** Gauges of a partition end with its ownership; counters stay, as counters do. */
  private forget(p: Partition): void {
    for (const gauge of partitionGauges(this.actors.member.metrics)) gauge.remove(labelsOf(p.tp))
  }
}
