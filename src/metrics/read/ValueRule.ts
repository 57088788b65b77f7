/**
 * ValueRule: what the value of one line must keep, by its family's type and by what the line is to the family. Pure. A rule is a number,
 * which the line's record carries: while a family's lines stay the same its new values are looked at by these alone. The rules that lines
 * keep together are Conformity's.
 */
import type { MetricType } from "../text/Dump.ts"
import { HAS_LE, HAS_QUANTILE, HAS_STATE } from "./LineRecord.ts"

/** What a line is to its family, by the suffix of its sample name. `value` is the family's bare name. */
export type Role = "value" | "total" | "created" | "bucket" | "sum" | "count" | "gcount" | "gsum" | "info"

/** What a sample name has behind its family's, by role: a counter's and an info's are not asked. */
export const suffixOf: Readonly<Record<Role, string>> = {
  ...{ value: "", total: "_total", created: "_created", bucket: "_bucket", sum: "_sum", count: "_count" },
  ...{ gcount: "_gcount", gsum: "_gsum", info: "_info" }
}

/** What one line tells the rules. */
export interface Point {
  role: Role
  value: number
  /** The value of `le` or `quantile`, NaN where it is no number; undefined where the line has none. */
  bound: number | undefined
  timestamp: number
  /** Of the labels that tell metrics apart: equal for the lines of one metric. */
  group: number
  line: number
  /** As in LineRecord. */
  flags: number
}

/** What the value of a line must keep. A line of which only its order matters has none. */
export const NO_RULE = 0
export const NOT_BELOW_ZERO_OR_NAN = 1
export const NOT_BELOW_ZERO = 2
export const ONE = 3
export const ZERO_OR_ONE = 4
export const WHOLE = 5
/** Whole, and not below the bucket before it. */
export const BUCKET = 6
/** Whole, and what the last bucket of its metric says. */
export const COUNT = 7
/** Beside a rule: the line begins another metric of a histogram. */
export const METRIC_STARTS = 8
/** A rule that lines do not keep one by one. */
export const OTHER_RULE = 16
/** Of a count where only the text format's rule is left to keep (see TextRules): a histogram's, a summary's. */
export const COUNTS = 32
export const COUNTS_WHOLE = 64

/** Stands for a value that begins with a digit, where nothing is asked but that it is not below zero. */
export const ENOUGH = Number.POSITIVE_INFINITY

/** Whether that is all that a rule asks. */
export const asksForSign = (rule: number): boolean => {
  const kind = rule & ~METRIC_STARTS
  return kind === NOT_BELOW_ZERO_OR_NAN || kind === NOT_BELOW_ZERO
}

export const valueKeeps = (rule: number, value: number): boolean => {
  switch (rule) {
    case NOT_BELOW_ZERO_OR_NAN:
      return value >= 0
    case NOT_BELOW_ZERO:
      return !(value < 0)
    case ONE:
      return value === 1
    case ZERO_OR_ONE:
      return value === 0 || value === 1
    case WHOLE:
    case BUCKET:
    case COUNT:
      return Number.isInteger(value) && value >= 0
    case OTHER_RULE:
      return !Number.isNaN(value)
    default:
      return true
  }
}

/** The same for the text format. */
export const keepsText = (rule: number, value: number): boolean => {
  switch (rule) {
    case COUNTS:
    case BUCKET:
    case COUNT:
      return !(value < 0)
    case COUNTS_WHOLE:
    case WHOLE:
      return Number.isInteger(value) && value >= 0 && value < 2 ** 64
    default:
      return true
  }
}

/** The label inside a metric of this type, as its flag. */
export const innerOf = (type: MetricType): number =>
  type === "histogram" || type === "gaugehistogram"
    ? HAS_LE
    : type === "summary"
      ? HAS_QUANTILE
      : type === "stateset"
        ? HAS_STATE
        : 0

/** The rule about its value that a line keeps in text. */
export const textRuleOf = (type: MetricType, role: Role): number => {
  if (type === "summary") return role === "count" ? COUNTS_WHOLE : NO_RULE
  const counts = (type === "histogram" || type === "gaugehistogram") && (role === "bucket" || role === "count")
  return counts ? COUNTS : NO_RULE
}

/** Undefined where a line of this type may not be like that, whatever its value. */
export const ruleOf = (type: MetricType, { role, bound, flags }: Point): number | undefined => {
  switch (role) {
    case "bucket":
      return BUCKET
    case "count":
    case "gcount":
      return type === "summary" ? WHOLE : COUNT
    case "total":
    case "sum":
      return NOT_BELOW_ZERO_OR_NAN
    case "gsum":
      return OTHER_RULE
    case "info":
      return ONE
    case "created":
      return NO_RULE
    case "value":
      if (type === "stateset") return (flags & HAS_STATE) !== 0 ? ZERO_OR_ONE : undefined
      if (type === "summary") return bound !== undefined && bound >= 0 && bound <= 1 ? NOT_BELOW_ZERO : undefined
      return type === "counter" ? NO_RULE : undefined
  }
}
