/**
 * Partition: what one owner knows of one partition, and the pure questions about it: may it be shown, what may be
 * committed, how far must be reserved. Mutable plain state, touched only by its actor, the fetcher, the committer and the cut,
 * all on one thread and always between two Effect steps.
 *
 * It outlives restarts of its actor (the reservation and what was exposed must), and ends with the ownership.
 */
import type { Commit, TopicPartition, Unreadable } from "../../transport/Transport.ts"
import { partitionKey } from "../../transport/Transport.ts"
import type { Strategy } from "../Backpressure.ts"
import type { PartitionPhase } from "../Engine.ts"
import { Load } from "../group/Load.ts"
import { Homes } from "../growth/Homes.ts"
import type { Needs, Processing } from "../PartitionProcessor.ts"
import { Signal } from "../Signal.ts"
import { encodeCommitMetadata, judgedBy, maxUnread } from "./CommitMetadata.ts"
import { DropLog } from "./DropLog.ts"
import { LogEnd } from "./LogEnd.ts"
import { Marks } from "./Marks.ts"
import { keepsUp, type Overload } from "./Overload.ts"
import { PartitionQueue } from "./PartitionQueue.ts"
import { outlives, type Quarantine } from "./Quarantine.ts"
import { exposeLimit, nextReservation, type Reservation, unreserved } from "./Reservation.ts"
import { SkippedBatches } from "./SkippedBatches.ts"
import type { StartPlan } from "./StartPlan.ts"
import type { Trouble } from "./Trouble.ts"
import { newerWitness, type Witness } from "./Witness.ts"

/** How it was acquired. */
export interface Acquisition {
  readonly tp: TopicPartition
  readonly needs: Needs
  readonly generation: number
  readonly strategy: Strategy
  /** Monotonic, ms. */
  readonly now: number
  readonly leastHeadroom: number
  /** A hash of those that all members must agree on. */
  readonly settings: string
}

/** A function of a team's that threw, or answered what it may not. */
export interface Fault {
  /** The name of what it belongs to. */
  readonly module: string
  readonly function: string
  readonly cause: unknown
}

export class Partition {
  readonly tp: TopicPartition
  readonly needs: Needs
  /** The group's, when it was acquired. */
  readonly generation: number
  readonly key: string
  readonly acquiredAt: number
  private readonly leastHeadroom: number
  phase: PartitionPhase = "preparing"
  /** Notified when the queue or the reservation moved. */
  readonly signal = new Signal()
  readonly load = new Load()
  readonly skipped = new SkippedBatches()
  /** Set while it cannot be read. */
  trouble: Trouble | undefined
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
  /** What its processor wants to stand in the commit of C. */
  private memo = ""
  reservation: Reservation = unreserved
  /** The next offset after the newest content that a cut contained. */
  exposed = 0
  /** The position when it was hidden, as far as a cut could have shown it; -1: nothing more. */
  private shownLast = -1
  /** The newest record that is known of the log, by this owner or an earlier one. */
  witness: Witness | null = null
  /** L as last planned: it never falls, in one owner or across owners. */
  lowest = 0
  marks = new Marks([], 0)
  /** When the fence was reached; what is asked of the log from then on is beyond it. */
  servingSince = Number.POSITIVE_INFINITY
  quarantine: Quarantine | null = null
  /** The settings by which this owner judges what can be read, and those of the owners before. */
  private readonly judgedBy: string
  private judgedBefore: string | null = null
  /** Where batches end that no owner ever read. */
  private unread: ReadonlyArray<number> = []
  /** What the actor waits to be allowed to process. */
  wanted = 0
  readonly logEnd = new LogEnd()
  /** Monotonic; undefined where its queue takes what comes. */
  pausedSince: number | undefined
  dropping = false
  overload: Overload = keepsUp
  readonly drops: DropLog
  strategy: Strategy
  processing: Processing | undefined
  /** Ends the current incarnation without counting a failure: the log moved under us. */
  reread: string | undefined
  /** Ends the current incarnation, which from this instant on shows and commits nothing. */
  fault: Fault | undefined
  /** Whose function runs now: whatever fails is its failure. */
  calling: "open" | "process" | "unreadable" | "gap" = "open"
  /** The drain of its eviction is over, however. */
  drained = false
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
  private confirmedOffset = -1
  private startedAt = 0
  /** When a commit of it was sent last: marks go on counting only in commits. */
  sentAt = Number.NEGATIVE_INFINITY
  private lastCommitPosition = 0
  private pace = 0

