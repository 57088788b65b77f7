/**
 * LogTailing: what tailing log files costs, beside the OpenTelemetry collector on the same files: lines as services write them, and such as hardly
 * compress. Four files are moved into place while the program is at rest; acks all, zstd, and positions kept on both sides.
 *
 * Measured until the log has the last line: MB of log text a second and a CPU second of all processes that are the tailer's, their memory at
 * rest and how much more they ever had, and what the broker stores. The broker shares the machine and is in no figure.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { KafkaCluster } from "../support/kafka.ts"
import { childrenOf } from "../support/lookers.ts"
import type { Running } from "../support/processes.ts"
import { until } from "../support/until.ts"
import { type Bench, MB, type Rig, type Row } from "./Bench.ts"
import { type LogKind, logKinds, logText } from "./logText.ts"
import { startCollector } from "./peers/collector.ts"
import { collectorVersion } from "./peers/collectorBinary.ts"
import { residentOf, usageOf } from "./usage.ts"

const partitions = 4
const files = 4
/** What is made at the start is given back by then, ms. */
const rest = 3_000

interface Work {
  readonly cluster: KafkaCluster
  readonly topic: string
  readonly dir: string
  readonly bytes: number
  readonly lines: number
}

interface Tailer {
  readonly process: Running
  /** All of them. */
  readonly pids: ReadonlyArray<number>
  readonly hasSent: () => Promise<boolean>
}

const startAgent = async ({ stage }: Rig, { cluster, topic, dir, bytes }: Work): Promise<Tailer> => {
  const agent = stage.program(`agent-${topic}`, [
    ...["agent", "--brokers", cluster.bootstrap.join(","), "--log", join(dir, "*.log"), "--log-topic", topic],
    ...["--state-dir", `${dir}-state`, "--listen", "127.0.0.1:0", "--host", "h"]
  ])
  const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
  await agent.says(new RegExp(`topic ${topic} is reached`))
  return {
    process: agent,
    pids: [agent.pid, ...(await childrenOf(agent.pid))],
    hasSent: async () => {
      const all = await (await fetch(`${url}/self/metrics`)).text()
      return Number(/^k2p_agent_log_bytes_total (\S+)$/m.exec(all)?.[1] ?? 0) >= bytes
    }
  }
}

const startPeer = async ({ stage, met }: Rig, { cluster, topic, dir, lines }: Work): Promise<Tailer> => {
  met("OpenTelemetry collector", collectorVersion)
  const collector = await startCollector(stage, cluster.bootstrap, topic, join(dir, "*.log"))
  return {
    process: collector,
    pids: [collector.pid],
    hasSent: async () => {
      const offsets = await cluster.admin.fetchTopicOffsets(topic)
      return offsets.reduce((sum, { high }) => sum + Number(high), 0) >= lines
    }
  }
}

const sum = async (pids: ReadonlyArray<number>, of: (pid: number) => Promise<number>): Promise<number> => {
  let all = 0
  for (const pid of pids) all += await of(pid)
  return all
}
const cpuOf = async (pid: number): Promise<number> => (await usageOf(pid)).cpu

/** Of the topic's segments on the broker's disk. */
const storedBytes = async (cluster: KafkaCluster, topic: string): Promise<number> => {
  let bytes = 0
  for (let partition = 0; partition < partitions; partition++) {
    const folder = join(cluster.dataOf(1), `${topic}-${partition}`)
    for (const name of await readdir(folder)) if (name.endsWith(".log")) bytes += (await stat(join(folder, name))).size
  }
  return bytes
}

const tail = async (
  rig: Rig,
  kind: LogKind,
  number: number,
  who: "agent" | "collector"
): Promise<ReadonlyArray<number>> => {
  const cluster = await rig.kafka()
  const topic = `tail-${number}-${who}`
  const dir = join(rig.stage.dir, topic)
  await mkdir(dir)
  await cluster.createTopic(topic, partitions)
  const names = Array.from({ length: files }, (_, i) => join(dir, `${i}.log`))
  let [bytes, lines] = [0, 0]
  for (const [i, name] of names.entries()) {
    const made = logText(kind, ((rig.quick ? 5 : 300) * MB) / files, i * 1_000_003)
    await writeFile(`${name}.new`, made.text)
    bytes += made.text.length
    lines += made.lines
  }
  rig.say(`log-tailing: ${kind}, ${who}, ${Math.round(bytes / MB)} MB`)
  const start = who === "agent" ? startAgent : startPeer
  const { process, pids, hasSent } = await start(rig, { cluster, topic, dir, bytes, lines })
  await delay(rest)
  const idle = await sum(pids, residentOf)
  const before = await sum(pids, cpuOf)
  const began = performance.now()
  for (const name of names) await rename(`${name}.new`, name)
  let most = idle
  let lookedAt = began
  const isDone = async () => {
    most = Math.max(most, await sum(pids, residentOf))
    if (performance.now() - lookedAt < 250) return false
    lookedAt = performance.now()
    return await hasSent()
  }
  await until(isDone, { what: `${who} with ${kind}`, every: 20, within: 300_000 })
  const seconds = (performance.now() - began) / 1_000
  const cpu = (await sum(pids, cpuOf)) - before
  process.signal("SIGTERM")
  await process.ended
  const stored = await storedBytes(cluster, topic)
  await rm(dir, { recursive: true, force: true })
  return [bytes / MB / cpu, bytes / MB / seconds, idle / MB, (most - idle) / MB, stored / MB]
}

const run = async (rig: Rig) => {
  const rows: Array<Row> = []
  for (const [number, kind] of (Object.keys(logKinds) as Array<LogKind>).entries())
    for (const who of ["agent", "collector"] as const)
      rows.push({ name: `${kind}: ${who}`, cells: await tail(rig, kind, number, who) })
  return [
    {
      title: `Log files to the log: ${files} files of ${rig.quick ? 1 : 75} MB`,
      columns: [
        { name: "MB a CPU second", better: "more", digits: 0 },
        { name: "MB a second", better: "more", digits: 0 },
        { name: "idle MB", better: "less", digits: 0 },
        { name: "MB above idle", better: "less", digits: 0 },
        { name: "stored MB", better: "less", digits: 0 }
      ],
      rows,
      notes: [
        "The agent is two processes, and both are in its figures; its status is told once a second, so MB a second is that coarse.",
        "The collector sends each line as a record of its own, the agent up to a megabyte of lines. Both pack by zstd at level 1."
      ]
    }
  ] as const
}

export const logTailing: Bench = {
  name: "log-tailing",
  about: "what tailing log files costs, beside the OpenTelemetry collector",
  run
}
