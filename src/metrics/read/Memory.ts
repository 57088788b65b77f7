/**
 * Memory: what a reader knows of the lines that a source sent before, to read the next ones by: a page of a snapshot, or the lines
 * of a source in samples mode. Pure data. It is only ever a saving: a text is read alike with and without it.
 */
import type { Attach, InputFormat, ParseLimits } from "../text/Dump.ts"
import type { Comments } from "./Comments.ts"
import type { Names } from "./Names.ts"

/** What decides how a text is read, but for the time that its lines get. */
export interface ReadOptions {
  readonly format: InputFormat
  readonly attach: Attach
  readonly limits: ParseLimits
  /** `event`: lines carry the dump's time or their own timestamp. `scrape`: none do. */
  readonly timestamps: "scrape" | "event"
  /** Milliseconds; the dump's own time for `event`. */
  readonly time: number
  /** Whether names that Prometheus itself writes are shown. */
  readonly allowReservedNames?: boolean
}

export interface Memory {
  readonly options: ReadOptions
  readonly names: Names
  /** Canonical lines, and their beginnings as they were sent, where those are others. Readable by SLACK bytes beyond the end. */
  readonly lines: DataView
  readonly raw: DataView
  /** Of each line (see LineRecord), `stride` integers. */
  readonly records: Int32Array
  readonly stride: number
  /** Where each line begins, where that is not in its record. */
  readonly starts: Uint32Array | undefined
  /** The line that may come first, -1 where there is none. */
  readonly first: number
  /** The field of the record that has the line after it, plus one; -1 where lines are in the order of their numbers, up to `count`. */
  readonly nextField: number
  readonly count: number
  /** About how many bytes the lines of a text of so many have, 0 where nobody takes them as they are. */
  readonly expects: (bytes: number) => number
  /** The field of the record that says under which options the line was read, and its value under these; -1 where all were. */
  readonly epochField: number
  readonly epoch: number
  /** What stood between the lines; absent where that is not remembered. */
  readonly comments: Comments | undefined
  /**
   * A line by the hash of its beginning (see LineHash), -1 where there is none; the next one of the same hash by `next`. `missed`: so many
   * lines of the text were not found yet, by which it may decide that looking is not worth it.
   */
  readonly find: (hash: number, missed: number) => number
  readonly next: (line: number) => number
}

/** Whether lines that were read under `before` would be the same under `options`. */
export const fits = (before: ReadOptions, options: ReadOptions): boolean =>
  before.format === options.format &&
  before.timestamps === options.timestamps &&
  before.limits === options.limits &&
  before.allowReservedNames === options.allowReservedNames &&
  sameAttach(before.attach, options.attach)

export const sameAttach = (a: Attach, b: Attach): boolean =>
  a === b ||
  (a.source === b.source &&
    a.sourceLabel === b.sourceLabel &&
    (a.labels === b.labels ||
      (a.labels.length === b.labels.length &&
        a.labels.every(([name, value], i) => name === b.labels[i]![0] && value === b.labels[i]![1]))))
