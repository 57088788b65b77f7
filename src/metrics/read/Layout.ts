/** Layout: all that a page knows of its lines but their text and values. Pure data. */
import type { Family } from "../text/Dump.ts"
import type { Arrangement } from "./Arrangement.ts"
import type { Comments } from "./Comments.ts"
import type { Families } from "./Families.ts"
import type { Names } from "./Names.ts"

/** What there is to know of a family besides its lines. */
export type KnownFamily = Omit<Family, "series" | "bytes" | "gather">

/** What pages of the same lines share. */
export interface Layout {
  readonly names: Names
  readonly raw: DataView
  /** START and LENGTH mean nothing here. */
  readonly records: Int32Array
  readonly comments: Comments
  readonly families: Families
  readonly arrangement: Arrangement
  /** By the arrangement's families (see Description). */
  readonly described: Uint8Array
  /** Of those of which something is said, once a scrape has asked (see PageFamilies). */
  readonly known: Array<KnownFamily | undefined>
  /** No line has an exemplar, nor in event mode a timestamp of its own. */
  readonly plain: boolean
}
