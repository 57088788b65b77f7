/** Feeding: a feeder process beside a benchmark, and how busy it and others keep the machine. */
import { once } from "node:events"
import { cpus } from "node:os"
import { setTimeout as delay } from "node:timers/promises"
import type { KafkaCluster } from "../support/kafka.ts"
import type { Running, Stage } from "../support/processes.ts"
import type { Shape } from "./dumps/shapes.ts"
import { usageOf } from "./usage.ts"

const script = new URL("feeder.ts", import.meta.url).pathname

export interface FeedOptions {
  readonly topic: string
  /** Whole dumps with numbers where it is not said. */
  readonly shape?: Shape
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
    JSON.stringify({ shape: "dumps", ...options, brokers: cluster.bootstrap })
  ])
  await running.says(/^feeding$/m, "stdout")
  return running
}

/** The share of all cores' time that these processes use in the next so many ms, or until the signal. */
export const machineShare = async (pids: ReadonlyArray<number>, span: number | AbortSignal): Promise<number> => {
  const total = async () => (await Promise.all(pids.map(usageOf))).reduce((sum, { cpu }) => sum + cpu, 0)
  const [before, started] = [await total(), performance.now()]
  if (typeof span === "number") await delay(span)
  else await once(span, "abort")
  return ((await total()) - before) / ((performance.now() - started) / 1000) / cpus().length
}
