/**
 * Admission: whether accepted content finds room under the source's, the partition's and the pod's limits. It takes the room that it
 * finds, from others if need be (see Budget); putting the content there is the caller's. It may depend on this pod, for it only hides.
 */

import type { Now, Stamp } from "../rounds/Ages.ts"
import { refusal } from "../rounds/Record.ts"
import { SampleSeries } from "../samples/SampleSeries.ts"
import type { Refusal, Size } from "../text/Dump.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import type { Contents } from "./Contents.ts"
import type { Content, Part } from "./RoundReader.ts"
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

/** What samples are added to. */
const samplesOf = (before: SourceContent | undefined) =>
  before?.shown.mode === "samples" ? before.shown : ({ mode: "samples", series: new SampleSeries() } as const)

export class Admission {
  private readonly limits: CacheOptions["limits"]
  private readonly contents: Contents

  constructor(limits: CacheOptions["limits"], contents: Contents) {
    this.limits = limits
    this.contents = contents
  }

  /** Finds room for a round's content in place of what its source has, or says why there is none. */
  admit(
    before: SourceContent | undefined,
    { envelope, shape }: Part,
    { dump, known }: Content,
    stamp: Stamp,
    now: Now
  ): Pick<SourceContent, "shown" | "share"> | Refusal {
    const { contents } = this
    const { source, mode } = envelope
    const full = before === undefined && contents.sources >= this.limits.maxSources
    const oldest = contents.budget.oldestNewcomer
    if (full && oldest === undefined)
      return refusal(
        "too-many-sources",
        `the partition has content of ${contents.sources} sources, --max-sources is ${this.limits.maxSources}: new sources wait`
      )
    const share = before?.share ?? new Share((at) => contents.displace(source, at))
    const shown = mode === "samples" ? samplesOf(before) : ({ mode, dump, known } as const)
    const addition = shown.mode === "samples" ? shown.series.measure(dump, shape) : undefined
    const why =
      shown.mode === "samples"
        ? this.extend(share, shown.series, addition!, now)
        : contents.budget.admit(share, dump.series, dump.bytes + contentOverhead, now)
    if (why !== undefined) return why
    if (full && contents.sources >= this.limits.maxSources) oldest?.giveWay(now)
    if (shown.mode === "samples") contents.accounting(share, shown.series, () => shown.series.add(addition!, stamp))
    return { shown, share }
  }

  /** Takes the room for what is added to samples, or says why there is none. */
  extend(share: Share, samples: SampleSeries, addition: Size, now: Now): Refusal | undefined {
    const { limits } = this
    const series = samples.series + addition.series
    const bytes = samples.bytes + addition.bytes
    if (series > limits.maxSeries)
      return refusal("too-many-series", `more than ${limits.maxSeries} series in samples mode (--max-source-series)`)
    if (bytes > limits.maxBytes)
      return refusal("too-large", `more than ${limits.maxBytes} bytes in samples mode (--max-source-bytes)`)
    return this.contents.budget.admit(share, series, bytes + contentOverhead, now)
  }
}
