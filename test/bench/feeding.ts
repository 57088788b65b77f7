/** Feeding: a feeder process beside a benchmark, and how busy it and everything else keep the machine. */
import { readFile } from "node:fs/promises"
import { setTimeout as delay } from "node:timers/promises"
import type { KafkaCluster } from "../support/kafka.ts"
import type { Running, Stage } from "../support/processes.ts"

const script = new URL("feeder.ts", import.meta.url).pathname

export interface FeedOptions {
  readonly topic: string
  readonly partitions: number
  readonly sources: number
  /** Bytes a second. */
  readonly pace: number
  /** It stops by itself after these, or when it is killed. */
  readonly seconds: number
}

/** Answers when the first round of every source is in the log. */
export const startFeeder = async (stage: Stage, cluster: KafkaCluster, options: FeedOptions): Promise<Running> => {
  const running = stage.run("feeder", process.execPath, [
    script,
    JSON.stringify({ ...options, brokers: cluster.bootstrap })
  ])
  await running.says(/^feeding$/m, "stdout")
  return running
}

const times = async (): Promise<{ readonly busy: number; readonly all: number }> => {
  const [line] = (await readFile("/proc/stat", "utf8")).split("\n")
  const ticks = line!.split(/\s+/).slice(1, 9).map(Number)
  const all = ticks.reduce((sum, n) => sum + n, 0)
  // idle and iowait
  return { all, busy: all - ticks[3]! - ticks[4]! }
}

/** The share of all cores' time that anyone used in the next so many ms. */
export const machineBusy = async (span: number): Promise<number> => {
  const before = await times()
  await delay(span)
  const after = await times()
  return (after.busy - before.busy) / (after.all - before.all)
}
