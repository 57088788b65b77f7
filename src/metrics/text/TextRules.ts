/**
 * TextRules: what the readers of the text format ask of one line of a histogram or a summary. expfmt refuses a whole body for a `le`
 * that is no number or a bucket below zero, and reads a bucket without `le`, or a summary's count of 2.5, as nothing or as another
 * number. Other types are asked nothing. Pure; the one place for it.
 */
import type { MetricType } from "./Dump.ts"

/**
 * `suffix`: of the sample's name behind the family's. `bound`: the value of `le` or `quantile`, NaN where it is no number, undefined
 * where the line has no such label. What stands beside the family in text (`foo_created`, `foo_gcount`) keeps them always.
 */
export const keepsTextRule = (type: MetricType, suffix: string, value: number, bound: number | undefined): boolean => {
  const histogram = type === "histogram" || type === "gaugehistogram"
  if (!histogram && type !== "summary") return true
  if (suffix === (histogram ? "_bucket" : ""))
    return bound !== undefined && !Number.isNaN(bound) && !(histogram && value < 0)
  if (suffix === "_sum") return bound === undefined
  if (suffix !== "_count") return ALONE.has(suffix)
  if (bound !== undefined) return false
  // expfmt keeps a summary's count as an unsigned integer, a histogram's as a float where it must.
  return histogram ? !(value < 0) : Number.isInteger(value) && value >= 0 && value < 2 ** 64
}

const ALONE: ReadonlySet<string> = new Set(["_created", "_gcount", "_gsum"])
