/**
 * Archive delay: how long it takes from a line in a file until the object that holds it is there: a service logs a line now and then, an agent tails
 * it, one pod archives. Each line says when it was written; when an object came is what its folder says of it.
 */
import { appendFile, mkdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { zstdDecompressSync } from "node:zlib"
import { haveArchived, objectsBelow, startArchivePod } from "../support/archivePods.ts"
import { until } from "../support/until.ts"
import type { Bench, Rig, Row } from "./Bench.ts"

interface Run {
  readonly name: string
  /** Seconds: of the option, and for how long lines are written. */
  readonly rollAge: number
  readonly seconds: number
  /** Ms between two lines. */
  readonly pace: number
}

const runs: ReadonlyArray<Run> = [
  { name: "--roll-age 60s, the default", rollAge: 60, seconds: 200, pace: 100 },
  { name: "--roll-age 5s", rollAge: 5, seconds: 60, pace: 50 }
]

const partitions = 4

/** Seconds of each line, ascending. */
const delaysBelow = async (folder: string): Promise<ReadonlyArray<number>> => {
  const delays: Array<number> = []
  for (const name of await objectsBelow(folder)) {
    // A link changes it, and nothing afterwards.
    const { ctimeMs } = await stat(join(folder, name))
    const rows = zstdDecompressSync(await readFile(join(folder, name))).toString()
    for (const row of rows.split("\n"))
      if (row !== "") delays.push((ctimeMs - Number((JSON.parse(row) as { line: string }).line.split(" ")[0])) / 1000)
  }
  return delays.sort((a, b) => a - b)
}

const measure = async ({ kafka, quick, stage }: Rig, { name, rollAge, seconds, pace }: Run): Promise<Row> => {
  const cluster = await kafka()
  const topic = `delay-${rollAge}`
  await cluster.createTopic(topic, partitions)
  const [logs, state, folder] = ["logs", "state", "archive"].map((part) => join(stage.dir, topic, part))
  await mkdir(logs!, { recursive: true })
  const brokers = ["--brokers", cluster.bootstrap.join(",")]
  const agent = stage.program(`${topic}-agent`, [
    ...["agent", ...brokers, "--host", "h", "--state-dir", state!],
    ...["--log", join(logs!, "*.log"), "--log-topic", topic]
  ])
  const pod = await startArchivePod(stage, topic, [
    ...[...brokers, "--topic", topic, "--group-id", topic, "--to", `file://${folder}`],
    ...["--roll-age", `${rollAge}s`, "--workers", "1"]
  ])
  await agent.says(new RegExp(`topic ${topic} is reached`))
  await until(() => haveArchived([pod], partitions), { what: "a pod that serves" })
  const begun = performance.now()
  let sent = 0
  while (performance.now() - begun < (quick ? 3 : seconds) * 1000) {
    await appendFile(join(logs!, `${sent % 8}.log`), `${Date.now()} line ${sent} of a service that logs little\n`)
    sent += 1
    await delay(pace)
  }
  let delays: ReadonlyArray<number> = []
  await until(
    async () => {
      delays = await delaysBelow(folder!)
      return delays.length === sent
    },
    { what: () => `${sent} lines, of which ${delays.length} are archived`, within: 120_000, every: 1000 }
  )
  for (const each of [pod.process, agent]) {
    each.signal("SIGTERM")
    await each.ended
  }
  const [median, p99, most] = [0.5, 0.99, 1].map((part) => delays[Math.ceil(part * delays.length) - 1]!)
  return { name, cells: [sent, (await objectsBelow(folder!)).length, median, p99, p99! - rollAge, most] }
}

export const archiveDelay: Bench = {
  name: "archive-delay",
  about: "from a line in a file to the object that holds it",
  run: async (rig) => {
    const rows: Array<Row> = []
    for (const run of runs) rows.push(await measure(rig, run))
    return [
      {
        title: "From a line in a file to its object",
        columns: [
          { name: "lines", better: "neither", digits: 0 },
          { name: "objects", better: "neither", digits: 0 },
          { name: "median, s", better: "less", digits: 1 },
          { name: "p99, s", better: "less", digits: 1 },
          { name: "p99 beyond the roll's age, s", better: "less", digits: 2 },
          { name: "most, s", better: "less", digits: 1 }
        ],
        rows,
        notes: ["An agent and a pod with their defaults, a folder as store; the first line of an object waits longest."]
      }
    ]
  }
}
