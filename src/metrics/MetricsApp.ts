/**
 * MetricsApp: metrics as an application of a pod: dumps of registries come in, `/metrics` is what is shown. What `kafka2prom serve` runs, by
 * the same door as a team's own application. Its code is MetricsParts.
 */
import type { App } from "../pod/App.ts"
import type { MetricsOptions } from "./cache/MetricsProcessor.ts"
import { metricsConfig, metricsSettings } from "./MetricsSettings.ts"

const app: App<MetricsOptions, typeof metricsSettings> = {
  name: "metrics",
  about: "metrics of services, shown on /metrics.",
  // Its groups had this name before there were other applications.
  groupName: "sticky",
  module: import.meta.url,
  settings: metricsSettings,
  configure: metricsConfig,
  load: async () => (await import("./MetricsParts.ts")).metricsParts
}

export default app
