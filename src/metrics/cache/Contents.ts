/**
 * Contents: what is shown of a partition, by source, and what that takes of the budget. The one place where content comes, goes and
 * leaves the cache for a scrape. It decides nothing: what is let in is Room's, what is accepted Rounds'.
 */

import type { Loan } from "../../Loan.ts"
import type { Page } from "../read/Page.ts"
import type { Ages, Now } from "../rounds/Ages.ts"
import { Ranking } from "../rounds/Ranking.ts"
import type { SampleSeries } from "../samples/SampleSeries.ts"
import type { Dump } from "../text/Dump.ts"
import { Budget } from "./Budget.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import { dueBy, isDue } from "./DumpTime.ts"
import type { Holders, Holding } from "./Holders.ts"
import type { Look, PartitionContent, SourceStatus } from "./MetricsCache.ts"
import type { Share } from "./Share.ts"
import { contentOverhead, isLive, needOf, type SourceContent, statusOf } from "./SourceContent.ts"
import { type SourceTime, SourceTimes } from "./SourceTimes.ts"

export class Contents {
  readonly budget: Budget
  private readonly options: CacheOptions
  private readonly ages: Ages
  private readonly holders: Holders
  private readonly holding: Holding
  private readonly displaced: (source: string, content: SourceContent, now: Now) => void
  private readonly gone: (source: string, content: SourceContent) => void
  private readonly bySource = new Map<string, SourceContent>()
  /** Where somebody wants to see them. */
  readonly sourceTimes: SourceTimes | undefined
  /** By what a new owner must read to hold the same. */
  private readonly needs = new Ranking<string>()

  /** `place`: how other partitions see it. `displaced`: who gave way. `gone`: who is shown no more, for whatever reason. */
  constructor(
    options: CacheOptions,
    ages: Ages,
    pod: Budget,
    holders: Holders,
    place: Pick<Holding, "name" | "isHome">,
    displaced: (source: string, content: SourceContent, now: Now) => void,
    gone: (source: string, content: SourceContent) => void
  ) {
    const { limits, expiry } = options
    this.options = options
    this.sourceTimes = options.sourceTimes === true ? new SourceTimes() : undefined
    this.ages = ages
    this.holders = holders
    this.displaced = displaced
    this.gone = gone
    this.budget = new Budget("partition", { series: limits.partitionSeries, bytes: limits.partitionBytes }, pod)
    this.holding = {
      ...place,
      isLive: (source, now) => {
        const content = this.bySource.get(source)
        return content !== undefined && isLive(content, this.ages, now, expiry)
      },
      yields: (source) => this.remove(source)
    }
  }

  get size(): { readonly sources: number; readonly series: number; readonly bytes: number } {
    return { sources: this.bySource.size, series: this.budget.series, bytes: this.budget.bytes }
  }

  get sources(): number {
    return this.bySource.size
  }

  get(source: string): SourceContent | undefined {
    return this.bySource.get(source)
  }

  /** Of a chunk of what the source shows, from 0: by which its next one can be read. */
  page(source: string, chunk: number): Page | undefined {
    const shown = this.bySource.get(source)?.shown
    return shown?.mode === "snapshot" ? shown.pages[chunk] : undefined
  }

  all(): Iterable<[source: string, content: SourceContent]> {
    return this.bySource
  }

  /** Undefined where the source may be shown here; else which other partition has it. */
  claim(source: string, now: Now): string | undefined {
    return this.holders.enter(source, this.holding, now)
  }

  /** What was claimed and got no content. */
  disclaim(source: string): void {
    this.holders.leave(source, this.holding)
  }

  /** In place of what was there; its share is that already. */
  put(source: string, content: SourceContent): void {
    const before = this.bySource.get(source)
    // Its memory is the next one's, now or when no scrape looks at it any more.
    if (before?.shown.mode === "snapshot") before.shown.loan.giveBack()
    this.bySource.set(source, content)
    this.needs.note(source, needOf(content, this.options.expiry))
  }

  /** Its samples changed. */
  renew(content: SourceContent, by: Pick<SourceContent, "number" | "stamp" | "time" | "first" | "rhythm">): void {
    content.number = by.number
    content.stamp = by.stamp
    content.time = by.time
    content.first = by.first
    content.rhythm = by.rhythm
  }

