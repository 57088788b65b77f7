/**
 * PartitionCache: the content of one partition, from records to the dumps that a scrape may show. Synchronous, no Effect; the
 * caller brings the clocks.
 *
 * Two kinds of decision are kept apart. Whether a round is accepted is Rounds' and depends on the log alone, by no clock. What is
 * shown of the accepted ones may depend on this pod, and only hides: content that does not parse or finds no room under the
 * partition's or pod's limits is refused, content that fell silent by the clocks is hidden and freed. So admission by a
 * shared limit cannot make two owners disagree about versions. After a refusal the good round before stays, but below the fence
 * its source goes until its next accepted round: the owner before may have shown what was refused here (rule 2).
 *
 * A source has a snapshot or samples; a change of mode replaces what was there.
 */
import { Homes } from "../../engine/growth/Homes.ts"
import type { LogTime } from "../../engine/PartitionProcessor.ts"
import { type LogRecord, partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { Ages, type Now, type Stamp } from "../rounds/Ages.ts"
import type { GivenUp } from "../rounds/Gathering.ts"
import { claimedSource, type Envelope, isRefused, readEnvelope, readIdentity, refusal } from "../rounds/Record.ts"
import { Rhythms } from "../rounds/Rhythm.ts"
import { type Round, Rounds } from "../rounds/Rounds.ts"
import { memorySpan } from "../rounds/VersionMemory.ts"
import { LineReader } from "../samples/LineReader.ts"
import { plainLine } from "../samples/PlainLine.ts"
import { SampleSeries } from "../samples/SampleSeries.ts"
import type { Dump, ParseLimits, Refusal, ReservedLines, Size } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { giveBackLines } from "../text/LineMemory.ts"
import { timestampBytes } from "../text/Syntax.ts"
import { Arrivals, type Away, awayRefusal } from "./Arrivals.ts"
import { Budget } from "./Budget.ts"
import { Holders, type Holding } from "./Holders.ts"
import type { PartitionContent } from "./MetricsCache.ts"
import { RefusalLog } from "./RefusalLog.ts"
import { type Content, type Part, RoundReader } from "./RoundReader.ts"
import { isLive, needOf, type SourceContent, sizeOf, statusOf } from "./SourceContent.ts"
import { count, newTally, type Tally } from "./Tally.ts"

export interface CacheLimits {
  /** Sources with content in one partition. */
  readonly maxSources: number
  readonly partitionSeries: number
  readonly partitionBytes: number
  readonly podSeries: number
  readonly podBytes: number
  /** Bytes of unfinished rounds in one partition; not below one round's `maxBytes`. */
  readonly gatherBytes: number
}

export interface CacheOptions {
  /** The least milliseconds without a round after which a source is silent. */
  readonly expiry: number
  readonly timestamps: "scrape" | "event"
  readonly sourceLabel: string
  readonly limits: ParseLimits & CacheLimits
  readonly allowReservedNames?: boolean
}

const overLimit = (bytes: number): Refusal =>
  refusal(
    "record-too-large",
    `the record is longer than --max-record-bytes: its value of ${bytes} bytes was passed over unread`
  )

/** Version memory takes little and outlives content: for this many times the sources that may have content. */
const rememberedSources = 4
/** Clocks differ: a dump may be so many ms ahead of the broker's stamp or the pod's clock. */
const ahead = 60_000
const givenUp = ["superseded", "unfinished", "crowded", "conflict"] as const
const nothing: Size = { series: 0, bytes: 0 }

export class PartitionCache {
  private readonly tp: TopicPartition
  private readonly time: LogTime
  private readonly options: CacheOptions
  private readonly budget: Budget
  private readonly rounds: Rounds<Part>
  private readonly ages: Ages
  private readonly contents = new Map<string, SourceContent>()
  private readonly arrivals: Arrivals
  private readonly holders: Holders
  private readonly holding: Holding
  private readonly rhythms: Rhythms
  private readonly refused = new RefusalLog()
  private readonly reader: RoundReader
  private readonly lines: LineReader
  private tally = newTally()
  /** How often the content was looked at. */
  private looks = 0
  /** Nothing from before it may be shown (LogTime). */
  private shownFrom = 0
  /** When a record was taken last, monotonic. */
  private lastTaken = 0
  private reported: Readonly<Record<GivenUp, number>> = { superseded: 0, unfinished: 0, crowded: 0, conflict: 0 }

  constructor(
    tp: TopicPartition,
    time: LogTime,
    options: CacheOptions,
    pod: Budget,
    homes = new Homes(tp.partition),
    holders = new Holders()
  ) {
    const { limits, expiry } = options
    this.tp = tp
    this.time = time
    this.options = options
    this.arrivals = new Arrivals(homes)
    this.holders = holders
    this.holding = {
      name: partitionKey(tp),
      isHome: (source) => this.contents.get(source)?.number === undefined && this.arrivals.isHome(source),
      isLive: (source, now) => {
        const content = this.contents.get(source)
        return content !== undefined && isLive(content, this.ages, now, expiry)
      },
      yields: (source) => this.remove(source)
    }
    this.budget = new Budget("partition", { series: limits.partitionSeries, bytes: limits.partitionBytes }, pod)
    const maxSources = rememberedSources * limits.maxSources
    this.rhythms = new Rhythms(maxSources)
    this.ages = new Ages(time.readAgo)
    this.reader = new RoundReader(
      options,
      (source, chunk) => {
        const shown = this.contents.get(source)?.shown
        return shown?.mode === "snapshot" ? shown.known[chunk] : undefined
      },
      (defect) => this.tally.defects.push(defect)
    )
    this.lines = new LineReader(options)
    this.rounds = new Rounds(
      { gatherBytes: limits.gatherBytes, maxSources },
      {
        kept: time.keptFrom,
        // What comes less late than that is known for late.
        settled: () => time.settled(memorySpan(expiry)),
        // Two late rounds, that far apart at most, may look like a slow source, which is shown for three of its intervals.
        outlived: () => time.readBefore(3 * memorySpan(expiry)),
        period: () => Math.floor((8 * this.lastTaken) / expiry)
      }
    )
  }

  take(record: LogRecord, fence: number, now: Now): void {
    this.lastTaken = now.mono
    this.hideEarlier()
    const stamp = this.ages.stamp(record, fence, now)
    const envelope = readEnvelope(record, this.tp, this.options.sourceLabel)
    if (isRefused(envelope)) {
      const id = readIdentity(record, this.tp)
      const why = { ...envelope, sample: excerpt(record.value, 0) }
      this.refuse(why, isRefused(id) ? undefined : id.source, stamp, now, claimedSource(record))
      return
    }
    if (this.leftOut(envelope, record, now) || this.takeLine(envelope, record, stamp, now)) return
    const part: Part = {
      envelope,
      value: record.value ?? undefined,
      // Its round takes its place in the order, as every round whose content is refused.
      parsed: record.tooLarge === undefined ? undefined : overLimit(record.tooLarge),
      shape: undefined
    }
    const step = this.rounds.take(envelope, record, record.value?.length ?? 0, part)
    if (step._tag === "Accepted") this.accept(step.round, stamp, now)
    else if (step._tag === "Ignored") count(this.tally.ignored, step.reason)
    else if (step._tag === "Refused") this.refuse(step.refusal, envelope.source, stamp, now)
    else if (step.stale) this.reader.keep(part)
    else this.reader.parse(part)
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
    if (stamp.replayed) this.remove(id.source)
  }

  /** More is known of the topic's partitions: what is not at home here any more goes at once. */
  grown(now: Now): void {
    for (const [source, content] of this.contents) {
      const { shown, number } = content
      if (number !== undefined) continue
      const first = shown.mode === "samples" ? shown.series.first : content.first
      const why = this.arrivals.mustGo(source, first)
      if (why === undefined) continue
      this.remove(source)
      this.leave(why, awayRefusal(why), source, content.stamp.offset, now)
    }
  }

  /** Of what it holds, the keys by which producers placed it. */
  keys(): ReadonlyArray<Uint8Array> {
    const keys: Array<Uint8Array> = []
    for (const [source, { number }] of this.contents)
      if (number === undefined && this.arrivals.isPlaced(source)) keys.push(Buffer.from(source))
    return keys
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
    let lowest = this.rounds.lowest(position)
    for (const content of this.contents.values()) lowest = Math.min(lowest, needOf(content, expiry))
    return lowest
  }

  /** Frees what expired. */
  sweep(now: Now): void {
    const { expiry } = this.options
    for (const [source, content] of this.contents) {
      const { shown } = content
      if (shown.mode === "samples") this.accounting(shown.series, () => shown.series.sweep(this.ages, now, expiry))
      if (shown.mode === "samples" ? shown.series.series > 0 : isLive(content, this.ages, now, expiry)) continue
      this.remove(source)
      this.tally.expired++
    }
  }

  /** Frees everything, and gives back the room that it had. */
  clear(): void {
    for (const source of this.contents.keys()) this.holders.leave(source, this.holding)
    this.contents.clear()
    this.budget.clear()
  }

  size(): { readonly sources: number; readonly series: number; readonly bytes: number } {
    return { sources: this.contents.size, series: this.budget.series, bytes: this.budget.bytes }
  }

  takeTally(): Tally {
    const { tally, rounds } = this
    const lost = { ...rounds.givenUp }
    for (const cause of givenUp) count(tally.ignored, cause, lost[cause] - this.reported[cause])
    this.reported = lost
    this.tally = newTally()
    return tally
  }

  /** What the scrape endpoint and the status page see of it. */
  content(clock: () => Now): PartitionContent {
    return {
      dumps: () => this.dumps(clock()),
      sources: (limit) => {
        const now = clock()
        const { expiry } = this.options
        return [...this.contents]
          .filter(([, content]) => isLive(content, this.ages, now, expiry) && this.isDue(content, now))
          .slice(0, limit)
          .map(([source, content]) => statusOf(source, content, this.ages, now, expiry))
      },
      refusals: () => this.refused.list()
    }
  }

  /** The only way by which content leaves the cache. */
  private dumps(now: Now): ReadonlyArray<Dump> {
    const { expiry } = this.options
    this.looks++
    const dumps: Array<Dump> = []
    for (const content of this.contents.values()) {
      const { shown } = content
      if (!this.isDue(content, now)) continue
      if (shown.mode === "snapshot") {
        if (isLive(content, this.ages, now, expiry)) dumps.push(shown.dump)
      } else {
        const dump = this.accounting(shown.series, () => shown.series.dump(this.ages, now, expiry))
        if (dump !== undefined) dumps.push(dump)
      }
    }
    return dumps
  }

  /**
   * A record of a source that is not shown here, or not yet, because its topic grew: as if it had not come. What is held of the source
   * was asked about before; that a source ended shows nothing older, wherever it is said.
   */
  private leftOut({ source, number, ended }: Envelope, record: LogRecord, now: Now): boolean {
    if (number !== undefined) return false
    if (record.key === null) {
      if (record.headers["k2p-source"] !== undefined) this.arrivals.withoutKey(source)
      return false
    }
    if (ended || !this.arrivals.asks) return false
    const held = this.contents.get(source)
    if (held !== undefined && held.number === undefined) return false
    const why = this.arrivals.away(source, record.key, record.offset)
    if (why === undefined) return false
    this.leave(why, awayRefusal(why), source, record.offset, now)
    return true
  }

  private leave(by: Away | "elsewhere", why: Refusal, source: string, offset: number, now: Now): void {
    count(this.tally.ignored, by)
    this.refused.add(why, { ...this.tp, at: now.wall, offset, source })
  }

  private accept(round: Round<Part>, stamp: Stamp, now: Now): void {
    const { source, number, first } = round
    const { envelope } = round.parts[0]!
    const before = this.contents.get(source)
    const rhythm = this.rhythms.note({ source, number, first, appended: now.mono - this.time.appendedAgo(first) })
    if (first < this.shownFrom) {
      count(this.tally.ignored, "quarantined")
      return
    }
    if (envelope.ended) this.remove(source)
    else {
      const early = this.tooEarly(stamp, envelope.time)
      if (early !== undefined) {
        this.refuse(early, source, stamp, now)
        return
      }
      const holder = before === undefined ? this.holders.enter(source, this.holding, now) : undefined
      if (holder !== undefined) {
        const why = refusal("elsewhere", `${holder} has this source, too: it is shown from there alone`)
        this.leave("elsewhere", why, source, stamp.offset, now)
        return
      }
      const since = first === stamp.offset ? stamp : { ...stamp, offset: first }
      const content = this.reader.read(round)
      if (!isRefused(content) && content.reserved !== undefined) {
        this.passOver(content.reserved, source, stamp, now)
        // Samples then add nothing to what there is.
        if (envelope.mode === "samples" && content.dump.series === 0) {
          count(this.tally.refused, "reserved-name")
          return
        }
      }
      const shown = isRefused(content) ? content : this.admit(before, round.parts[0]!, content, since)
      if (isRefused(shown)) {
        if (before === undefined) this.holders.leave(source, this.holding)
        this.refuse(shown, source, stamp, now)
        return
      }
      if (before !== undefined) this.giveBack(before)
      this.contents.set(source, { shown, number, stamp, time: envelope.time, first, rhythm, looks: this.looks })
    }
    this.accepted(stamp, envelope.time, now)
  }

  /** By the broker's stamp. Where there is none the pod's clock hides it until it is due. */
  private tooEarly({ timestamp }: Stamp, time: number): Refusal | undefined {
    if (this.options.timestamps !== "event" || !(time > timestamp + ahead) || timestamp < 0) return undefined
    return refusal(
      "future",
      `its time is ${new Date(time).toISOString()}, ${Math.round((time - timestamp) / 1000)} s after it arrived`
    )
  }

  /** Its own stamp may hide a source, until it is due. */
  private isDue({ time, stamp }: SourceContent, now: Now): boolean {
    return this.options.timestamps !== "event" || stamp.timestamp >= 0 || time <= now.wall + ahead
  }

  private accepted({ replayed }: Stamp, time: number, now: Now): void {
    this.tally.accepted++
    if (!replayed) this.tally.ages.push(Math.max(0, now.wall - time) / 1000)
  }

  /**
   * One plain line of a source that has samples: by far the most of those that come one by one. False, and nothing done, where that
   * is not all there is to it: then it goes the way of every round, which comes to the same.
   */
  private takeLine(envelope: Envelope, { value, offset }: LogRecord, stamp: Stamp, now: Now): boolean {
    const { source, labels, time } = envelope
    if (envelope.mode !== "samples" || envelope.number !== undefined || envelope.count !== 1) return false
    if (envelope.format !== "text" || value === null || !plainLine.read(value)) return false
    if (this.tooEarly(stamp, time) !== undefined) return false
    const content = this.contents.get(source)
    if (content?.shown.mode !== "samples") return false
    const { series } = content.shown
    const stampText = this.options.timestamps === "event" ? timestampBytes(time) : undefined
    const beat = { source, number: undefined, first: offset, appended: now.mono - this.time.appendedAgo(offset) }
    const known = series.recognise(plainLine, labels, stampText)
    const line = known === undefined ? this.lines.read(envelope, stampText) : undefined
    if (line?.reserved === true) {
      this.rounds.single(source)
      this.rhythms.note(beat)
      this.passOver({ count: 1, bytes: line.bytes.subarray(0, line.length) }, source, stamp, now)
      count(this.tally.refused, "reserved-name")
      return true
    }
    const change = known ?? (line === undefined ? undefined : series.measureLine(line))
    if (change === undefined || this.noRoom(series, change) !== undefined) return false
    if (line === undefined) series.renew(change, plainLine, stampText, stamp)
    else series.addLine(change, line, stampText !== undefined, stamp)
    this.budget.change(change)
    this.rounds.single(source)
    content.rhythm = this.rhythms.note(beat)
    content.number = undefined
    content.stamp = stamp
    content.time = time
    content.first = offset
    content.looks = this.looks
    this.accepted(stamp, time, now)
    return true
  }

  /** Finds room for a round's content in place of what its source has, or says why there is none. */
  private admit(
    before: SourceContent | undefined,
    { envelope, shape }: Part,
    { dump, known }: Content,
    stamp: Stamp
  ): SourceContent["shown"] | Refusal {
    const { limits } = this.options
    if (before === undefined && this.contents.size >= limits.maxSources)
      return refusal("too-many-sources", `the partition has ${limits.maxSources} sources with content already`)
    const was = before === undefined ? nothing : sizeOf(before)
    if (envelope.mode === "snapshot") {
      const change = { series: dump.series - was.series, bytes: dump.bytes - was.bytes }
      const full = this.budget.refuses(change)
      if (full !== undefined) return full
      this.budget.change(change)
      return { mode: "snapshot", dump, known }
    }
    const present = before?.shown.mode === "samples" ? before.shown.series : undefined
    const series = present ?? new SampleSeries()
    const addition = series.measure(dump, shape)
    const replaced = present === undefined ? was : nothing
    const full = this.noRoom(series, addition, replaced)
    if (full !== undefined) return full
    this.budget.change({ series: -replaced.series, bytes: -replaced.bytes })
    this.accounting(series, () => series.add(addition, stamp))
    return { mode: "samples", series }
  }

  /** Why samples find no room, in place of what goes for them; undefined where they do. */
  private noRoom(samples: SampleSeries, addition: Size, replaced = nothing): Refusal | undefined {
    const { limits } = this.options
    if (samples.series + addition.series > limits.maxSeries)
      return refusal("too-many-series", `more than ${limits.maxSeries} series in samples mode`)
    if (samples.bytes + addition.bytes > limits.maxBytes)
      return refusal("too-large", `more than ${limits.maxBytes} bytes in samples mode`)
    const { series, bytes } = addition
    return this.budget.refuses(
      replaced === nothing ? addition : { series: series - replaced.series, bytes: bytes - replaced.bytes }
    )
  }

  private accounting<A>(series: SampleSeries, change: () => A): A {
    const before = { series: series.series, bytes: series.bytes }
    const result = change()
    this.budget.change({ series: series.series - before.series, bytes: series.bytes - before.bytes })
    return result
  }

  /** `claimed`: what is shown where it is not sure whose the record is. */
  private refuse(why: Refusal, source: string | undefined, { offset, replayed }: Stamp, now: Now, claimed = ""): void {
    count(this.tally.refused, why.reason)
    this.refused.add(why, { ...this.tp, at: now.wall, offset, source: source ?? claimed })
    if (replayed && source !== undefined) this.remove(source)
  }

  /** A quarantine began while it was replayed: what came before its end is only remembered. */
  private hideEarlier(): void {
    const from = this.time.shownFrom()
    if (from > this.shownFrom) for (const source of this.contents.keys()) this.remove(source)
    this.shownFrom = from
  }

  /**
   * Lines whose names Prometheus itself writes. Other than with what is refused, nothing goes below the fence: all owners
   * decide alike, and these series are shown by none.
   */
  private passOver(lines: ReservedLines, source: string, { offset }: Stamp, now: Now): void {
    count(this.tally.refusedLines, "reserved-name", lines.count)
    const detail = `lines under names that Prometheus itself writes are not shown: ${lines.count} of this record; --allow-reserved-names shows them`
    const why = { ...refusal("reserved-name", detail), sample: excerpt(lines.bytes, 1) }
    this.refused.add(why, { ...this.tp, at: now.wall, offset, source }, lines.count)
  }

  private remove(source: string): void {
    const content = this.contents.get(source)
    if (content === undefined) return
    const { series, bytes } = sizeOf(content)
    this.contents.delete(source)
    this.holders.leave(source, this.holding)
    this.budget.change({ series: -series, bytes: -bytes })
  }

  /** Content that goes and that nobody has seen leaves its memory to the next. What was seen may be in use in a scrape. */
  private giveBack({ shown, looks }: SourceContent): void {
    if (shown.mode !== "snapshot" || looks !== this.looks) return
    for (const known of shown.known) if (known !== undefined) giveBackLines(known.lines)
  }
}
