/** CacheOptions: what a partition's cache is told: how long and how content is shown, and how much of it there may be. */
import type { Admission } from "../admission/Admission.ts"
import type { ParseLimits } from "../text/Dump.ts"

/** How much a partition and a pod may hold. Beyond each bound content is refused or gives way, counted (docs/limits.md). @stable */
export interface CacheLimits {
  /** Sources with content in one partition. */
  readonly maxSources: number
  /** Series of all sources of one partition. */
  readonly partitionSeries: number
  /** Bytes of their text, and what each source takes besides. */
  readonly partitionBytes: number
  /** Of all partitions of the pod. */
  readonly podSeries: number
  /** Likewise. */
  readonly podBytes: number
  /** Sources of one partition of whose rounds something is remembered. */
  readonly rememberedSources: number
  /** Bytes of the records of unfinished rounds in one partition, half of it for one source; not below two rounds' `maxBytes`. */
  readonly gatherBytes: number
  /** What those of all partitions may hold. */
  readonly podGatherBytes: number
}

export interface CacheOptions {
  /** The least milliseconds without a round after which a source is silent. */
  readonly expiry: number
  readonly timestamps: "scrape" | "event"
  readonly sourceLabel: string
  readonly limits: ParseLimits & CacheLimits
  readonly allowReservedNames?: boolean
  /** Whether the body tells when the last round of each source was accepted, and refused. */
  readonly sourceTimes?: boolean
  /** Which sources, series and labels are taken; absent: all. */
  readonly admission?: Admission["Service"] | undefined
  /** Somebody is told of each accepted round (Tapped): those before this offset were told to their end before. */
  readonly toldBefore?: number | undefined
}