  constructor({ tp, needs, generation, strategy, now, leastHeadroom, settings }: Acquisition) {
    this.judgedBy = judgedBy(settings)
    this.tp = tp
    this.needs = needs
    this.generation = generation
    this.key = partitionKey(tp)
    this.homes = new Homes(tp.partition)
    this.strategy = strategy
    this.acquiredAt = now
    this.leastHeadroom = leastHeadroom
    this.drops = new DropLog(this.key)
  }

  /** A new incarnation looks where to start. An eviction that was decided meanwhile is never undone. */
  prepare(): void {
    this.fault = undefined
    if (this.phase !== "evicting") this.phase = "preparing"
  }

  /** Before the processor is opened: it may ask of the partition's time at once. A restarted actor goes on with its own. */
  takeTime(plan: StartPlan, now: number): void {
    const fresh = plan.restarted || this.marks.newest === Number.NEGATIVE_INFINITY
    this.marks = new Marks(fresh ? plan.marks : this.marks.ago(now), now)
    this.lowest = plan.restarted ? plan.lowest : Math.max(this.lowest, plan.lowest)
    this.quarantine = plan.restarted ? null : (this.quarantine ?? plan.quarantine)
    if (this.reservation.confirmed === null || plan.restarted)
      this.reservation = { ...this.reservation, kept: plan.lowest }
    this.judgedBefore = plan.judgedBy
    this.unread = plan.restarted ? [] : [...new Set([...plan.unread, ...this.unread])].sort((a, b) => a - b)
    this.servingSince = Number.POSITIVE_INFINITY
  }

  begin(plan: StartPlan, processing: Processing): void {
    this.queue = new PartitionQueue(processing.gap)
    this.incarnation += 1
    const from = Math.min(Math.max(processing.from ?? plan.start, plan.logStart), plan.logEnd)
    const start = this.needs.shows ? Math.min(from, plan.start) : from
    this.position = this.reaching = this.fetchPosition = this.lastCommitPosition = this.startedAt = start
    this.fence = this.needs.shows ? plan.fence : start
    // The commit may say less than this owner has sent.
    if (plan.restarted || plan.committed >= this.committed) {
      this.committed = plan.committed
      this.memo = plan.restarted ? "" : plan.memo
    }
    if (plan.restarted) {
      this.exposed = plan.start
      this.witness = null
      this.homes.restarted(plan.start)
      this.logEnd.forget()
    }
    this.wanted = 0
    this.pausedSince = undefined
    this.dropping = false
    this.overload = keepsUp
    this.reread = undefined
    this.trouble = undefined
    this.processing = processing
    if (this.phase !== "evicting") this.phase = "replaying"
  }

  /** The position moved: past the fence the partition serves. An eviction that was decided meanwhile is never undone. */
  serveFrom(now: number): void {
    if (this.phase !== "replaying" || this.position < this.fence) return
    this.phase = "serving"
    this.servingSince = now
  }

  /** A mark as this owner makes it: while it replays, what it has read again is not read for the first time. */
  mark(end: number, now: number): void {
    this.marks.add({ end, read: Math.max(this.position, this.fence), at: now })
  }

  /** Of a batch that nobody can read: what is fetched next lies behind it. Told once for each time that it is fetched. */
  skippedBatch(stretch: Unreadable): void {
    this.skipped.add(stretch)
  }

