/**
 * The benchmarks' one command. Runs those that are asked for, one after the other, each with processes of its own and all with one
 * broker; prints their tables and what they were measured on, and keeps both as JSON for a later run to be compared with. Asserts
 * nothing about speed; its exit code is 1 where a benchmark could not measure.
 *
 * Run: npm run bench -- [--only ingest-dumps-none,parser] [--quick] [--out file] [--compare file] [--list]
 * `--only` takes names or their beginnings. Nothing else should run on the machine.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage } from "../support/processes.ts"
import type { Table } from "./Bench.ts"
import { benches } from "./benches.ts"
import { type Machine, machine } from "./machine.ts"
import { comparison, markdown } from "./report.ts"

interface Run {
  readonly at: string
  readonly quick: boolean
  readonly machine: Machine
  readonly peers: Readonly<Record<string, string>>
  readonly tables: ReadonlyArray<Table>
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    out: { type: "string" },
    compare: { type: "string" },
    list: { type: "boolean", default: false }
  }
})
const asked = values.only?.split(",") ?? [""]
const chosen = benches.filter(({ name }) => asked.some((start) => name.startsWith(start)))
const unknown = asked.filter((start) => !benches.some(({ name }) => name.startsWith(start)))
if (unknown.length > 0 || values.list) {
  const names = benches.map(({ name, about }) => `  ${name.padEnd(20)} ${about}\n`).join("")
  process.stderr.write(
    `${unknown.length > 0 ? `no benchmark is called ${unknown.join(", ")}; there are:\n` : ""}${names}`
  )
  process.exit(unknown.length > 0 ? 2 : 0)
}
const earlier = values.compare === undefined ? undefined : (JSON.parse(await readFile(values.compare, "utf8")) as Run)

const kafkaVersion = "3.9.1"
const peers: Record<string, string> = {}
const stage = await openStage()
let broker: Promise<KafkaCluster> | undefined
const kafka = (): Promise<KafkaCluster> => {
  peers.Kafka = kafkaVersion
  broker ??= startKafka({ version: kafkaVersion, settings: { "log.retention.check.interval.ms": "3600000" } })
  return broker
}
const say = (text: string): void => void process.stderr.write(`${text}\n`)
const met = (peer: string, version: string): void => {
  peers[peer] = version
}

const at = new Date().toISOString()
const measuredOn = machine()
const tables: Array<Table> = []
try {
  for (const bench of chosen) {
    say(`--- ${bench.name}: ${bench.about}`)
    try {
      const found = await bench.run({ quick: values.quick, stage, kafka, kafkaVersion, say, met })
      tables.push(...found)
      for (const table of found) process.stdout.write(`${markdown(table)}\n`)
    } catch (error) {
      process.exitCode = 1
      say(`${bench.name} could not measure: ${error instanceof Error ? error.stack : error}`)
    }
  }
} finally {
  await stage.close()
  await (await broker)?.stop()
}

const run: Run = { at, quick: values.quick, machine: measuredOn, peers, tables }
const { cpu, cores, memoryGB, kernel, node, commit, load } = measuredOn
process.stdout.write(
  `Measured ${at} on ${cores} × ${cpu}, ${memoryGB} GB, Linux ${kernel}, Node ${node}, commit ${commit}, load average before ${load}` +
    `${Object.entries(peers)
      .map(([name, version]) => `; ${name}: ${version}`)
      .join("")}\n` +
    (values.quick ? "\n--quick: small sizes, the figures mean nothing.\n" : "")
)
if (earlier !== undefined) process.stdout.write(comparison(earlier.tables, tables))
const out = values.out ?? join(import.meta.dirname, "results", `${at.replaceAll(":", "-")}.json`)
await mkdir(dirname(out), { recursive: true })
await writeFile(out, `${JSON.stringify(run, null, 2)}\n`)
say(`kept in ${out}`)
