/**
 * A whole pipeline of processes for the system tests: services that dump, an agent that tails them, on a broker that the
 * test has started; pods are the test's own. Names are chosen so that every partition carries sources.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { partitionOf } from "../../src/agent/Partitioner.ts"
import type { Running, Stage } from "./processes.ts"

export interface Senders {
  /** The ids that the pods should show. */
  readonly sources: ReadonlyArray<string>
  readonly service: Running
  readonly agent: Running
}

export interface SendersOptions {
  readonly brokers: string
  readonly topic: string
  readonly partitions: number
  readonly perPartition: number
  readonly dumpEvery: number
  readonly args?: ReadonlyArray<string>
}

const script = new URL("service.ts", import.meta.url).pathname
const host = "edge-1"

/** So many file names for each partition. */
const fileNames = (partitions: number, perPartition: number): ReadonlyArray<string> => {
  const names: Array<string> = []
  const left = new Map(Array.from({ length: partitions }, (_, p) => [p, perPartition]))
  for (let i = 0; names.length < partitions * perPartition; i++) {
    const partition = partitionOf(Buffer.from(`${host}/svc-${i}`), partitions)
    if (left.get(partition) === 0) continue
    left.set(partition, left.get(partition)! - 1)
    names.push(`svc-${i}`)
  }
  return names
}

export const startSenders = async (stage: Stage, options: SendersOptions): Promise<Senders> => {
  const { brokers, topic, partitions, perPartition, dumpEvery, args = [] } = options
  const dumps = join(stage.dir, `dumps-${topic}`)
  await mkdir(dumps)
  const names = fileNames(partitions, perPartition)
  const service = stage.run("service", process.execPath, [script, dumps, String(dumpEvery), ...names])
  const agent = stage.program("agent", [
    ...["agent", "--brokers", brokers, "--topic", topic, "--host", host, "--job", "shop"],
    // Sources are counted.
    ...[
      "--dump",
      join(dumps, "*.prom"),
      "--state-dir",
      join(stage.dir, `state-${topic}`),
      "--self-every",
      "0s",
      ...args
    ]
  ])
  return { sources: names.map((name) => `${host}/${name}`).sort(), service, agent }
}