  /**
   * Whether a skipped batch puts the partition in quarantine: whoever showed something may have read it, under other settings, or
   * before its bytes rotted. Not where it is known that nobody did.
   */
  quarantinedBy(stretch: Unreadable): boolean {
    if (this.unread.includes(stretch.next)) return false
    if (!this.needs.shows) return false
    if (this.judgedBefore === null || stretch.from >= this.fence) {
      if (this.unread.length < maxUnread) this.unread = [...this.unread, stretch.next]
      return false
    }
    const unsure = stretch.reason === "checksum" || this.judgedBefore !== this.judgedBy
    if (!unsure || this.quarantine !== null) return false
    this.quarantine = { until: null }
    return true
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

  /** No cut contains it from here on; what a cut could have shown until now may still be committed. `exposable`: the lease holds. */
  hide(exposable: boolean): void {
    this.shownLast = exposable && this.visible ? this.position : -1
    this.phase = "evicting"
  }

  /** Rules 2 and 9: past the fence, and nothing processed beyond the reservation. The lease is the caller's to check. */
  get visible(): boolean {
    return this.needs.shows && this.serves && exposeLimit(this.reservation) >= this.reaching
  }

  /** Its processor is at work, past the fence. */
  get serves(): boolean {
    return this.phase === "serving" && this.processing !== undefined && this.fault === undefined
  }

  /** The actor may process up to here: hidden content up to the fence, shown content up to the limit. */
  get allowed(): number {
    return this.needs.shows ? Math.max(this.fence, exposeLimit(this.reservation)) : Number.POSITIVE_INFINITY
  }

  /** The actor takes no further batch: its incarnation is to end, or its processor is to be drained. */
  get stops(): boolean {
    return this.reread !== undefined || this.fault !== undefined || this.drains
  }

  /** An eviction waits for its processor to make durable what is not yet. */
  get drains(): boolean {
    return this.phase === "evicting" && this.mayCommit && !this.drained && this.processing?.drain !== undefined
  }

  /** The actor has nothing left to do: all that the log is known to have is processed. */
  get caughtUp(): boolean {
    return this.queue.empty && this.position >= this.highWatermark
  }

  /** The log's end; -1: unknown, as where its leader cannot be read. */
  get highWatermark(): number {
    return this.logEnd.readable
  }

  get paused(): boolean {
    return this.pausedSince !== undefined
  }

  /** -1: unknown now. */
  get lag(): number {
    return this.highWatermark < 0 || this.processing === undefined
      ? -1
      : Math.max(0, this.highWatermark - this.position)
  }

  /** Ms that what it processes next is known to be in the log, by any owner; 0 where nothing is known to be there. */
  lagMs(now: number): number {
    const behind = this.logEnd.behind(this.position, now)
    return behind === 0 ? 0 : Math.max(behind, this.marks.appendedAgo(this.position, now))
  }

  /** A commit is worth sending now, without waiting for the interval: for a new R, or for the first that this owner made durable. */
  get commitUrgent(): boolean {
    const { processing, position, startedAt } = this
    if (processing === undefined) return false
    if (!this.needs.shows) return this.confirmedOffset <= startedAt && processing.committable(position) > startedAt
    const limit = exposeLimit(this.reservation)
    return limit < this.wanted || limit - position < this.headroom / 2
  }

  confirm({ text, offset }: PartitionCommit): void {
    this.confirmedCommit = text
    this.confirmedOffset = offset
  }

  private get headroom(): number {
    return Math.max(this.leastHeadroom, this.pace * 4)
  }

  /** Up to where C may be committed: what a cut could have shown, or, where nothing is shown, all that was processed. */
  private mayCommitTo(exposable: boolean): number {
    if (!this.needs.shows) return this.position
    if (this.phase === "evicting") return this.shownLast
    return exposable && this.visible ? this.position : -1
  }

  /** C and its memo move together, and do not fall. */
  private advance(processing: Processing, upTo: number): void {
    const committed = processing.committable(upTo)
    if (committed < this.committed) return
    const memo = processing.memo?.(committed) ?? ""
    if (this.fault !== undefined) return
    this.committed = committed
    this.memo = memo
  }

  /** The reach of a commit: the fence, everything exposed and the way to the next commit. Where nothing is shown R says nothing. */
  private reserve(): number {
    this.pace = Math.max(0, this.position - this.lastCommitPosition)
    this.lastCommitPosition = this.position
    if (!this.needs.shows) return Math.max(this.reservation.sent, this.committed)
    const reach = Math.max(this.position, this.wanted) + this.headroom
    return nextReservation(this.reservation, this.fence, this.exposed, reach)
  }

  /**
   * The commit that is true now, `exposable`: the lease holds; undefined where its processor failed to say. C moves only over what a
   * cut could have shown; R says how far this owner may show; L is where a new owner must begin.
   */
  commit(exposable: boolean, now: number): PartitionCommit | undefined {
    const p = this.processing
    if (p === undefined || this.fault !== undefined || !this.mayCommit) return undefined
    const upTo = this.mayCommitTo(exposable)
    if (upTo >= 0) this.advance(p, upTo)
    const r = this.reserve()
    this.lowest = Math.max(this.lowest, Math.min(p.lowest(this.position), this.position, this.committed))
    if (this.fault !== undefined) return undefined
    this.marks.keepFrom(this.lowest)
    this.unread = this.unread.filter((end) => end > this.lowest)
    const { committed: offset, lowest, witness, memo } = this
    const quarantine = outlives(this.quarantine, lowest)
    const content = {
      reservation: r,
      lowest,
      witness,
      quarantine,
      judgedBy: this.judgedBy,
      unread: this.unread,
      homes: this.homes,
      memo
    }
    return {
      tp: this.tp,
      offset,
      metadata: encodeCommitMetadata({ ...content, marks: this.marks.ago(now) }),
      r,
      l: lowest,
      text: `${offset} ${encodeCommitMetadata({ ...content, marks: [] })}`
    }
  }
}

export interface PartitionCommit extends Commit {
  readonly r: number
  readonly l: number
  /** What it says but for the time that went by: equal ones need no repetition, except for the lease and now and then for the time. */
  readonly text: string
}
