/**
 * SourceContent: what one source shows, a snapshot or samples, with what is needed to age it. Pure data, and the questions
 * that only it can answer.
 */

import type { Loan } from "../../Loan.ts"
import type { Page } from "../read/Page.ts"
import type { Ages, Now, Stamp } from "../rounds/Ages.ts"
import type { RoundNumber } from "../rounds/Record.ts"
import type { Rhythm } from "../rounds/Rhythm.ts"
import type { SampleSeries } from "../samples/SampleSeries.ts"
import type { Dump, Size } from "../text/Dump.ts"
import type { SourceStatus } from "./MetricsCache.ts"
import type { Share } from "./Share.ts"

export interface SourceContent {
  readonly share: Share
  readonly shown:
    | {
        readonly mode: "snapshot"
        readonly dump: Dump
        /** By which the next round can be read, one a chunk. */
        readonly pages: ReadonlyArray<Page>
        /** Of the pages' memory. */
        readonly loan: Loan
      }
    | { readonly mode: "samples"; readonly series: SampleSeries }
  /** Of its latest round, as all that follows. */
  number: RoundNumber | undefined
  stamp: Stamp
  time: number
  /** The lowest offset of the round's chunks. */
  first: number
  rhythm: Rhythm
}

/** What a source with content takes besides it (`node --expose-gc test/metrics/worst/measure.ts`). */
export const contentOverhead = 1280

export const sizeOf = ({ shown }: SourceContent): Size => (shown.mode === "snapshot" ? shown.dump : shown.series)

/** Milliseconds after which it is silent. Samples expire one by one: the source is silent with its last series. */
export const spanOf = ({ shown, rhythm }: SourceContent, expiry: number): number =>
  shown.mode === "samples" ? expiry : rhythm.span(expiry)

export const isLive = (content: SourceContent, ages: Ages, now: Now, expiry: number): boolean =>
  ages.age(content.stamp, now) <= spanOf(content, expiry)

/** The offset from which a new owner must read to hold the same, and where it matters to know the source's interval. */
export const needOf = (content: SourceContent, expiry: number): number =>
  content.shown.mode === "samples"
    ? content.shown.series.first
    : spanOf(content, expiry) > 1.5 * expiry
      ? Math.min(content.first, content.rhythm.need)
      : content.first

/** Of its latest round: its sender's number, else its offset. */
export const versionOf = ({ number, stamp }: SourceContent): string =>
  number === undefined ? `@${stamp.offset}` : `${number.epoch}.${number.round}`

export const statusOf = (
  source: string,
  content: SourceContent,
  ages: Ages,
  now: Now,
  expiry: number
): SourceStatus => {
  const { shown, stamp, time } = content
  const { series, bytes } = sizeOf(content)
  return {
    source,
    version: versionOf(content),
    mode: shown.mode,
    series,
    bytes,
    time,
    offset: stamp.offset,
    expiresInMs: Math.max(0, Math.round(spanOf(content, expiry) - ages.age(stamp, now)))
  }
}
