/** MetricsParts: what a pod of metrics is made of: a shard's processor with what answers of it, the pod's routes, each worker's share of the limits. */
import { Layer } from "effect"
import type { AppParts } from "../pod/App.ts"
import { Admission } from "./admission/Admission.ts"
import { MetricsCache } from "./cache/MetricsCache.ts"
import type { MetricsOptions } from "./cache/MetricsProcessor.ts"
import * as MetricsProcessor from "./cache/MetricsProcessor.ts"
import { PodSources } from "./cache/PodSources.ts"
import { type FormatConflicts, metricsRoute } from "./scrape/MetricsRoute.ts"
import * as MetricsShard from "./scrape/MetricsShard.ts"
import { sdRoute } from "./scrape/SdRoute.ts"
import { sourceRoute } from "./scrape/SourceRoute.ts"

/** The code of metrics, loaded by who runs it: a shard's Layers, the routes of a pod. @stable */
export const metricsParts: AppParts<MetricsOptions> = {
  divide: (settings, count) => {
    const limits = { ...MetricsProcessor.defaultCacheLimits, ...settings.limits }
    const sources = PodSources.memory()
    return (shard) => ({
      ...settings,
      shared: { sources, shard },
      limits: {
        ...limits,
        podSeries: Math.max(1, Math.floor(limits.podSeries / count)),
        podBytes: Math.max(1, Math.floor(limits.podBytes / count)),
        // A round of the largest kind has to find room.
        podGatherBytes: Math.max(limits.maxBytes, Math.floor(limits.podGatherBytes / count))
      }
    })
  },
  layer: (settings) => {
    const { relabel } = settings
    const layer = Layer.merge(MetricsProcessor.layer(settings), MetricsShard.layer).pipe(
      Layer.provide(MetricsCache.layer)
    )
    return relabel === undefined ? layer : Layer.merge(layer, Admission.relabel(relabel))
  },
  surface: (pod, metrics) => {
    const conflicts = new Map<string, FormatConflicts>()
    return {
      routes: [metricsRoute(pod, metrics, conflicts), sdRoute(pod), sourceRoute(pod)],
      status: () => ({ familyConflicts: Object.fromEntries(conflicts) })
    }
  }
}
