/**
 * Conformity: whether a family's lines keep OpenMetrics' rules for their type, beyond the syntax of a line: the lines of one
 * metric together, buckets ascending up to `+Inf` and agreeing with the count, counters neither negative nor NaN.
 *
 * Text 0.0.4 knows none of these rules and real exporters break them, so a breach refuses nothing: it only makes the
 * OpenMetrics output call the family unknown. Checked where the values are at hand, while parsing; a breach is final.
 */
import type { MetricType } from "./Dump.ts"
import { SeriesTable } from "./SeriesTable.ts"

/** What a line is to its family, by the suffix of its sample name. `value` is the family's bare name. */
export type Role = "value" | "total" | "created" | "bucket" | "sum" | "count" | "gcount" | "gsum" | "info"

/** What one line tells the rules. */
export interface Point {
  role: Role
  value: number
  /** The value of `le` or `quantile`; undefined where the line has none. */
  bound: number | undefined
  timestamp: number
  /** Of the labels without `le`, `quantile` or the state: equal for the lines of one metric. */
  group: number
  line: number
  /** A stateset's line has the label named as the family. */
  hasState: boolean
}

export class Conformity {
  private readonly type: MetricType
  private readonly sameGroup: (line: number, other: number) => boolean
  private ok = true
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

  add(point: Point): void {
    if (this.ok) this.ok = this.keeps(point)
  }

  /** After the last line. */
  holds(): boolean {
    return this.ok && !this.lonely && this.closesHistogram()
  }

  private keeps(p: Point): boolean {
    if (!valueIsAllowed(this.type, p)) return false
    switch (this.type) {
      case "counter":
        return this.pairs(p)
      case "info":
        return true
      default: {
        const together = this.staysTogether(p)
        return together && (this.isHistogram() ? this.extendsHistogram(p) : true)
      }
    }
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
        if (p.value < this.bucket) return false
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
    if (this.count !== undefined && this.count !== this.bucket) return false
    if (this.hasSum !== (this.count !== undefined)) return false
    if (this.type === "histogram") return !(this.hasNegativeBound && this.hasSum)
    return !this.hasNegativeSum || this.hasNegativeBound
  }
}

const valueIsAllowed = (type: MetricType, { role, value, bound, hasState }: Point): boolean => {
  switch (role) {
    case "bucket":
    case "count":
    case "gcount":
      return Number.isInteger(value) && value >= 0
    case "total":
    case "sum":
      return value >= 0
    case "gsum":
      return !Number.isNaN(value)
    case "info":
      return value === 1
    case "created":
      return true
    case "value":
      if (type === "stateset") return hasState && (value === 0 || value === 1)
      if (type === "summary") return bound !== undefined && bound >= 0 && bound <= 1 && !(value < 0)
      return type === "counter"
  }
}
