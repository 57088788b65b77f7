/** Pods as processes: `kafka2prom serve` on a port of its own, with what a scraper and an operator can ask it for. */
import type { PartitionStatus } from "../../src/engine/Engine.ts"
import type { PartitionDetails } from "../../src/metrics/scrape/MetricsShard.ts"
import type { ShardReport } from "../../src/pod/shards/Shard.ts"
import type { Running, RunOptions, Stage } from "./processes.ts"
import { until } from "./until.ts"

/** A shard of metrics. */
interface MetricsReport extends ShardReport {
  readonly partitions: ReadonlyArray<PartitionStatus & PartitionDetails>
}

/** What these tests read of /api/v1/status. */
export interface PodStatus {
  readonly ready: boolean
  readonly phase: string
  readonly shards: ReadonlyArray<MetricsReport>
}

export interface Pod {
  readonly name: string
  readonly process: Running
  readonly port: number
  readonly url: (path: string) => string
  /** Fails where the pod does not answer within `timeout` ms, or not with 200. */
  readonly get: (
    path: string,
    options?: { readonly timeout?: number; readonly headers?: Readonly<Record<string, string>> }
  ) => Promise<string>
  readonly status: () => Promise<PodStatus>
}

/** With one worker where the arguments do not say otherwise: what a pod of more does has tests of its own. */
export const startPod = async (
  stage: Stage,
  name: string,
  args: ReadonlyArray<string>,
  port = 0,
  options: RunOptions = {}
): Promise<Pod> => {
  const workers = args.includes("--workers") ? [] : ["--workers", "1"]
  const running = stage.program(name, ["serve", "--listen", `127.0.0.1:${port}`, ...workers, ...args], options)
  const [, base, found] = await running.says(/listening on (http:\/\/[^/]+:(\d+))\/metrics/)
  const get: Pod["get"] = async (path, { timeout = 10_000, headers = {} } = {}) => {
    const response = await fetch(base + path, { headers, signal: AbortSignal.timeout(timeout) })
    if (response.status !== 200) throw new Error(`${name}${path} answered ${response.status}`)
    return await response.text()
  }
  return {
    name,
    process: running,
    port: Number(found),
    url: (path) => base + path,
    get,
    status: async () => JSON.parse(await get("/api/v1/status")) as PodStatus
  }
}

/** Of all its shards. */
export const partitionsOf = async (pod: Pod): Promise<ReadonlyArray<MetricsReport["partitions"][number]>> =>
  (await pod.status()).shards.flatMap((shard) => shard.partitions)

export const visiblePartitions = async (pod: Pod): Promise<ReadonlyArray<number>> =>
  (await partitionsOf(pod)).filter((p) => p.visible).map((p) => p.partition)

/** Until the pods show so many partitions each, in any order: [2, 2, 2]. */
export const untilSpread = async (pods: ReadonlyArray<Pod>, spread: ReadonlyArray<number>, within = 60_000) => {
  let seen: ReadonlyArray<ReadonlyArray<number>> = []
  const wanted = [...spread].sort().join()
  await until(
    async () => {
      seen = await Promise.all(pods.map(visiblePartitions))
      const counts = seen.map((p) => p.length).sort()
      return counts.join() === wanted && new Set(seen.flat()).size === seen.flat().length
    },
    {
      within,
      what: () =>
        `partitions visible as ${wanted}; last seen: ${pods.map((p, i) => `${p.name} [${seen[i]?.join()}]`).join(", ")}`
    }
  )
}
