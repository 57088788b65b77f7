/**
 * Member: one member of the consumer group: what all parts of its engine share (its client of the log, options, metrics, clocks, the
 * partitions that it holds), and where it stands in the handoff. Parts know the member and not each other: they report what happened.
 *
 * A report changes the state at once, and in the same instant hides what is to be evicted and owns what is acquired (rule 1). All else that
 * follows is queued, and carried out in order by the one fiber that takes it (`todo`). So nothing is ever carried out inside of a
 * report, whoever reports, and whatever is carried out may report.
 */
import { Clock, Effect } from "effect"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import { type GroupClient, partitionKey, type TopicPartition } from "../transport/Transport.ts"
import type { Strategy } from "./Backpressure.ts"
import { lossOf } from "./Counters.ts"
import type { Fibers } from "./Fibers.ts"
import { Doubt } from "./group/Doubt.ts"
import { type HandoffAction, type HandoffEvent, type HandoffState, identities, initial, step } from "./group/Handoff.ts"
import { Heartbeats } from "./group/Heartbeats.ts"
import { type LeaseBounds, leaseValid, membershipValid } from "./group/Lease.ts"
import { Topology } from "./group/Topology.ts"
import { HandoffLog } from "./HandoffLog.ts"
import type { EngineOptions } from "./Options.ts"
import type { PartitionProcessor } from "./PartitionProcessor.ts"
import { type Fault, Partition } from "./partition/Partition.ts"
import { Signal } from "./Signal.ts"

export interface MemberParts {
  readonly client: GroupClient
  readonly options: EngineOptions
  readonly metrics: SelfMetricsShape
  readonly processor: PartitionProcessor["Service"]
  readonly fibers: Fibers
  /** Monotonic, ms. */
  readonly now: () => number
  /** Ms since the epoch, for people. */
  readonly wallClock: () => number
  readonly strategy: Strategy
}

const sameIds = (a: HandoffState, b: HandoffState): boolean =>
  a.memberId === b.memberId && a.given === b.given && a.held === b.held && a.ghosts === b.ghosts

export class Member {
  readonly client: GroupClient
  readonly options: EngineOptions
  readonly metrics: SelfMetricsShape
  readonly processor: PartitionProcessor["Service"]
  readonly fibers: Fibers
  readonly now: () => number
  readonly wallClock: () => number
  readonly topology: Topology
  readonly heartbeats: Heartbeats
  readonly doubt = new Doubt()
  readonly handoffs: HandoffLog
  readonly bounds: LeaseBounds
  /** Notified whenever the state, a partition's position or what may be fetched has changed. */
  readonly signal = new Signal()
  /** Notified when a commit is wanted before its time. */
  readonly committing = new Signal()
  commitWanted = false
  /** What partitions start with: a switch of the whole pod holds for those that come later, too. */
  strategy: Strategy
  private current: HandoffState
  private memberIds: ReadonlyArray<string>
  private readonly held = new Map<string, Partition>()
  private readonly due: Array<HandoffAction> = []
  private readonly taking = new Signal()

  constructor({ client, options, metrics, processor, fibers, now, wallClock, strategy }: MemberParts) {
    this.client = client
    this.options = options
    this.metrics = metrics
    this.processor = processor
    this.fibers = fibers
    this.now = now
    this.wallClock = wallClock
    this.strategy = strategy
    this.topology = new Topology(client, options.topics, this.signal)
    this.heartbeats = new Heartbeats(this.signal)
    this.handoffs = new HandoffLog(metrics, wallClock, () => this.current.generation)
    this.bounds = {
      sessionTimeout: options.sessionTimeout,
      rebalanceTimeout: options.rebalanceTimeout,
      margin: options.leaseMargin
    }
    this.current = { ...initial, ghosts: new Set(options.predecessors) }
    this.memberIds = identities(this.current)
  }

  get state(): HandoffState {
    return this.current
  }

  /** All that the coordinator may know this process by; the same array as long as they are the same. */
  get ids(): ReadonlyArray<string> {
    return this.memberIds
  }

  /** By their keys; until their eviction is over. */
  get partitions(): ReadonlyMap<string, Partition> {
    return this.held
  }

  report(event: HandoffEvent): void {
    const [next, actions] = step(this.current, event)
    // All waiters ask for it, at every step of every partition.
    if (!sameIds(this.current, next)) this.memberIds = identities(next)
    this.current = next
    if (event.type === "lost") this.metrics.membershipsLost.inc({ reason: lossOf(event.reason) })
    for (const action of actions) if (action.type === "evict") this.hide(action.tp, action.commit)
    for (const action of actions) if (action.type === "acquire") this.own(action.tp)
    this.due.push(...actions)
    // Before whoever waits for the new state: what was pending is abandoned before the next join is sent.
    this.taking.notify()
    this.signal.notify()
  }

  /** Waits for what is to be carried out, in this order. For one fiber, which must wait for nothing else. */
  get todo(): Effect.Effect<ReadonlyArray<HandoffAction>> {
    return Effect.map(
      this.taking.until(() => this.due.length > 0),
      () => this.due.splice(0)
    )
  }

  get leaseValid(): boolean {
    return leaseValid(this.current.lease, this.bounds, this.now())
  }

  /** As far as is known, without the lease's commit: who has made none yet may make something durable. */
  owns(p: Partition): boolean {
    return membershipValid(this.current.lease, this.bounds, this.now()) && p.mayCommit && this.held.get(p.key) === p
  }

  wantCommit(): void {
    this.commitWanted = true
    this.committing.notify()
  }

  /** It is in no cut and no commit from here on; the first mistake is the one that is told. */
  fail(p: Partition, mistake: Fault): void {
    p.fault ??= mistake
    this.nudge(p)
  }

  /** Its incarnation is to end and another one to begin, though nothing failed; nothing where it is evicted anyway. */
  startOver(p: Partition, why: string): void {
    if (p.phase === "evicting") return
    p.reread ??= why
    this.nudge(p)
  }

  /** Its actor, or whoever waits for it, looks again, when everything that is under way now is done. */
  nudge(p: Partition): void {
    const look = Effect.sync(() => p.signal.notify())
    this.fibers.run(Effect.andThen(Effect.yieldNow, look))
  }

  /** Its eviction is over. */
  release(p: Partition): void {
    if (this.held.get(p.key) === p) this.held.delete(p.key)
  }

  /** From here on no cut contains the partition. `commit`: false where ownership was lost. */
  private hide(tp: TopicPartition, commit: boolean): void {
    const p = this.held.get(partitionKey(tp))
    if (p === undefined) return
    p.mayCommit &&= commit
    if (p.phase !== "evicting") p.hide(this.leaseValid)
  }

  /** Whatever comes next can evict it; its actor is started when that is its turn. */
  private own(tp: TopicPartition): void {
    const { options, processor, strategy } = this
    const p = new Partition({
      tp,
      needs: processor.needs,
      generation: this.current.synced,
      strategy,
      now: this.now(),
      leastHeadroom: options.leastHeadroom,
      settings: options.settingsHash
    })
    this.held.set(p.key, p)
  }
}

/** Reads the monotonic clock of the running fiber, in milliseconds. */
export const monotonicMillis: Effect.Effect<() => number> = Clock.clockWith((clock) =>
  Effect.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
)
