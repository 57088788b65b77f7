/**
 * DumpsBesideLogs: what a flood of log lines does to dumps of the same agent: the time from a dump's rename until the log has it, without
 * logs, and while a log file that was there at once is sent.
 */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { until } from "../support/until.ts"
import { type Bench, MB, median, type Rig, type Row } from "./Bench.ts"
import { logText } from "./logText.ts"

const run = async (rig: Rig) => {
  const cluster = await rig.kafka()
  await cluster.createTopic("beside-metrics", 1)
  await cluster.createTopic("beside-logs", 4)
  const dir = join(rig.stage.dir, "beside")
  await mkdir(join(dir, "logs"), { recursive: true })
  const { text } = logText("application lines", (rig.quick ? 5 : 400) * MB)
  const dump = join(dir, "app.prom")
  await writeFile(dump, "a 1\n")
  const agent = rig.stage.program("agent-beside", [
    ...["agent", "--brokers", cluster.bootstrap.join(","), "--topic", "beside-metrics", "--dump", dump],
    ...["--log", join(dir, "logs/*.log"), "--log-topic", "beside-logs", "--state-dir", join(dir, "state")],
    ...["--listen", "127.0.0.1:0", "--host", "h", "--self-every", "0s"]
  ])
  const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
  await agent.says(/topic beside-logs is reached/)
  await agent.says(/topic beside-metrics is reached/)
  const value = async (name: string) => {
    const all = await (await fetch(`${url}/self/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(all)?.[1] ?? 0)
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
  await writeFile(join(dir, "logs/.a"), text)
  await rename(join(dir, "logs/.a"), join(dir, "logs/a.log"))
  const flooded: Array<number> = []
  for (let i = 100; (await value("k2p_agent_log_bytes_total")) < text.length; i++) flooded.push(await dumpDelay(i))
  agent.signal("SIGTERM")
  await agent.ended
  const delays = (name: string, all: ReadonlyArray<number>): Row => ({
    name,
    cells: [median(all), Math.max(...all), all.length]
  })
  return [
    {
      title: "From a dump's rename until the log has it",
      columns: [
        { name: "median ms", better: "less", digits: 0 },
        { name: "most ms", better: "less", digits: 0 },
        { name: "dumps", better: "neither", digits: 0 }
      ],
      rows: [delays("no logs", quiet), delays("while a log file is sent", flooded)],
      notes: []
    }
  ] as const
}

export const dumpsBesideLogs: Bench = { name: "dumps-beside-logs", about: "what a flood of logs does to dumps", run }
