/**
 * Conformity: whether a family's lines keep the rules of its type, beyond the syntax of a line. OpenMetrics': the lines of one
 * metric together, buckets ascending up to `+Inf` and agreeing with the count, counters neither negative nor NaN. And what Go's
 * expfmt demands of text 0.0.4: bounds that are numbers, buckets and counts not below zero.
 *
 * Prometheus knows none of these rules and real exporters break them, so a breach refuses nothing: it only makes the output of
 * that format call the family unknown. A breach is final.
 *
 * Rules about order and labels (`ordered`) are told apart from rules about values (`ranged`): of a round with the same lines
 * the former hold as before, and only the latter are looked at again, by the rule that `add` answered for each line.
 */
import type { MetricType } from "../text/Dump.ts"
import { SeriesTable } from "../text/SeriesTable.ts"
import { keepsTextRule } from "../text/TextRules.ts"
import { HAS_LE, HAS_QUANTILE, HAS_STATE } from "./LineRecord.ts"

/** What a line is to its family, by the suffix of its sample name. `value` is the family's bare name. */
export type Role = "value" | "total" | "created" | "bucket" | "sum" | "count" | "gcount" | "gsum" | "info"

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

/** What a sample name has behind its family's, by role: a counter's and an info's are not asked. */
export const suffixOf: Readonly<Record<Role, string>> = {
  ...{ value: "", total: "_total", created: "_created", bucket: "_bucket", sum: "_sum", count: "_count" },
  ...{ gcount: "_gcount", gsum: "_gsum", info: "_info" }
}

export class Conformity {
  /** The lines keep the rules about order and labels, whatever their values are. Final once `holds` was asked. */
  ordered = true
  /** Their values keep the rules about values. Means nothing where the lines are not ordered. */
  ranged = true
  /** expfmt's rules: those about labels, and those about values. */
  textOrdered = true
  textRanged = true
  private readonly type: MetricType
  private readonly sameGroup: (line: number, other: number) => boolean
  private group: number | undefined
  private timestamp = 0
  private groups: SeriesTable | undefined
  // a counter's `_created` that still waits for the `_total` beside it
  private lonely = false
  private lastRole: Role | undefined
  // one metric of a histogram
  private bound: number | undefined
  private bucket = 0
  private count: number | undefined
  private hasSum = false
  private hasNegativeBound = false
  private hasNegativeSum = false

  constructor(type: MetricType, sameGroup: (line: number, other: number) => boolean) {
    this.type = type
    this.sameGroup = sameGroup
  }

  /** Whether `add` has anything to look at: gauges and unknowns have no rules. */
  static governs(type: MetricType): boolean {
    return type !== "gauge" && type !== "unknown"
  }

  /** Answers the rule that the line's value is under. */
  add(p: Point): number {
    const suffix = suffixOf[p.role]
    if (this.textOrdered) this.textOrdered = keepsTextRule(this.type, suffix, 0, p.bound)
    if (this.textRanged) this.textRanged = keepsText(textRuleOf(this.type, p.role), p.value)
    const rest = textRuleOf(this.type, p.role)
    if (!this.ordered) return rest
    const rule =
      (p.flags & INNER & ~innerOf(this.type)) !== 0 && this.type !== "counter" ? undefined : ruleOf(this.type, p)
    if (rule === undefined) {
      this.ordered = false
      return rest
    }
    if (!valueKeeps(rule, p.value)) this.ranged = false
    if (this.type === "counter") {
      this.ordered = this.pairs(p)
      return rule
    }
    if (this.type === "info") return rule
    const starts = p.group !== this.group
    this.ordered = this.staysTogether(p) && (!this.isHistogram() || this.extendsHistogram(p))
    if (this.type === "gaugehistogram") return OTHER_RULE
    return starts && this.isHistogram() ? rule | METRIC_STARTS : rule
  }

  /** The same of a line of which the rule is known, and which has nothing to do with those beside it. */
  addValue(rule: number, value: number): void {
    if (value >= 0 && rule === NOT_BELOW_ZERO_OR_NAN) return
    if (!keepsText(rule, value)) this.textRanged = false
    if (!valueKeeps(rule, value)) this.ranged = false
  }

  /** After the last line. */
  holds(): boolean {
    if (this.lonely) this.ordered = false
    if (this.ordered) this.ordered = this.closesHistogram()
    return this.ordered && this.ranged
  }

  private isHistogram(): boolean {
    return this.type === "histogram" || this.type === "gaugehistogram"
  }

  /** `_created` stands next to the `_total` of the same labels. Series are distinct, so no table of groups is needed. */
  private pairs(p: Point): boolean {
    const follows = this.group === p.group && this.timestamp === p.timestamp
    if (this.lonely) {
      if (p.role !== "total" || !follows) return false
      this.lonely = false
    } else if (p.role === "created") this.lonely = !(this.lastRole === "total" && follows)
    this.group = p.group
    this.timestamp = p.timestamp
    this.lastRole = p.role
    return true
  }

  private staysTogether(p: Point): boolean {
    if (p.group === this.group) return p.timestamp === this.timestamp
    if (!this.closesHistogram()) return false
    this.bound = this.count = undefined
    this.bucket = 0
    this.hasSum = this.hasNegativeBound = this.hasNegativeSum = false
    this.group = p.group
    this.timestamp = p.timestamp
    this.groups ??= new SeriesTable(32)
    return this.groups.add(p.group, p.line, (line) => this.sameGroup(line, p.line)) === "new"
  }

  private extendsHistogram(p: Point): boolean {
    switch (p.role) {
      case "bucket":
        if (p.bound === undefined || Number.isNaN(p.bound)) return false
        if (this.bound !== undefined && p.bound <= this.bound) return false
        if (p.value < this.bucket) this.ranged = false
        if (p.bound < 0) this.hasNegativeBound = true
        this.bound = p.bound
        this.bucket = p.value
        return true
      case "count":
      case "gcount":
        this.count = p.value
        return true
      case "sum":
      case "gsum":
        this.hasSum = true
        if (p.value < 0) this.hasNegativeSum = true
        return true
      default:
        return p.role === "created"
    }
  }

  private closesHistogram(): boolean {
    if (!this.isHistogram() || this.group === undefined) return true
    if (this.bound !== Number.POSITIVE_INFINITY) return false
    if (this.hasSum !== (this.count !== undefined)) return false
    if (this.count !== undefined && this.count !== this.bucket) this.ranged = false
    if (this.type === "histogram") return !(this.hasNegativeBound && this.hasSum)
    if (this.hasNegativeSum && !this.hasNegativeBound) this.ranged = false
    return true
  }
}

const INNER = HAS_LE | HAS_QUANTILE | HAS_STATE

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
const textRuleOf = (type: MetricType, role: Role): number => {
  if (type === "summary") return role === "count" ? COUNTS_WHOLE : NO_RULE
  const counts = (type === "histogram" || type === "gaugehistogram") && (role === "bucket" || role === "count")
  return counts ? COUNTS : NO_RULE
}

/** Undefined where a line of this type may not be like that, whatever its value. */
const ruleOf = (type: MetricType, { role, bound, flags }: Point): number | undefined => {
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
