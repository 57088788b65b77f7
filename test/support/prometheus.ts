/**
 * A real Prometheus for tests, in a folder and on a port of its own: configured as the documentation says for pods (each its own
 * target, honor_labels), with a short scrape interval. Asked through its HTTP API.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Running, Stage } from "./processes.ts"

export interface PrometheusServer {
  readonly process: Running
  /** An instant query's answer: each series' labels and value. */
  readonly query: (
    expression: string
  ) => Promise<ReadonlyArray<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>>
}

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: {
    readonly result: ReadonlyArray<{ metric: Record<string, string>; value: readonly [number, string] }>
  }
}

export interface PrometheusOptions {
  /** Several on one stage need names of their own. */
  readonly name?: string
  /** Addresses of HTTP service discovery, besides the targets. */
  readonly discover?: ReadonlyArray<string>
  /** With the README's scrape config, word for word, but for the targets and the interval. */
  readonly asInReadme?: boolean
  /** Of scrapes, and how long one may take; 1s where nothing is said. */
  readonly interval?: string
  /**
   * False: what is shown counts from the scrape, whatever time it carries. An older value then is a counter that runs backwards, where
   * with its own time it would be refused as out of order, unseen.
   */
  readonly honorTimestamps?: boolean
  /** Further lines of the scrape config. */
  readonly more?: ReadonlyArray<string>
}

const readmeConfig = async (targets: ReadonlyArray<string>, interval: string): Promise<string> => {
  const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8")
  const [, config] = /```yaml\n(scrape_configs:\n[\s\S]*?)```/.exec(readme) ?? []
  if (config === undefined || !/targets: \[[^\]]*\]/.test(config)) throw new Error("the README has no scrape config")
  return config
    .replace(/targets: \[[^\]]*\]/, `targets: ${JSON.stringify(targets)}`)
    .replace(/scrape_interval: \w+/, `scrape_interval: ${interval}`)
}

export const startPrometheus = async (
  stage: Stage,
  targets: ReadonlyArray<string>,
  {
    name = "prometheus",
    discover = [],
    asInReadme = false,
    interval = "1s",
    honorTimestamps = true,
    more = []
  }: PrometheusOptions = {}
): Promise<PrometheusServer> => {
  const config = join(stage.dir, `${name}.yaml`)
  const global = `global: { scrape_interval: ${interval}, scrape_timeout: ${interval} }`
  await writeFile(
    config,
    asInReadme
      ? `${global}\n${await readmeConfig(targets, interval)}`
      : [
          global,
          "scrape_configs:",
          "  - job_name: k2p-pods",
          "    honor_labels: true",
          `    honor_timestamps: ${honorTimestamps}`,
          ...more,
          "    static_configs:",
          `      - targets: [${targets.map((target) => JSON.stringify(target)).join(", ")}]`,
          ...(discover.length > 0 ? ["    http_sd_configs:"] : []),
          ...discover.map((url) => `      - { url: ${JSON.stringify(url)}, refresh_interval: 1s }`),
          ""
        ].join("\n")
  )
  const running = stage.run(name, "prometheus", [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(stage.dir, `${name}-tsdb`)}`,
    "--web.listen-address=127.0.0.1:0",
    "--log.level=info"
  ])
  const [, address] = await running.says(/"Listening on".* address=(127\.0\.0\.1:\d+)/)
  await running.says(/Server is ready to receive web requests/)
  return {
    process: running,
    query: async (expression) => {
      const url = `http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`
      const answer = (await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).json()) as Answer
      if (answer.status !== "success") throw new Error(`Prometheus refused ${expression}: ${answer.error}`)
      return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    }
  }
}
