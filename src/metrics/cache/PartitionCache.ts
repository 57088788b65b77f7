/**
 * PartitionCache: the content of one partition, from records to the dumps that a scrape may show. Synchronous, no Effect; the
 * caller brings the clocks.
 *
 * Two kinds of decision are kept apart. Whether a round is accepted is Rounds' and depends on the log alone, by no clock. What is
 * shown of the accepted ones may depend on this pod, and only hides: so a shared limit cannot make two owners disagree
 * about versions. After content that is refused for itself the good round before stays, but below the fence its source goes until its
 * next accepted round: the owner before may have shown what was refused here (rule 2). What finds no room in a budget goes always.
 *
 * A source has a snapshot or samples; a change of mode replaces what was there.
 */
import { Homes } from "../../engine/growth/Homes.ts"
import type { LogTime } from "../../engine/PartitionProcessor.ts"
import { type LogRecord, partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { Gate } from "../admission/Gate.ts"
import type { MemoryShare } from "../relabel/KnownSeries.ts"
import { relabelMemory } from "../relabel/Relabeller.ts"
import { Ages, type Now, type Stamp } from "../rounds/Ages.ts"
import { bytesOf, claimedSource, isRefused, readEnvelope, readIdentity } from "../rounds/Record.ts"
import { Rhythms } from "../rounds/Rhythm.ts"
import { type Round, Rounds } from "../rounds/Rounds.ts"
import type { Refusal } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { Books } from "./Books.ts"
import type { Budget } from "./Budget.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import { Contents } from "./Contents.ts"
import { Holders } from "./Holders.ts"
import { Intake } from "./Intake.ts"
import { Kept } from "./Kept.ts"
import { boundsOf } from "./LogBounds.ts"
import type { PartitionContent, RefusalStatus } from "./MetricsCache.ts"
import { Moves } from "./Moves.ts"
import { type Ahead, nothingAhead, ReadAhead } from "./ReadAhead.ts"
import { overLimit, Room } from "./Room.ts"
import { type Part, RoundReader } from "./RoundReader.ts"
import { SampleRecords } from "./SampleRecords.ts"
import type { Tally } from "./Tally.ts"
import { Tapped } from "./Tapped.ts"
import { Unfinished, UnfinishedPool } from "./Unfinished.ts"

/** Not worth reading before its round is complete: what never is costs little then. */
const smallChunk = 4096

export class PartitionCache {
  private readonly tp: TopicPartition
  private readonly time: LogTime
  private readonly options: CacheOptions
  readonly rounds: Rounds<Part>
  private readonly ages: Ages
  readonly contents: Contents
  readonly room: Room
  private readonly moves: Moves
  readonly rhythms: Rhythms
  readonly books: Books
  readonly reader: RoundReader
  private readonly unfinished: Unfinished
  readonly kept: Kept
  private readonly samples: SampleRecords
  private readonly intake: Intake
  private readonly gate: Gate | undefined
  readonly ahead: ReadAhead
  /** Where somebody taps. */
  readonly tapped: Tapped | undefined
  /** Nothing from before it may be shown (LogTime). */
  private shownFrom = 0
  /** When a record was taken last, monotonic. */
  private lastTaken = 0

  constructor(
    tp: TopicPartition,
    time: LogTime,
    options: CacheOptions,
    pod: Budget,
    homes = new Homes(tp.partition),
    holders = new Holders(),
    unfinished = new UnfinishedPool(options.limits.podGatherBytes),
    relabelled: MemoryShare = { limit: relabelMemory, bytes: 0 }
  ) {
    const { limits, expiry, admission, sourceLabel } = options
    this.tp = tp
    this.time = time
    this.options = options
    this.ages = new Ages(time.readAgo)
    this.books = new Books(tp)
    const isHome = (source: string): boolean => this.moves.isHome(source)
    this.contents = new Contents(
      options,
      this.ages,
      pod,
      holders,
      { name: partitionKey(tp), isHome },
      (source, content, at) => this.books.displaced(source, content.stamp.offset, at),
      (source, content) => this.tapped?.gone(source, content)
    )
    this.moves = new Moves(homes, this.contents, this.books)
    this.room = new Room(limits, this.contents)
    this.unfinished = new Unfinished(unfinished)
    this.rhythms = new Rhythms(limits.rememberedSources)
    this.reader = new RoundReader(
      options,
      (source, chunk) => this.contents.page(source, chunk),
      (defect) => this.books.tally.defects.push(defect)
    )
    const { toldBefore } = options
    this.tapped =
      toldBefore === undefined ? undefined : new Tapped(tp, toldBefore, (parts) => this.reader.samplesOf(parts))
    const limit = {
      gatherBytes: limits.gatherBytes,
      sourceBytes: limits.gatherBytes / 2,
      maxSources: limits.rememberedSources
    }
    const bounds = boundsOf(time, expiry, () => this.lastTaken)
    this.rounds = new Rounds(limit, bounds, (part) => this.unfinished.leave(part))
    this.kept = new Kept(this.contents.budget, [this.rounds, this.rhythms, this.unfinished])
    this.samples = new SampleRecords(options, time, this)
    this.intake = new Intake(options, this)
    this.gate =
      admission === undefined
        ? undefined
        : new Gate(admission, { sourceLabel, limits, maxSources: limits.maxSources }, relabelled)
    this.ahead = new ReadAhead(tp, sourceLabel, this.reader, this.rounds, this.gate)
  }

  /** `ahead`: what was found out of it before (see ReadAhead). */
  take(record: LogRecord, fence: number, now: Now, ahead: Ahead = nothingAhead): void {
    this.lastTaken = now.mono
    this.hideEarlier()
    const stamp = this.ages.stamp(record, fence, now)
    const said = readEnvelope(record, this.tp, this.options.sourceLabel)
    if (isRefused(said)) {
      const id = readIdentity(record, this.tp)
      const why = { ...said, sample: excerpt(record.value, 0) }
      this.refuse(why, isRefused(id) ? undefined : id.source, stamp, now, claimedSource(record))
      return
    }
    if (this.moves.leavesOut(said, record, now)) return
    const unread = said.unread
    const passed = unread === undefined ? (ahead.passed ?? this.gate?.pass(said, record.value)) : undefined
    const { page, reading, joined } = ahead
    const envelope = passed?.envelope ?? said
    const value = unread !== undefined ? undefined : passed === undefined ? (record.value ?? undefined) : passed.value
    const why = unread ?? passed?.why
    const left = passed?.left
    if (why === undefined && this.samples.take(envelope, value, record.offset, stamp, now, reading, left)) return
    const part: Part = {
      envelope,
      value: page === undefined ? value : undefined,
      // Its round takes its place in the order, as every round whose content is refused.
      read: record.tooLarge === undefined ? (why ?? page) : overLimit(record.tooLarge),
      left,
      reading,
      joined
    }
    const step = this.rounds.take(envelope, record, envelope.count > 1 ? bytesOf(record) : 0, part)
    if (step._tag === "Accepted") this.accept(step.round, stamp, now)
    else if (step._tag === "Ignored") this.books.ignored(step.reason)
    else if (step._tag === "Refused") this.refuse(step.refusal, envelope.source, stamp, now)
    if (step._tag === "Gathering" || (step._tag === "Refused" && step.gathers)) {
      if (step.stale || (part.value?.length ?? 0) <= smallChunk) this.reader.keep(part)
      else this.reader.take(part)
      this.unfinished.add(part)
    }
    this.kept.count()
  }

  /** A record that was dropped unseen among others, from `from` on: rounds older than it will be ignored, and below the fence its source goes. */
  drop(record: LogRecord, from: number, fence: number, now: Now): void {
    this.lastTaken = now.mono
    this.hideEarlier()
    const stamp = this.ages.stamp(record, fence, now)
    const id = readIdentity(record, this.tp)
    if (isRefused(id)) return
    const readable = !isRefused(readEnvelope(record, this.tp, this.options.sourceLabel))
    this.rounds.skip(id, record, from, readable)
    this.kept.count()
    if (stamp.replayed) this.contents.remove(id.source)
  }

  /** More is known of the topic's partitions: what is not at home here any more goes at once. */
  grown(now: Now): void {
    this.moves.grown(now)
  }

  /** Of what it holds, the keys by which producers placed it. */
  keys(): ReadonlyArray<Uint8Array> {
    return this.moves.keys()
  }

  /** Everything before `position` was taken. */
  reached(position: number, fence: number, now: Now): void {
    this.hideEarlier()
    this.ages.reached(position, fence, now)
  }

  committable(position: number): number {
    return this.rounds.committable(position)
  }

  lowest(position: number): number {
    const { expiry } = this.options
    if (this.ages.settled) this.rounds.settle(Math.min(this.time.settled(expiry / 2), this.time.readBefore(expiry / 2)))
    const lowest = Math.min(this.rounds.lowest(position), this.contents.lowest())
    this.kept.count()
    return lowest
  }

  /** Frees what expired. Answers the sources that went. */
  sweep(now: Now): ReadonlyArray<string> {
    const expired = this.contents.sweep(now)
    this.books.tally.expired += expired.length
    return expired
  }

  /** The latest of what it did not show; undefined where it showed all. */
  lastRefusal(): RefusalStatus | undefined {
    return this.books.last
  }

  /** Frees everything, and gives back the room that it had. */
  clear(): void {
    this.tapped?.close()
    this.contents.clear()
    this.unfinished.clear()
    this.kept.clear()
    this.gate?.clear()
  }

  size(): { readonly sources: number; readonly series: number; readonly bytes: number } {
    return this.contents.size
  }

  takeTally(): Tally {
    return this.books.take(this.rounds.givenUp)
  }

  /** What the scrape endpoint and the status page see of it. */
  content(clock: () => Now): PartitionContent {
    return this.contents.view(clock, () => this.books.list())
  }

  private accept(round: Round<Part>, stamp: Stamp, now: Now): void {
    const { source, number, first } = round
    const rhythm = this.rhythms.note({ source, number, first, appended: now.mono - this.time.appendedAgo(first) })
    if (first < this.shownFrom) {
      this.books.ignored("quarantined")
      return
    }
    const why = this.intake.take(round, rhythm, stamp, now)
    if (why !== undefined) this.refuse(why, source, stamp, now)
  }

  /** `claimed`: what is shown where it is not sure whose the record is. */
  private refuse(why: Refusal, source: string | undefined, stamp: Stamp, now: Now, claimed = ""): void {
    const { offset, replayed, timestamp } = stamp
    this.contents.sourceTimes?.refuse(source ?? claimed, timestamp)
    this.books.refused(why, source ?? claimed, offset, now)
    if (replayed && source !== undefined) this.contents.remove(source)
  }

  /** A quarantine began while it was replayed: what came before its end is only remembered. */
  private hideEarlier(): void {
    const from = this.time.shownFrom()
    if (from > this.shownFrom) this.contents.removeAll()
    this.shownFrom = from
  }
}
