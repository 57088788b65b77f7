/**
 * LogTailing: what tailing log files costs, and what a flood of logs does to dumps. One file of log lines that is there when the agent
 * starts, sent with the agent's defaults (acks all, zstd); meanwhile, and before, a dump is replaced again and again by rename.
 *
 * Measured: MB of log text a second and a CPU second of the tailer alone, its memory beside what it has when idle, and the time from the
 * rename of a dump until the log has it, without and with the flood. The broker shares the machine and is in no figure.
 */
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { until } from "../support/until.ts"
import { type Bench, MB, median, type Rig, type Row } from "./Bench.ts"
import { residentOf, usageOf } from "./usage.ts"

const childOf = async (pid: number, script: string): Promise<number> => {
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const children = await readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "")
    for (const child of children.trim().split(" ").filter(Boolean))
      if ((await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "")).includes(script)) return Number(child)
  }
  throw new Error(`process ${pid} has no ${script}`)
}

/** Bytes of lines as services write them. */
const makeLog = (bytes: number): string => {
  const lines: Array<string> = []
  for (let i = 0, length = 0; length < bytes; i++) {
    const line = `2026-11-28T09:${String(i % 60).padStart(2, "0")}:17.${i % 1000}Z INFO request id=${(i * 2_654_435_761) % 4_294_967_296} path=/api/v1/items/${i % 9_973} status=200 took=${(i * 7919) % 1_000}ms\n`
    lines.push(line)
    length += line.length
  }
  return lines.join("")
}

const run = async (rig: Rig) => {
  const cluster = await rig.kafka()
  await cluster.createTopic("log-metrics", 1)
  await cluster.createTopic("log-lines", 4)
  const dir = join(rig.stage.dir, "log-tailing")
  await mkdir(join(dir, "logs"), { recursive: true })
  const text = makeLog((rig.quick ? 5 : 400) * MB)
  const dump = join(dir, "app.prom")
  await writeFile(dump, "a 1\n")
  const agent = rig.stage.program("agent", [
    ...["agent", "--brokers", cluster.bootstrap.join(","), "--topic", "log-metrics", "--dump", dump],
    ...["--log", join(dir, "logs/*.log"), "--log-topic", "log-lines", "--state-dir", join(dir, "state")],
    ...["--listen", "127.0.0.1:0", "--host", "h", "--self-every", "0s"]
  ])
  const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
  await agent.says(/topic log-lines is reached/)
  await agent.says(/topic log-metrics is reached/)
  const value = async (name: string) => {
    const all = await (await fetch(`${url}/self/metrics`)).text()
    return Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (\\S+)$`, "m").exec(all)?.[1] ?? 0)
  }
  /** Ms from a dump's rename until it is acknowledged. */
  const dumpDelay = async (number: number): Promise<number> => {
    const before = await value("k2p_agent_chunks_total")
    await writeFile(`${dump}.tmp`, `a ${number}\n`)
    await delay(10)
    await rename(`${dump}.tmp`, dump)
    const began = performance.now()
    await until(async () => (await value("k2p_agent_chunks_total")) > before, { what: "a dump", every: 2 })
    return performance.now() - began
  }
  const quiet: Array<number> = []
  for (let i = 0; i < 30; i++) quiet.push(await dumpDelay(i))
  await delay(2_000)
  const tailer = await childOf(agent.pid, "TailerMain")
  const idle = await residentOf(tailer)
  const before = await usageOf(tailer)
  await writeFile(join(dir, "logs/.a"), text)
  await rename(join(dir, "logs/.a"), join(dir, "logs/a.log"))
  const began = performance.now()
  const flooded: Array<number> = []
  let most = 0
  let isDone = false
  const dumping = (async () => {
    for (let i = 100; !isDone; i++) flooded.push(await dumpDelay(i))
  })()
  await until(
    async () => {
      most = Math.max(most, await residentOf(tailer))
      return (await value("k2p_agent_log_bytes_total")) >= text.length
    },
    { what: "the log file", every: 20, within: 300_000 }
  )
  const seconds = (performance.now() - began) / 1_000
  const { cpu } = await usageOf(tailer)
  isDone = true
  await dumping
  agent.signal("SIGTERM")
  await agent.ended
  const tailed: Row = {
    name: `one file of ${Math.round(text.length / MB)} MB`,
    cells: [text.length / MB / seconds, text.length / MB / (cpu - before.cpu), idle / MB, (most - idle) / MB]
  }
  const delays = (name: string, all: ReadonlyArray<number>): Row => ({
    name,
    cells: [median(all), Math.max(...all), all.length]
  })
  return [
    {
      title: "The agent tails a log file",
      columns: [
        { name: "MB a second", better: "more" },
        { name: "MB a CPU second", better: "more" },
        { name: "idle MB", better: "less" },
        { name: "MB above idle", better: "less" }
      ],
      rows: [tailed],
      notes: [
        "The status is told once a second: MB a second is that coarse. CPU and memory are the tailer's own process's."
      ]
    },
    {
      title: "From a dump's rename until the log has it",
      columns: [
        { name: "median ms", better: "less" },
        { name: "most ms", better: "less" },
        { name: "dumps", better: "neither" }
      ],
      rows: [delays("no logs", quiet), delays("while the log file is sent", flooded)],
      notes: []
    }
  ] as const
}

export const logTailing: Bench = { name: "agent-logs", about: "what tailing log files costs, and costs dumps", run }