  remove(source: string): void {
    const content = this.bySource.get(source)
    if (content === undefined) return
    this.bySource.delete(source)
    this.needs.remove(source)
    this.holders.leave(source, this.holding)
    this.budget.remove(content.share)
    this.gone(source, content)
  }

  /** Makes room for others. */
  displace(source: string, now: Now): void {
    const content = this.bySource.get(source)
    this.remove(source)
    if (content !== undefined) this.displaced(source, content, now)
  }

  removeAll(): void {
    for (const source of this.bySource.keys()) this.remove(source)
  }

  /** Frees everything, and gives back the room that it had. */
  clear(): void {
    this.removeAll()
  }

  /** Frees what expired. Answers the sources that went. */
  sweep(now: Now): ReadonlyArray<string> {
    const { expiry } = this.options
    const expired: Array<string> = []
    for (const [source, content] of this.bySource) {
      const { shown } = content
      if (shown.mode === "samples")
        this.accounting(content.share, shown.series, () => shown.series.sweep(this.ages, now, expiry))
      if (shown.mode === "samples" ? shown.series.series > 0 : isLive(content, this.ages, now, expiry)) continue
      this.remove(source)
      expired.push(source)
    }
    return expired
  }

  /** From where a new owner must read to hold the same; Infinity where nothing is held. */
  lowest(): number {
    const need = (source: string): number => needOf(this.bySource.get(source)!, this.options.expiry)
    return this.needs.lowest(need)?.key ?? Number.POSITIVE_INFINITY
  }

  view(clock: () => Now, refusals: PartitionContent["refusals"]): PartitionContent {
    return {
      look: () => this.look(clock()),
      sources: (limit) => this.status(limit, clock()),
      source: (id) => this.statusOfOne(id, clock()),
      refusals
    }
  }

  /** The only way by which content leaves the cache. */
  private look(now: Now): Look {
    const { expiry, timestamps } = this.options
    const dumps: Array<Dump> = []
    const times: Array<number> = []
    const accepted: Array<SourceTime> = []
    const loans: Array<Loan> = []
    const by = dueBy(timestamps, now.wall)
    for (const [source, content] of this.bySource) {
      const { shown } = content
      if (shown.mode === "snapshot") {
        if (!isDue(by, content.stamp, content.time) || !isLive(content, this.ages, now, expiry)) continue
        dumps.push(shown.dump)
        loans.push(shown.loan.hold())
      } else {
        const lent = this.accounting(content.share, shown.series, () => shown.series.look(this.ages, now, expiry, by))
        if (lent === undefined) continue
        dumps.push(lent.dump)
        loans.push(lent.loan)
      }
      times.push(content.time)
      if (this.sourceTimes !== undefined) accepted.push([source, content.stamp.timestamp])
    }
    const told = this.sourceTimes?.dump(this.options.sourceLabel, accepted)
    if (told !== undefined) dumps.push(told)
    return {
      dumps,
      times,
      end: () => {
        for (const loan of loans.splice(0)) loan.giveBack()
      }
    }
  }

  private status(limit: number, now: Now): ReadonlyArray<SourceStatus> {
    const status: Array<SourceStatus> = []
    for (const source of this.bySource.keys()) {
      if (status.length >= limit) break
      const one = this.statusOfOne(source, now)
      if (one !== undefined) status.push(one)
    }
    return status
  }

  private statusOfOne(source: string, now: Now): SourceStatus | undefined {
    const { expiry, timestamps } = this.options
    const content = this.bySource.get(source)
    if (content === undefined || !isLive(content, this.ages, now, expiry)) return undefined
    const by = dueBy(timestamps, now.wall)
    const { shown, stamp, time } = content
    const due = shown.mode === "snapshot" ? isDue(by, stamp, time) : shown.series.hasDue(by)
    return due ? statusOf(source, content, this.ages, now, expiry) : undefined
  }

  /** Changes samples, and counts what that changes. */
  accounting<A>(share: Share, series: SampleSeries, change: () => A): A {
    const result = change()
    this.budget.set(share, series.series, series.bytes + contentOverhead)
    return result
  }
}
