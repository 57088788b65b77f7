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
import {
  innerOf,
  keepsText,
  METRIC_STARTS,
  OTHER_RULE,
  type Point,
  type Role,
  ruleOf,
  suffixOf,
  textRuleOf,
  valueKeeps
} from "./ValueRule.ts"

const INNER = HAS_LE | HAS_QUANTILE | HAS_STATE

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
