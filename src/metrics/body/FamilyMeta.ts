/** FamilyMeta: what there is to know of families besides their lines: enough to decide how those of all shards become one body. Plain data. */
import type { Family, MetricType } from "../text/Dump.ts"

export type FamilyMeta = Omit<Family, "bytes" | "gather" | "series">

/** Of all sources of a shard whose family is the same but for its lines. */
export interface DigestEntry extends FamilyMeta {
  readonly sources: number
  /** A few of them, for people. */
  readonly names: ReadonlyArray<string>
}

/** An entry of some shard's digest. */
export interface Placed {
  readonly shard: number
  readonly entry: number
  readonly meta: DigestEntry
}

/** One entry's lines: all of them, or those of some sample names, as the dumps spell them. */
export interface Part {
  readonly of: Placed
  readonly only: ReadonlyArray<string> | undefined
}

/** Lines that cannot be copied: of another family's source, or under names that are escaped. */
export interface OddParts {
  readonly parts: ReadonlyArray<Part>
  /** Other lines of the family: of a source that has odd ones, they are arranged together. */
  readonly beside: ReadonlyArray<Part>
}

/** What stands above the lines. */
export interface FamilyHead {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
}
