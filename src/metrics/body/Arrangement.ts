/**
 * Arrangement: lines of one source as a family of some type may have them, or the word that it may not: the rules of expfmt's text
 * parser and those of OpenMetrics' reference parser, in one place. It decides whether lines without a TYPE, or with another,
 * may stand below the TYPE that the others say; what they say themselves is judged where they are parsed (Family.conforms).
 *
 * Rules about order cost nothing here: the lines of a metric are put together, buckets by their bound.
 */
import type { MetricType } from "../text/Dump.ts"
import type { OutputFormat } from "../text/Negotiation.ts"
import { type Slices, sorted } from "../text/Slices.ts"
import { keepsTextRule } from "../text/TextRules.ts"
import { hasOrder, suffixOf } from "./Claims.ts"
import { labelsKey, numberOf, type SampleLine } from "./SampleLine.ts"

export interface Target {
  readonly name: string
  readonly type: MetricType
  readonly format: OutputFormat
}

/** A line as the rules see it. */
interface Point {
  readonly line: SampleLine
  readonly suffix: string
  readonly value: number
  /** Of `le` or `quantile`; undefined where there is no such label, NaN where it is no number. */
  readonly bound: number | undefined
}

/** The label that tells lines of one metric apart. */
export const innerLabel = ({ name, type }: Pick<Target, "name" | "type">): string | undefined => {
  if (type === "histogram" || type === "gaugehistogram") return "le"
  if (type === "summary") return "quantile"
  return type === "stateset" ? name : undefined
}

/** Undefined where the lines cannot be lines of the family. */
export function* arranged(
  lines: ReadonlyArray<SampleLine>,
  target: Target,
  slices: Slices
): Generator<undefined, ReadonlyArray<SampleLine> | undefined, unknown> {
  const keep = target.format === "text" ? keepsText : keepsOpenMetrics
  const inner = innerLabel(target)
  const together = hasOrder(target.type, target.format)
  const metrics = new Map<string, Array<Point>>()
  for (const line of lines) {
    const point = pointOf(line, target, inner)
    if (point === undefined || !keep(point, target)) return undefined
    if (together) {
      const key = labelsKey(line.labels, inner)
      const others = metrics.get(key)
      if (others === undefined) metrics.set(key, [point])
      else others.push(point)
    }
    if (slices.step()) yield
  }
  if (!together) return lines
  const result: Array<SampleLine> = []
  for (const points of metrics.values()) {
    const ordered = points.length > 1 ? yield* sorted(points, inOrder) : points
    if (!isMetric(ordered, target)) return undefined
    for (const { line } of ordered) result.push(line)
    if (slices.step()) yield
  }
  return result
}

const pointOf = (line: SampleLine, target: Target, inner: string | undefined): Point | undefined => {
  const suffix = suffixOf(line.name, target, target.format)
  const value = numberOf(line.value)
  if (suffix === undefined || value === undefined) return undefined
  const label = inner === undefined ? undefined : line.labels.find(([name]) => name === inner)
  if (target.type === "stateset") return label === undefined ? undefined : { line, suffix, value, bound: undefined }
  return { line, suffix, value, bound: label === undefined ? undefined : (numberOf(label[1]) ?? Number.NaN) }
}

const keepsText = ({ suffix, value, bound }: Point, { type }: Target): boolean =>
  keepsTextRule(type, suffix, value, bound)

const keepsOpenMetrics = ({ suffix, value, bound }: Point, { type }: Target): boolean => {
  switch (suffix) {
    case "_bucket":
      return isWhole(value) && bound !== undefined && !Number.isNaN(bound)
    case "_count":
    case "_gcount":
      return isWhole(value) && bound === undefined
    case "_total":
      return value >= 0
    case "_sum":
      return value >= 0 && bound === undefined
    case "_gsum":
      return !Number.isNaN(value) && bound === undefined
    case "_info":
      return value === 1
    case "":
      if (type === "stateset") return value === 0 || value === 1
      return type !== "summary" || (bound !== undefined && bound >= 0 && bound <= 1 && !(value < 0))
    default:
      return bound === undefined
  }
}

const isWhole = (value: number): boolean => Number.isInteger(value) && value >= 0

/** Buckets and quantiles, then the rest in the order in which clients write it. */
const place = ({ suffix }: Point): number => PLACES.indexOf(suffix)
const PLACES = ["", "_bucket", "_total", "_count", "_gcount", "_sum", "_gsum", "_created"]

const inOrder = (a: Point, b: Point): boolean => place(a) < place(b) || (place(a) === place(b) && !above(a, b))

const above = (a: Point, b: Point): boolean => a.bound !== undefined && b.bound !== undefined && a.bound > b.bound

/** Of OpenMetrics, with the points in order. */
const isMetric = (points: ReadonlyArray<Point>, { type }: Target): boolean => {
  const histogram = type === "histogram" || type === "gaugehistogram"
  const seen = new Map<string, number>()
  let bound = Number.NEGATIVE_INFINITY
  let bucket = -1
  let belowZero = false
  for (const point of points) {
    if (point.line.timestamp !== points[0]!.line.timestamp) return false
    if (point.suffix === "_bucket") {
      if (bucket >= 0 && (point.bound! <= bound || point.value < bucket)) return false
      bound = point.bound!
      bucket = point.value
      belowZero ||= bound < 0
    } else if (point.suffix === "") {
      if (point.bound !== undefined && point.bound === bound) return false
      bound = point.bound ?? bound
    } else {
      if (seen.has(point.suffix)) return false
      seen.set(point.suffix, point.value)
    }
  }
  if (type === "counter") return seen.has("_total")
  if (!histogram) return true
  const count = seen.get("_count") ?? seen.get("_gcount")
  const sum = seen.get("_sum") ?? seen.get("_gsum")
  if (bound !== Number.POSITIVE_INFINITY || (count === undefined) !== (sum === undefined)) return false
  if (count !== undefined && count !== bucket) return false
  if (belowZero && type === "histogram" && sum !== undefined) return false
  return !(sum !== undefined && sum < 0 && !belowZero)
}
