/**
 * The page docs/metrics.md: every metric of a pod's and an agent's own, made of what SelfMetrics registers. `npm run docs:metrics` writes
 * it anew; a test compares it, so that a metric is never without its line. What Node and the process say of themselves is prom-client's.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { SelfMetrics } from "../src/SelfMetrics.ts"

/** What a metric of prom-client's has, beside what its types tell. */
interface Registered {
  readonly name: string
  readonly help: string
  readonly labelNames?: ReadonlyArray<string>
}

const typeOf = (metric: Registered): string => metric.constructor.name.toLowerCase().replace("counted", "")

const row = (metric: Registered): string =>
  `| \`${metric.name}\` | ${typeOf(metric)} | ${(metric.labelNames ?? []).map((label) => `\`${label}\``).join(", ")} | ${metric.help.replaceAll("|", "\\|")} |`

const table = (metrics: ReadonlyArray<Registered>): string =>
  ["| name | type | labels | what |", "|---|---|---|---|", ...metrics.map(row)].join("\n")

const registered = (layer: typeof SelfMetrics.layer): Promise<ReadonlyArray<Registered>> =>
  Effect.runPromise(
    Effect.map(
      SelfMetrics,
      ({ registry }) => registry.getMetricsAsArray() as unknown as ReadonlyArray<Registered>
    ).pipe(Effect.provide(layer), Effect.scoped)
  )

/** The page. */
export const metricsPage = async (): Promise<string> => {
  const pod = await registered(SelfMetrics.layer)
  const archive = pod.filter(({ name }) => name.startsWith("k2p_archive_"))
  const agent = await registered(SelfMetrics.layerAgent)
  return `# Metrics of its own

For whoever watches a pod, an archive or an agent. All are on \`/self/metrics\`, beside prom-client's of the process (\`process_…\`, \`nodejs_…\`). A pod's are summed over its worker threads, but for those with a label \`shard\`.

- **A counter with labels is there at zero** before anything happens, so that \`increase()\` sees the first event; those of a partition begin when it is acquired. The exceptions are codes that others make up: \`k2p_archive_store_errors_total\`.
- **What a partition's gauges say is as old as \`k2p_partition_lag_age_seconds\`**, where the log's end is in it, and as \`k2p_shard_answer_age_seconds\`. They go with the partition: only its owner tells its lag.
- **A limit stands beside its use**: \`k2p_series / k2p_series_limit\`, \`k2p_cache_bytes / k2p_cache_limit_bytes\`, \`k2p_worker_heap_bytes / k2p_worker_heap_limit_bytes\`, \`k2p_scrapes_running / k2p_scrapes_limit\`.

This page is made of the code: \`npm run docs:metrics\`.

## Of a pod

${table(pod.filter((metric) => !archive.includes(metric)))}

## Of an archive's pod, beside these

${table(archive)}

## Of an agent

${table(agent)}
`
}

const page = join(import.meta.dirname, "..", "docs", "metrics.md")
if (process.argv[1] === import.meta.filename) writeFileSync(page, await metricsPage())
