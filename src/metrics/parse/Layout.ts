/**
 * Layout: what the rounds of a source have in common while it sends the same lines with other values: where in each line the
 * values stand, what lies between the lines, which rule each value is under. NextRound reads a round by it.
 *
 * Pure data: some bytes a line and none of the text, which is in the lines of the round before. Shared by all rounds that
 * keep it. A layout is only ever a saving: what it does not fit is parsed in full.
 */
import type { Attach, Dump, ParseOptions } from "../text/Dump.ts"

export interface Layout {
  /** A layout says nothing about a text that is parsed under other options, but for the time. */
  readonly options: ParseOptions
  // One entry a line, in the order of the input.
  /** From the line's start to the end of its own labels; to the end of its name where it has none. */
  readonly owns: Uint16Array
  /** From there to its value: the attached labels. */
  readonly tails: Uint16Array
  readonly rules: Uint8Array
  /** What stands between the lines: comments, blank lines. */
  readonly comments: Uint8Array
  /** The stretches of `comments`: the line that each stands before, and where it ends. */
  readonly commentLines: Uint32Array
  readonly commentEnds: Uint32Array
  /** The families in the order of the input, by the line after each one's last, and what their values were found to be. */
  readonly familyEnds: Uint32Array
  readonly verdicts: Uint8Array
  /** 1: its lines may come with timestamps of their own or without, each time as they like. */
  readonly freeTimes: Uint8Array
  /** The lines in the order of the dump, where it is another: pairs of first and last + 1; and where each family's pairs end. */
  readonly order: { readonly places: Uint32Array; readonly familyEnds: Uint32Array } | undefined
}

/** The values of a family keep its rules, do not keep them, or make no difference. */
export const RANGED = 1
export const NOT_RANGED = 2
export const UNGOVERNED = 0

/** A round and how to read the next one by it. */
export interface Known {
  readonly dump: Dump
  readonly layout: Layout
  /** All lines of the dump; readable by SLACK bytes beyond their end. */
  readonly lines: Uint8Array
  /** Of each line, in the order of the input: its bytes from the value on. */
  readonly sizes: Uint8Array
}

/** The longest value, with timestamp and line feed, of a line that a layout can have. */
export const MAX_VALUE_BYTES = 255

export const fits = (
  { options }: Layout,
  { format, attach, limits, timestamps, allowReservedNames }: ParseOptions
): boolean =>
  options.format === format &&
  options.timestamps === timestamps &&
  options.limits === limits &&
  options.allowReservedNames === allowReservedNames &&
  sameAttach(options.attach, attach)

const sameAttach = (a: Attach, b: Attach): boolean =>
  a.source === b.source &&
  a.sourceLabel === b.sourceLabel &&
  (a.labels === b.labels ||
    (a.labels.length === b.labels.length &&
      a.labels.every(([name, value], i) => name === b.labels[i]![0] && value === b.labels[i]![1])))
