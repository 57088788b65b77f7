/**
 * Admission: whether accepted content finds room under the source's, the partition's and the pod's limits. It takes the room that it
 * finds; putting the content there is the caller's. It may depend on this pod, for it only hides.
 */

import type { Stamp } from "../rounds/Ages.ts"
import { refusal } from "../rounds/Record.ts"
import { SampleSeries } from "../samples/SampleSeries.ts"
import type { Refusal, Size } from "../text/Dump.ts"
import type { CacheOptions } from "./CacheOptions.ts"
import type { Contents } from "./Contents.ts"
import type { Content, Part } from "./RoundReader.ts"
import { type SourceContent, sizeOf } from "./SourceContent.ts"

const nothing: Size = { series: 0, bytes: 0 }

/** Of a record that the transport passed over. */
export const overLimit = (bytes: number): Refusal =>
  refusal(
    "record-too-large",
    `the record is longer than --max-record-bytes: its value of ${bytes} bytes was passed over unread`
  )

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
    stamp: Stamp
  ): SourceContent["shown"] | Refusal {
    const { limits, contents } = this
    if (before === undefined && contents.sources >= limits.maxSources)
      return refusal("too-many-sources", `the partition has ${limits.maxSources} sources with content already`)
    const was = before === undefined ? nothing : sizeOf(before)
    if (envelope.mode === "snapshot") {
      const change = { series: dump.series - was.series, bytes: dump.bytes - was.bytes }
      const full = contents.budget.refuses(change)
      if (full !== undefined) return full
      contents.budget.change(change)
      return { mode: "snapshot", dump, known }
    }
    const present = before?.shown.mode === "samples" ? before.shown.series : undefined
    const series = present ?? new SampleSeries()
    const addition = series.measure(dump, shape)
    const replaced = present === undefined ? was : nothing
    const full = this.noRoom(series, addition, replaced)
    if (full !== undefined) return full
    contents.budget.change({ series: -replaced.series, bytes: -replaced.bytes })
    contents.accounting(series, () => series.add(addition, stamp))
    return { mode: "samples", series }
  }

  /** Why samples find no room, in place of what goes for them; undefined where they do. */
  noRoom(samples: SampleSeries, addition: Size, replaced = nothing): Refusal | undefined {
    const { limits } = this
    if (samples.series + addition.series > limits.maxSeries)
      return refusal("too-many-series", `more than ${limits.maxSeries} series in samples mode`)
    if (samples.bytes + addition.bytes > limits.maxBytes)
      return refusal("too-large", `more than ${limits.maxBytes} bytes in samples mode`)
    const { series, bytes } = addition
    return this.contents.budget.refuses(
      replaced === nothing ? addition : { series: series - replaced.series, bytes: bytes - replaced.bytes }
    )
  }
}
