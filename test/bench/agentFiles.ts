/**
 * AgentFiles: what an agent costs, with the process that looks at its files: with files that nobody writes, and with 500 of 99 KB that are
 * all replaced every ten seconds. What is read is sent to a broker, which shares the machine and is in no figure.
 *
 * Measured: CPU of all threads over twenty seconds, after the start; resident memory at the end.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { until } from "../support/until.ts"
import { type Bench, MB, type Rig, type Row } from "./Bench.ts"
import { measureDelay } from "./fileDelay.ts"
import { residentOf, usageOf } from "./usage.ts"

interface Case {
  readonly name: string
  readonly files: number
  readonly text: string
  /** Ms in which all are replaced once; 0: never. */
  readonly every: number
}

const line = (i: number): string =>
  `metric_${i % 100}{instance_id="abcdefghijklmnopqrst",path="/api/v1/x/${i}",code="200"} ${i}\n`
const large = Array.from({ length: 1_250 }, (_, i) => line(i)).join("")

const cases: ReadonlyArray<Case> = [
  { name: "1 idle file", files: 1, text: "a 1\n", every: 0 },
  { name: "1,000 idle files", files: 1_000, text: "a 1\n", every: 0 },
  { name: "5,000 idle files", files: 5_000, text: "a 1\n", every: 0 },
  { name: "500 files of 99 KB, each every 10 s", files: 500, text: large, every: 10_000 }
]

const childOf = async (pid: number): Promise<number> =>
  Number((await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ")[0])

const measure = async (rig: Rig, { name, files, text, every }: Case, number: number): Promise<Row> => {
  const cluster = await rig.kafka()
  const topic = `files-${number}`
  await cluster.createTopic(topic, 4)
  const dir = join(rig.stage.dir, topic)
  await mkdir(dir)
  const path = (i: number) => join(dir, `s${i % files}.prom`)
  for (let i = 0; i < files; i++) await writeFile(path(i), text)
  const brokers = cluster.bootstrap.join(",")
  const args = ["agent", "--brokers", brokers, "--topic", topic, "--dump", join(dir, "*.prom")]
  const agent = rig.stage.program(`agent-${number}`, [
    ...args,
    ...["--state-dir", join(dir, "state"), "--listen", "127.0.0.1:0"]
  ])
  const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
  const sent = async () => {
    const text = await (await fetch(`${url}/self/metrics`)).text()
    return Number(/^k2p_agent_sources\{state="sent"\} (\d+)$/m.exec(text)?.[1]) >= files
  }
  await until(sent, { what: `${files} files to be sent` })
  const pids = [agent.pid, await childOf(agent.pid)] as const
  let isOver = false
  const began = performance.now()
  const writing = (async () => {
    for (let i = 0; every > 0 && !isOver; i++) {
      await writeFile(`${path(i)}.tmp`, text)
      await rename(`${path(i)}.tmp`, path(i))
      await delay(Math.max(0, began + (i * every) / files - performance.now()))
    }
  })()
  await delay(rig.quick ? 1_000 : 10_000)
  const usage = () => Promise.all(pids.map(async (pid) => (await usageOf(pid)).cpu))
  const [before, at] = [await usage(), performance.now()]
  await delay(rig.quick ? 2_000 : 20_000)
  const [after, seconds] = [await usage(), (performance.now() - at) / 1000]
  const resident = await Promise.all(pids.map(residentOf))
  isOver = true
  await writing
  await agent.kill()
  const shares = after.map((cpu, i) => (100 * (cpu - before[i]!)) / seconds)
  rig.say(`${name}: ${shares.map((share) => share.toFixed(2)).join(" + ")} % of a core`)
  return { name, cells: [...shares, ...resident.map((bytes) => bytes / MB)] }
}

export const agentFiles: Bench = {
  name: "agent-files",
  about: "CPU and memory of an agent with idle and with busy files",
  run: async (rig) => {
    const rows: Array<Row> = []
    for (const [number, each] of cases.entries()) rows.push(await measure(rig, each, number))
    return [
      {
        title: "Agent: idle and busy files",
        columns: [
          { name: "agent, % of a core", better: "less", digits: 2 },
          { name: "looker, % of a core", better: "less", digits: 2 },
          { name: "agent, MB", better: "less" },
          { name: "looker, MB", better: "less" }
        ],
        rows,
        notes: ["The rounds are sent to a broker on the same machine. About 36 MB of each process are shared."]
      },
      {
        title: "From a rename into place to the outbox",
        columns: [
          { name: "p50, ms", better: "less" },
          { name: "p99, ms", better: "less" },
          { name: "most, ms", better: "less" }
        ],
        rows: [await measureDelay(rig, 0), await measureDelay(rig, 20)],
        notes: [
          "One change after the other, among idle files. The agent looks for what was read every 100 ms. A rename in the same tick of the kernel's clock as the last write does not show as one: the file is taken when it has rested."
        ]
      }
    ]
  }
}
