/** A Spring Boot service on the JVM, as Micrometer's registry writes it: Java's number format, camel-cased tags, long class names. */
import { random } from "../../../src/testing/Random.ts"
import { type FamilySpec, type SeriesSpec, SyntheticService } from "./service.ts"

const pools: ReadonlyArray<readonly [area: string, id: string]> = [
  ["heap", "G1 Survivor Space"],
  ["heap", "G1 Old Gen"],
  ["heap", "G1 Eden Space"],
  ["nonheap", "Metaspace"],
  ["nonheap", "CodeHeap 'non-nmethods'"],
  ["nonheap", "CodeHeap 'profiled nmethods'"],
  ["nonheap", "Compressed Class Space"]
]
const states = ["blocked", "new", "runnable", "terminated", "timed-waiting", "waiting"]
const buckets = "0.001 0.0027962 0.005592405 0.01 0.022369621 0.05 0.100663296 0.25 0.5 1.0 2.5 5.0 10.0".split(" ")

export const jvm = (index: number): SyntheticService => {
  const r = random(index + 201)
  const application = `application="order-service",region="eu-central-1"`
  const each = (
    count: number,
    movement: SeriesSpec["movement"],
    label: (i: number) => string
  ): ReadonlyArray<SeriesSpec> =>
    Array.from({ length: count }, (_, i) => ({
      labels: [application, label(i)].filter((text) => text !== "").join(),
      movement: (movement === "busy" || movement === "seconds") && i % 3 === 1 ? "idle" : movement
    }))
  const family = (name: string, type: FamilySpec["type"], series: FamilySpec["series"], help = " "): FamilySpec => ({
    ...{ name, help: help.trim() === "" ? name.replaceAll("_", " ") : help, type, series }
  })
  const request = (i: number): string =>
    `error="none",exception="none",method="${["GET", "POST"][i % 2]}",outcome="SUCCESS",status="200",uri="/api/v1/tenants/{tenantId}/orders/{orderId}/step${i >> 1}"`
  const topics = Array.from(
    { length: 50 },
    (_, i) =>
      `client_id="consumer-order-events-${i % 4}",kafka_version="3.7.1",spring_id="kafkaConsumerFactory.consumer-${r.hex(4)}",topic="order_events_${i}"`
  )
  const methods = Array.from(
    { length: 40 },
    (_, i) => `class="com.example.order.service.OrderWorkflowService${i % 7}",exception="none",method="handleStep${i}"`
  )
  return new SyntheticService(
    [
      ...["used", "committed", "max"].map((what) =>
        family(
          `jvm_memory_${what}_bytes`,
          "gauge",
          each(
            pools.length,
            what === "used" ? "bytes" : "constant",
            (i) => `area="${pools[i]![0]}",id="${pools[i]![1]}"`
          )
        )
      ),
      family(
        "jvm_threads_states_threads",
        "gauge",
        each(6, "level", (i) => `state="${states[i]}"`),
        "The current number of threads"
      ),
      ...["", "_max"].map((suffix) =>
        family(
          `jvm_gc_pause_seconds${suffix}`,
          "gauge",
          each(4, "ratio", (i) => `action="end of minor GC",cause="G1 Evacuation Pause ${i}",gc="G1 Young Generation"`)
        )
      ),
      {
        name: "http_server_requests_seconds",
        help: "Duration of HTTP server request handling",
        type: "histogram",
        buckets,
        series: each(16, "busy", request)
      },
      family("http_server_requests_active_seconds_max", "gauge", each(16, "ratio", request)),
      ...["records_consumed", "bytes_consumed"].map((what) =>
        family(
          `kafka_consumer_fetch_manager_${what}_total`,
          "counter",
          each(topics.length, "busy", (i) => topics[i]!)
        )
      ),
      ...["count", "sum", "max"].map((what) =>
        family(
          `method_timed_seconds_${what}`,
          what === "max" ? "gauge" : "untyped",
          each(methods.length, what === "count" ? "busy" : what === "sum" ? "seconds" : "ratio", (i) => methods[i]!)
        )
      ),
      ...["active", "idle", "max", "min", "pending", "usage"].map((what) =>
        family(
          `hikaricp_connections_${what}`,
          "gauge",
          each(6, "level", (i) => `pool="HikariPool-${i}"`)
        )
      ),
      family(
        "logback_events_total",
        "counter",
        each(5, "busy", (i) => `level="${["trace", "debug", "info", "warn", "error"][i]}"`)
      ),
      ...["process_cpu_usage", "system_cpu_usage"].map((name) =>
        family(
          name,
          "gauge",
          each(1, "ratio", () => "")
        )
      )
    ],
    index + 202,
    "java"
  )
}
