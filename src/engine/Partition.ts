/**
 * Partition: what one owner knows of one partition, and the pure questions about it: may it be shown, what may be
 * committed, how far must be reserved. Mutable plain state, touched only by its actor, the fetcher, the committer and the cut,
 * all on one thread and always between two Effect steps.
 *
 * It outlives restarts of its actor (the reservation and what was exposed must), and ends with the ownership.
 */
import type { Commit, TopicPartition } from "../transport/Transport.ts"
import { partitionKey } from "../transport/Transport.ts"
import type { Strategy } from "./Backpressure.ts"
import { encodeCommitMetadata } from "./CommitMetadata.ts"
import type { PartitionPhase } from "./Engine.ts"
import { Homes } from "./Homes.ts"
import { Load } from "./Load.ts"
import type { Processing } from "./PartitionProcessor.ts"
import { PartitionQueue } from "./PartitionQueue.ts"
import { exposeLimit, nextReservation, type Reservation, unreserved } from "./Reservation.ts"
import { Signal } from "./Signal.ts"
import type { StartPlan } from "./StartPlan.ts"
import { newerWitness, type Witness } from "./Witness.ts"

export class Partition {
  readonly tp: TopicPartition
  readonly key: string
  readonly acquiredAt: number
  private readonly leastHeadroom: number
  phase: PartitionPhase = "preparing"
  /** Notified when the queue or the reservation moved. */
  readonly signal = new Signal()
  readonly load = new Load()
  /** Which keys live here. */
  readonly homes: Homes
  queue = new PartitionQueue()
  /** The next offset that the actor processes; meaningful while `processing` is set. */
  position = 0
  /** Where the batch that is being processed ends: its content may be in a cut before the position says so. */
  reaching = 0
  /** The next offset to fetch: ahead of the position by what is queued. */
  fetchPosition = 0
  /** Counts the actor's incarnations: a fetch that was sent for an earlier one is thrown away. */
  incarnation = 0
  fence = 0
  /** C as last sent or planned. It never goes back while the log does not. */
  committed = 0
  reservation: Reservation = unreserved
  /** The next offset after the newest content that a cut contained. */
  exposed = 0
  /** The same for bodies that were sent whole to a Prometheus. */
  scraped = 0
  /** The newest record that is known of the log, by this owner or an earlier one. */
  witness: Witness | null = null
  /** What the actor waits to be allowed to process. */
  wanted = 0
  highWatermark = -1
  paused = false
  dropping = false
  dropped = 0
  strategy: Strategy
  processing: Processing | undefined
  /** Ends the current incarnation without counting a failure: the log moved under us. */
  reread: string | undefined
  /** How often in a row it started over without having processed anything in between. */
  rereads = 0
  movedSinceReread = false
  /** Monotonic times of restarts within the window. */
  restarts: Array<number> = []
  restartCount = 0
  mayCommit = true
  shownOnce = false
  /** Of the commit that was confirmed last. */
  confirmedCommit = ""
  private lastCommitPosition = 0
  private pace = 0

  constructor(tp: TopicPartition, strategy: Strategy, now: number, leastHeadroom: number) {
    this.tp = tp
    this.key = partitionKey(tp)
    this.homes = new Homes(tp.partition)
    this.strategy = strategy
    this.acquiredAt = now
    this.leastHeadroom = leastHeadroom
  }

  /** A new incarnation looks where to start. An eviction that was decided meanwhile is never undone. */
  prepare(): void {
    if (this.phase !== "evicting") this.phase = "preparing"
  }

  begin(plan: StartPlan, processing: Processing): void {
    this.queue = new PartitionQueue()
    this.incarnation += 1
    this.position = this.reaching = this.fetchPosition = this.lastCommitPosition = plan.start
    this.fence = plan.fence
    this.committed = plan.restarted ? plan.committed : Math.max(this.committed, plan.committed)
    if (plan.restarted) {
      this.exposed = this.scraped = plan.start
      this.witness = null
      this.homes.restarted(plan.start)
    }
    this.wanted = 0
    this.paused = this.dropping = false
    this.reread = undefined
    this.processing = processing
    if (this.phase !== "evicting") this.phase = plan.start >= plan.fence ? "serving" : "replaying"
  }

  /** An earlier owner's witness, that of the commit, may be ahead of ours: the log still has to hold it. */
  knows(witness: Witness | null): void {
    this.witness = newerWitness(this.witness, witness)
  }

  /** The incarnation is over: from here on nothing of it is shown, fetched or committed. */
  end(phase: "restarting" | "evicting"): void {
    this.processing = undefined
    this.phase = phase
    this.queue = new PartitionQueue()
  }

  /** Rules 2 and 9: past the fence, and nothing processed beyond the reservation. The lease is the caller's to check. */
  get visible(): boolean {
    return this.phase === "serving" && this.processing !== undefined && exposeLimit(this.reservation) >= this.reaching
  }

  /** The actor may process up to here: hidden content up to the fence, shown content up to the limit. */
  get allowed(): number {
    return Math.max(this.fence, exposeLimit(this.reservation))
  }

  get lag(): number {
    return this.highWatermark < 0 || this.processing === undefined
      ? -1
      : Math.max(0, this.highWatermark - this.position)
  }

  /** A new R is worth a commit now, without waiting for the interval. */
  get reservationShort(): boolean {
    const limit = exposeLimit(this.reservation)
    return this.processing !== undefined && (limit < this.wanted || limit - this.position < this.headroom / 2)
  }

  private get headroom(): number {
    return Math.max(this.leastHeadroom, this.pace * 4)
  }

  /**
   * The commit that is true now. C moves only over what a cut could have shown (`exposable`: the lease holds, too);
   * R covers the fence, everything exposed and the way to the next commit; L is where a new owner must begin.
   */
  commit(exposable: boolean, mode: "visible" | "scraped"): Commit & { readonly r: number } {
    const p = this.processing!
    if (exposable && this.visible) {
      const shown = mode === "visible" ? this.position : Math.min(this.scraped, this.position)
      this.committed = Math.max(this.committed, p.committable(shown))
    }
    this.pace = Math.max(0, this.position - this.lastCommitPosition)
    this.lastCommitPosition = this.position
    const reach = Math.max(this.position, this.wanted) + this.headroom
    const r = nextReservation(this.reservation, this.fence, this.exposed, reach)
    const lowest = Math.min(p.lowest(this.position), this.position)
    return {
      tp: this.tp,
      offset: this.committed,
      metadata: encodeCommitMetadata({ reservation: r, lowest, witness: this.witness, homes: this.homes }),
      r
    }
  }
}

/** Equal commits need no repetition, except for the lease. */
export const commitText = (c: Commit): string => `${c.offset} ${c.metadata}`
