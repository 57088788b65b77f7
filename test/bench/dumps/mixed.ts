/**
 * The dump of the whole-pod benchmarks: a web service with exactly 1,000 series in about 122 KB: labelled histograms, counters,
 * gauges and runtime metrics. Each series carries the service's own `pod` label, because Telegraf adds none: without it all
 * sources would be one to it. kafka2prom adds its `instance` and `job` to it all the same, so it writes the longer lines.
 */
import { random } from "../../../src/testing/Random.ts"
import { type FamilySpec, type SeriesSpec, SyntheticService } from "./service.ts"

const methods = ["GET", "POST", "PUT", "DELETE"]
const routes = [
  "/api/v1/orders",
  "/api/v1/orders/:id",
  "/api/v1/orders/:id/items",
  "/api/v1/customers/:id",
  "/api/v1/customers/:id/addresses",
  "/api/v1/cart",
  "/api/v1/checkout",
  "/healthz"
]
const codes = ["200", "201", "204", "400", "404", "409", "500", "503"]
const buckets = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"]

export const mixedSeries = 1_000

/** Names of sources are spread as those of a fleet: some sites with some instances each. */
export const sourceName = (index: number): string => `site-${String(index % 20).padStart(2, "0")}/checkout-${index}`

/** `long`: one more label, for lines of about 150 bytes. */
export const mixedService = (index: number, long = false): SyntheticService => {
  const r = random(index * 7_919 + 17)
  const pod = `pod="checkout-${r.hex(7)}-${String(index).padStart(4, "0")}-${r.hex(5)}"`
  const own = long ? `${pod},namespace="production"` : pod
  const labelled = (labels: string): string => (labels === "" ? own : `${labels},${own}`)
  const sets = (count: number, movement: SeriesSpec["movement"], label: (i: number) => string): Array<SeriesSpec> =>
    Array.from({ length: count }, (_, i) => ({
      labels: labelled(label(i)),
      movement: movement === "busy" && i % 3 === 2 ? "idle" : movement
    }))
  const request = (i: number): string =>
    `method="${methods[i % 4]}",route="${routes[(i >> 2) % 8]}",code="${codes[(i >> 5) % 8]}"`
  const families: Array<FamilySpec> = [
    {
      name: "http_server_request_duration_seconds",
      help: "Time from a request's first byte to the last byte of its answer.",
      type: "histogram",
      buckets,
      series: sets(32, "busy", (i) => `method="${methods[i % 4]}",route="${routes[i >> 2]}"`)
    },
    {
      name: "http_server_requests_total",
      help: "Requests answered, by route and status code.",
      type: "counter",
      series: sets(256, "busy", request)
    },
    {
      name: "db_client_query_seconds_total",
      help: "Seconds spent in queries, by table and operation.",
      type: "counter",
      series: sets(96, "seconds", (i) => `table="orders_${i >> 2}",operation="${methods[i % 4]}",pool="primary"`)
    },
    {
      name: "queue_depth_messages",
      help: "Messages that wait in a queue.",
      type: "gauge",
      series: sets(80, "level", (i) => `queue="checkout.events.${i}",broker="rabbit-${i % 3}"`)
    },
    {
      name: "cache_hit_ratio",
      help: "Share of look-ups of the last minute that were answered from the cache.",
      type: "gauge",
      series: sets(60, "ratio", (i) => `cache="product-detail-${i}",tier="l${(i % 2) + 1}"`)
    },
    {
      name: "process_heap_space_size_used_bytes",
      help: "Bytes used of each heap space.",
      type: "gauge",
      series: sets(47, "bytes", (i) => `space="space_${i}"`)
    },
    {
      name: "feature_flag_enabled",
      help: "Whether a feature is switched on.",
      type: "gauge",
      series: sets(12, "constant", (i) => `flag="checkout_flow_v${i}"`)
    },
    { name: "process_start_time_seconds", help: "Start.", type: "gauge", series: sets(1, "constant", () => "") }
  ]
  return new SyntheticService(families, index * 104_729 + 5, "js")
}
