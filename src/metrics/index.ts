/**
 * `kafka2prom/metrics`: metrics as an application of a pod (`metricsApp` has its settings, `metricsParts` its code), what of it a team may
 * swap (`Admission`) or listen to (`Tap`), and its content (`MetricsCache`).
 */
import type { App } from "../pod/App.ts"
import type { MetricsOptions } from "./cache/MetricsProcessor.ts"
import app from "./MetricsApp.ts"

export { Admission, type AdmissionSettings } from "./admission/Admission.ts"
export type { CacheLimits } from "./cache/CacheOptions.ts"
export {
  type Look,
  MetricsCache,
  type PartitionContent,
  type RefusalStatus,
  type SourceStatus
} from "./cache/MetricsCache.ts"
export * as MetricsProcessor from "./cache/MetricsProcessor.ts"
export { metricsParts } from "./MetricsParts.ts"
export type { LabelSet } from "./relabel/LabelSet.ts"
export type { RelabelRule, RelabelSettings } from "./relabel/RelabelRule.ts"
export type { SeriesLabels } from "./relabel/SeriesReader.ts"
export type { SeriesRule } from "./relabel/Verdict.ts"
export { type Changes, Sample, samples } from "./tap/Samples.ts"
export { type AcceptedRound, type GoneSource, Tap, type Told } from "./tap/Tap.ts"
export {
  type Dump,
  type Family,
  type FamilyList,
  type InputFormat,
  type LineReason,
  lineReasons,
  type MetricType,
  type ParseLimits,
  type RefusedLines
} from "./text/Dump.ts"

/** What `kafka2prom serve` runs. @stable */
export const metricsApp: App<MetricsOptions> = app
