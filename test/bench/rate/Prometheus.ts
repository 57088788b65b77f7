/**
 * A real Prometheus that scrapes the same services in several ways at once, and evaluates rules while it does, as alerts are: what a rule
 * sees at its moment is not what a graph shows of that moment later, where samples bring times of their own. Each way (`Via`) keeps its
 * series apart by a label that metric relabelling adds.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Running, Stage } from "../../support/processes.ts"

/** Seconds between two evaluations of the rules. */
export const ruleEvery = 5

export interface Via {
  readonly name: string
  /** Seconds between scrapes. */
  readonly every: number
  readonly targets: ReadonlyArray<Target>
  /** Further lines of its scrape config. */
  readonly settings?: ReadonlyArray<string>
}

export interface Target {
  readonly address: string
  readonly path?: string
  /** Where the series do not bring it. */
  readonly instance?: string
}

export type Found = ReadonlyArray<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>
export type Ranges = ReadonlyArray<{
  readonly labels: Readonly<Record<string, string>>
  readonly points: ReadonlyArray<readonly [seconds: number, value: number]>
}>

/** What it did not store of its scrapes, by the words of its log. */
export const refusals = {
  "out of order": "Error on ingesting out-of-order samples",
  "same time, other value": "Error on ingesting samples with different value but same timestamp",
  "out of bounds": "Error on ingesting samples that are too old or are too far into the future"
} as const

/** Whether a Prometheus knows `track_timestamps_staleness`: it came with 2.48, and builds do not always tell their version. */
export const canTrack = async (stage: Stage, program: string, name: string): Promise<boolean> => {
  const config = join(stage.dir, `${name}-probe.yaml`)
  await writeFile(config, "scrape_configs: [{ job_name: probe, track_timestamps_staleness: true }]\n")
  const process = stage.run(`${name}-probe`, program, argumentsFor(stage, `${name}-probe`, config))
  const [said] = await process.says(
    /Server is ready to receive web requests|field track_timestamps_staleness not found/
  )
  await process.kill()
  return said.startsWith("Server")
}

const argumentsFor = (stage: Stage, name: string, config: string): ReadonlyArray<string> => [
  `--config.file=${config}`,
  `--storage.tsdb.path=${join(stage.dir, `${name}-tsdb`)}`,
  "--web.listen-address=127.0.0.1:0"
]

export class Prometheus {
  private readonly process: Running
  private readonly address: string

  private constructor(process: Running, address: string) {
    this.process = process
    this.address = address
  }

  static async start(
    stage: Stage,
    program: string,
    name: string,
    vias: ReadonlyArray<Via>,
    windows: ReadonlyArray<string>
  ): Promise<Prometheus> {
    const rules = join(stage.dir, `${name}-rules.yaml`)
    const config = join(stage.dir, `${name}.yaml`)
    await writeFile(rules, rulesOf(windows))
    await writeFile(config, configOf(vias, rules))
    const process = stage.run(name, program, argumentsFor(stage, name, config))
    const [, address] = await process.says(/"Listening on".* address=(127\.0\.0\.1:\d+)/)
    await process.says(/Server is ready to receive web requests/)
    return new Prometheus(process, address!)
  }

  async query(expression: string, at: number): Promise<Found> {
    const result = await this.ask("query", { query: expression, time: String(at), timeout: "60s" })
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value![1]) }))
  }

  async range(expression: string, from: number, to: number, step: number): Promise<Ranges> {
    const result = await this.ask("query_range", {
      ...{ query: expression, start: String(from), end: String(to), step: String(step) }
    })
    return result.map(({ metric, values }) => ({
      labels: metric,
      points: values!.map(([at, value]) => [at, Number(value)] as const)
    }))
  }

  /** Samples that it refused, of each scrape pool and kind. */
  refused(pool: RegExp): Readonly<Record<keyof typeof refusals, number>> {
    const { stdout, stderr } = this.process.out
    const lines = `${stdout}${stderr}`
      .split("\n")
      .filter((line) => pool.test(/scrape_pool=(\S+)/.exec(line)?.[1] ?? ""))
    const sum = (words: string) =>
      lines
        .filter((line) => line.includes(words))
        .reduce((n, line) => n + Number(/num_dropped=(\d+)/.exec(line)?.[1] ?? 0), 0)
    return {
      "out of order": sum(refusals["out of order"]),
      "same time, other value": sum(refusals["same time, other value"]),
      "out of bounds": sum(refusals["out of bounds"])
    }
  }

  private async ask(path: string, form: Record<string, string>): Promise<ReadonlyArray<Series>> {
    const response = await fetch(`http://${this.address}/api/v1/${path}`, {
      ...{ method: "POST", body: new URLSearchParams(form), signal: AbortSignal.timeout(60_000) }
    })
    const answer = (await response.json()) as Answer
    if (answer.status !== "success") throw new Error(`Prometheus refused ${form.query}: ${answer.error}`)
    return answer.data.result
  }
}

interface Series {
  readonly metric: Record<string, string>
  readonly value?: readonly [number, string]
  readonly values?: ReadonlyArray<readonly [number, string]>
}
interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: { readonly result: ReadonlyArray<Series> }
}

const configOf = (vias: ReadonlyArray<Via>, rules: string): string =>
  [
    `global: { evaluation_interval: ${ruleEvery}s }`,
    `rule_files: [${JSON.stringify(rules)}]`,
    "scrape_configs:",
    ...vias.flatMap(({ name, every, targets, settings = [] }) => [
      `  - job_name: ${name}`,
      `    scrape_interval: ${every}s`,
      `    scrape_timeout: ${Math.min(every, 10)}s`,
      "    honor_labels: true",
      ...settings.map((line) => `    ${line}`),
      `    metric_relabel_configs: [{ target_label: via, replacement: ${JSON.stringify(name)} }]`,
      "    static_configs:",
      ...targets.map(({ address, path = "/metrics", instance }) => {
        const labels = { __metrics_path__: path, ...(instance === undefined ? {} : { instance }) }
        return `      - ${JSON.stringify({ targets: [address], labels })}`
      })
    ]),
    ""
  ].join("\n")

const rulesOf = (windows: ReadonlyArray<string>): string =>
  [
    "groups:",
    "  - name: live",
    "    rules:",
    ...windows.map((w) => `      - { record: "live:rate:${w}", expr: "rate(ticks_total[${w}])" }`),
    '      - { record: "live:shown", expr: "0 * ticks_total" }',
    ""
  ].join("\n")
