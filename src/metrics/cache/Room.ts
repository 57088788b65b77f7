/**
 * Room: whether accepted content finds room under the source's, the partition's and the pod's limits. It takes the room that it
 * finds, from others if need be (see Budget); putting the content there is the caller's. It may depend on this pod, for it only hides.
 */

import { Loan } from "../../Loan.ts"
import type { Reading } from "../read/Reading.ts"
import type { Now, Stamp } from "../rounds/Ages.ts"
import { refusal } from "../rounds/Record.ts"
import type { SampleSeries } from "../samples/SampleSeries.ts"
import type { SingleLine } from "../samples/SingleLine.ts"
import type { Refusal } from "../text/Dump.ts"
import { freeLines } from "../text/LineMemory.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import type { Contents } from "./Contents.ts"
import type { Content } from "./RoundReader.ts"
import { Share } from "./Share.ts"
import { contentOverhead, type SourceContent } from "./SourceContent.ts"

/** Of a record that the transport passed over. */
export const overLimit = (bytes: number): Refusal =>
  refusal(
    "record-too-large",
    `the record is longer than --max-record-bytes: its value of ${bytes} bytes was passed over unread`
  )

/** Whether it was this pod's budgets, shared with others, that refused: then what was there goes, too. */
export const isOfBudget = ({ reason }: Refusal): boolean => reason === "partition-full" || reason === "pod-full"

export class Room {
  private readonly limits: CacheOptions["limits"]
  private readonly contents: Contents

  constructor(limits: CacheOptions["limits"], contents: Contents) {
    this.limits = limits
    this.contents = contents
  }

  /** Finds room for a snapshot in place of what its source has, or says why there is none. */
  admit(
    source: string,
    before: SourceContent | undefined,
    { dump, pages }: Content,
    now: Now
  ): Pick<SourceContent, "shown" | "share"> | Refusal {
    const { budget } = this.contents
    const share = this.letIn(source, before?.share, now, (of) =>
      budget.admit(of, dump.series, dump.bytes + contentOverhead, now)
    )
    if ("reason" in share) return share
    const loan = new Loan(() => {
      for (const { bytes } of pages) freeLines(bytes)
    })
    return { shown: { mode: "snapshot", dump, pages, loan }, share }
  }

  /** Finds room for samples, in place of what else their source has, and adds them. */
  admitSamples(
    source: string,
    before: Share | undefined,
    series: SampleSeries,
    reading: Reading,
    stamp: Stamp,
    now: Now
  ): Pick<SourceContent, "shown" | "share"> | Refusal {
    const share = this.letIn(source, before, now, (of) => this.extendBy(of, series, reading, now))
    if ("reason" in share) return share
    this.contents.accounting(share, series, () => series.add(reading, stamp))
    return { shown: { mode: "samples", series }, share }
  }

  /** Whether the reading found room, and was added to what its source has. */
  addsSamples(share: Share, series: SampleSeries, reading: Reading, stamp: Stamp, now: Now): boolean {
    if (reading.isEmpty || this.extendBy(share, series, reading, now) !== undefined) return false
    this.contents.accounting(share, series, () => series.add(reading, stamp))
    return true
  }

  /** Whether a line of a source found room with its new value, which it has then. */
  renewsLine(share: Share, series: SampleSeries, line: SingleLine, stamp: Stamp, now: Now): boolean {
    if (this.extend(share, series, 0, series.growthBy(line), now) !== undefined) return false
    series.renew(line, stamp)
    return true
  }

  /** `take` takes the room for the content, or says why there is none; a place among the sources is found here. */
  private letIn(
    source: string,
    before: Share | undefined,
    now: Now,
    take: (share: Share) => Refusal | undefined
  ): Share | Refusal {
    const { contents } = this
    const full = before === undefined && contents.sources >= this.limits.maxSources
    const oldest = contents.budget.oldestNewcomer
    if (full && oldest === undefined)
      return refusal(
        "too-many-sources",
        `the partition has content of ${contents.sources} sources, --max-sources is ${this.limits.maxSources}: new sources wait`
      )
    const share = before ?? new Share((at) => contents.displace(source, at))
    const why = take(share)
    if (why !== undefined) return why
    if (full && contents.sources >= this.limits.maxSources) oldest?.giveWay(now)
    return share
  }

  private extendBy(share: Share, samples: SampleSeries, reading: Reading, now: Now): Refusal | undefined {
    const { series, bytes } = samples.measure(reading)
    return this.extend(share, samples, series, bytes, now)
  }

  /** Takes the room for what is added to samples, or says why there is none. */
  private extend(
    share: Share,
    samples: SampleSeries,
    moreSeries: number,
    moreBytes: number,
    now: Now
  ): Refusal | undefined {
    const { limits } = this
    const series = samples.series + moreSeries
    const bytes = samples.bytes + moreBytes
    if (series > limits.maxSeries)
      return refusal("too-many-series", `more than ${limits.maxSeries} series in samples mode (--max-source-series)`)
    if (bytes > limits.maxBytes)
      return refusal("too-large", `more than ${limits.maxBytes} bytes in samples mode (--max-source-bytes)`)
    return this.contents.budget.admit(share, series, bytes + contentOverhead, now)
  }
}
