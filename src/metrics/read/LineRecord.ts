/**
 * LineRecord: what is known of each canonical line besides its text, as integers one after the other: no object for a line. A
 * round's page has them in the order of the input, a source in samples mode in the slots of its store, with fields of its own
 * behind these.
 */

/** Where the line begins in the text that it is in, and how long it is, with its line feed. */
export const START = 0
export const LENGTH = 1
/** Where its beginning as it was sent, up to the value, is in the raw text, where that is not the canonical form. */
export const RAW = 2
/**
 * Low half: from the start to the end of the name and own labels, without the closing brace; 0 where the line is never
 * compared. High half: the length of the raw text, 0 where the canonical form is what was sent.
 */
export const OWN = 3
/** The number of its sample name. */
export const NAME = 4
/** Of its series, with `le` and `quantile` as numbers: lines of one series have equal ones. */
export const HASH = 5
/** Of its labels without `le`, `quantile` or the state: lines of one metric have equal ones. */
export const GROUP = 6
/** Flags, a byte; the rule that its value is under (see Conformity), a byte; from the own labels' end to the value, two. */
export const MISC = 7

export const FIELDS = 8

export const HAS_LE = 1
export const HAS_QUANTILE = 2
/** It has the label named as its metric, as the lines of a stateset have. */
export const HAS_STATE = 4
/** The `le` or `quantile` is not in OpenMetrics' canonical form of a number. */
export const OTHER_FORM = 8
/** The `le` or `quantile` is no number. */
export const NO_NUMBER = 16
export const HAS_EXEMPLAR = 32
/** It carries a timestamp of its own. */
export const HAS_TIME = 64
/** What the line's end decides. */
export const ENDS = HAS_EXEMPLAR | HAS_TIME
/** Some name must stand in quotes, or some label is a hidden one (`__x`). */
export const QUOTED = 128
export const FLAGS = 0xff
export const RULE_SHIFT = 8
export const RULES = 0xff00
export const TAIL_SHIFT = 16

/** The longest part of a line that a record can tell; a longer one is read anew each time. */
export const MAX_PART = 0xffff
