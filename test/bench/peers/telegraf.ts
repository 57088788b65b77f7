/**
 * Telegraf as the peer that does the same job: kafka_consumer, the prometheus parser, prometheus_client. With the settings with which it
 * is at its best: large batches, buffers that hold all sources, a flush each second; with stock settings it drops metrics and never
 * finishes. Done when its group's committed offsets are the log's ends: it commits what its output has taken, and asking the broker
 * costs it nothing. The Kafka version is named because it reads no zstd at its default one.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { KafkaCluster } from "../../support/kafka.ts"
import type { Running } from "../../support/processes.ts"
import { until } from "../../support/until.ts"
import type { Backlog } from "../backlog.ts"
import { type Shape, shapes } from "../dumps/shapes.ts"
import { faultsOf } from "../shown.ts"
import { usageOf } from "../usage.ts"
import { freePort } from "./freePort.ts"
import { patience } from "./pod.ts"
import { freshGroup, type Reader, type ReaderEnv } from "./Reader.ts"
import { telegrafBinary, telegrafVersion } from "./telegrafBinary.ts"

const settings = (brokers: ReadonlyArray<string>, topic: string, group: string, port: number, shape: Shape): string => `
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 50000
  metric_buffer_limit = 2000000
  omit_hostname = true
  skip_processors_after_aggregators = true
[[inputs.kafka_consumer]]
  brokers = ${JSON.stringify(brokers)}
  topics = ["${topic}"]
  kafka_version = "3.6.0"
  consumer_group = "${group}"
  offset = "oldest"
  balance_strategy = "range"
  max_undelivered_messages = ${shapes[shape].singleLines ? 100_000 : 400}
  max_processing_time = "60s"
  consumer_fetch_default = "1MB"
  max_message_len = 0
  data_format = "prometheus"
[[outputs.prometheus_client]]
  listen = "127.0.0.1:${port}"
  metric_version = 2
  expiration_interval = "10m"
  collectors_exclude = ["gocollector", "process"]
`

export interface Telegraf {
  readonly process: Running
  readonly metrics: () => Promise<string>
  readonly url: string
}

export const startTelegraf = async (
  { stage, cluster }: ReaderEnv,
  { topic, shape }: Pick<Backlog, "topic" | "shape">,
  group: string
): Promise<Telegraf> => {
  const port = await freePort()
  const file = join(stage.dir, `${group}.conf`)
  await writeFile(file, settings(cluster.bootstrap, topic, group, port, shape))
  const running = stage.run(group, await telegrafBinary(), ["--strict-env-handling", "--config", file])
  const url = `http://127.0.0.1:${port}/metrics`
  return {
    process: running,
    url,
    metrics: async () => await (await fetch(url, { signal: AbortSignal.timeout(120_000) })).text()
  }
}

/** Its output has taken everything. */
export const untilDelivered = async (
  { admin }: KafkaCluster,
  group: string,
  { topic, ends }: Pick<Backlog, "topic" | "ends">
): Promise<void> => {
  let last = ""
  await until(
    async () => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      const committed = new Map(found!.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
      last = [...ends].map(([p, end]) => `${committed.get(p)}/${end}`).join(" ")
      return [...ends].every(([partition, end]) => end === 0 || committed.get(partition)! >= end)
    },
    { within: patience, every: 200, what: () => `Telegraf to deliver ${topic}; last seen: ${last}` }
  )
}

export const telegrafReader: Reader = {
  name: "Telegraf",
  version: telegrafVersion,
  drain: async (env, backlog) => {
    const group = freshGroup("telegraf")
    const started = performance.now()
    const telegraf = await startTelegraf(env, backlog, group)
    await until(async () => (await env.cluster.admin.describeGroups([group])).groups[0]!.state === "Stable", {
      every: 200,
      what: "Telegraf in its group"
    })
    await untilDelivered(env.cluster, group, backlog)
    const wall = (performance.now() - started) / 1000
    const usage = await usageOf(telegraf.process.pid)
    const faults =
      backlog.records === 0
        ? []
        : [...faultsOf(await telegraf.metrics(), { newest: backlog.newest, attached: () => [] })]
    const complaint = /^.*(?: W! | E! ).*$/m.exec(telegraf.process.out.stderr)
    if (complaint !== null) faults.push(complaint[0])
    await telegraf.process.kill()
    return { usage, wall, faults }
  }
}
