/**
 * Latency: from the instant at which a service's dump is in place (its rename) to the first scrape that shows it: the agent that finds the
 * file, Kafka, the pod, the scrape. When the pipeline is idle, and when the machine is at 70 % of all its cores with whole dumps that the
 * same pod reads from the same partitions.
 *
 * Measured: with the programs' default settings, one dump of 1,000 series at a time at moments that fit no rhythm; the pod is scraped every
 * 5 ms until the dump is seen, which is in the load, and in the figure with half of that and one scrape.
 * What 70 % means here: feeder, broker, agent, scrapes and pod share the cores, so it is their sum that is brought to 70 %. What it then
 * was is told, with the pod's own part of it and what the pod read: where something else uses the machine, 70 % may not be reached. Few sources make the load, so that looking often costs little.
 */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { random } from "../../src/testing/Random.ts"
import type { KafkaCluster } from "../support/kafka.ts"
import type { Pod } from "../support/pods.ts"
import { until } from "../support/until.ts"
import { type Bench, MB, type Rig, type Row } from "./Bench.ts"
import { mixedService } from "./dumps/mixed.ts"
import { machineShare, startFeeder } from "./feeding.ts"
import { startBenchPod } from "./peers/pod.ts"
import { usageOf } from "./usage.ts"

const [topic, partitions, sources] = ["latency", 8, 8]
const wanted = 0.7

const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)]!

/** Dumps one after the other, each until it is seen. */
class Probe {
  private readonly file: string
  private readonly pod: Pod
  private readonly service = mixedService(9_999)
  private readonly random = random(7)
  private written = 0

  constructor(file: string, pod: Pod) {
    this.file = file
    this.pod = pod
  }

  async once(): Promise<number> {
    this.written += 1
    const marker = `bench_dumps_written ${this.written}`
    const text = `${this.service.round()}# TYPE bench_dumps_written gauge\n${marker}\n`
    await writeFile(`${this.file}.part`, text)
    const started = performance.now()
    await rename(`${this.file}.part`, this.file)
    const seen = new RegExp(`^bench_dumps_written\\{[^}]*\\} ${this.written}( |$)`, "m")
    await until(async () => seen.test(await this.pod.get("/metrics")), {
      ...{ within: 30_000, every: 5, what: `dump ${this.written} on the endpoint` }
    })
    const ms = performance.now() - started
    await delay(this.random.int(100, 700))
    return ms
  }

  async many(count: number): Promise<ReadonlyArray<number>> {
    const all: Array<number> = []
    for (let i = 0; i < count; i++) all.push(await this.once())
    return all
  }
}

/** The pace of a feeder at which these processes and the feeder keep the machine as busy as wanted, or as busy as they can. */
const paceFor = async (
  { stage, say, quick }: Rig,
  cluster: KafkaCluster,
  others: ReadonlyArray<number>
): Promise<number> => {
  let best = { pace: 20 * MB, busy: 0 }
  for (let [attempt, pace] = [1, best.pace]; attempt <= (quick ? 1 : 5); attempt++) {
    const feeder = await startFeeder(stage, cluster, { topic, partitions, sources, pace, seconds: 60 })
    await delay(1_000)
    const busy = await machineShare([feeder.pid, ...others], quick ? 1_000 : 4_000)
    await feeder.kill()
    say(`${(pace / MB).toFixed(0)} MB/s: ${(busy * 100).toFixed(0)} % of the machine`)
    // More load and less work done: something else has the rest of the cores.
    if (busy < best.busy) break
    best = { pace, busy }
    if (Math.abs(busy - wanted) < 0.04) break
    pace *= Math.min(4, Math.max(0.25, wanted / busy))
  }
  return best.pace
}

const consumed = async (pod: Pod): Promise<number> =>
  [...(await pod.get("/self/metrics")).matchAll(/^k2p_bytes_consumed_total\{[^}]*\} (\S+)$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0
  )

export const latency: Bench = {
  name: "latency",
  about: "dump written to dump visible on /metrics: agent, Kafka and pod, idle and at 70 % load",
  run: async (rig) => {
    const { stage, quick } = rig
    const cluster = await rig.kafka()
    await cluster.createTopic(topic, partitions)
    const dumps = join(stage.dir, "dumps")
    await mkdir(dumps)
    const pod = await startBenchPod({ stage, cluster }, topic)
    const agent = stage.program("agent", [
      ...["agent", "--brokers", cluster.bootstrap.join(), "--topic", topic, "--host", "edge"],
      ...["--dump", join(dumps, "*.prom"), "--state-dir", join(stage.dir, "state")]
    ])
    const probe = new Probe(join(dumps, "probe.prom"), pod)
    const count = quick ? 5 : 100
    const row = (name: string, seen: ReadonlyArray<number>, ...load: ReadonlyArray<number>): Row => ({
      name,
      cells: [quantile(seen, 0.5), quantile(seen, 0.99), Math.max(...seen), ...load]
    })
    await probe.many(3)
    const idle = row("idle", await probe.many(count))
    const others = [pod.process.pid, agent.pid, cluster.nodes[0]!.pid(), process.pid]
    const pace = await paceFor(rig, cluster, others)
    const feeder = await startFeeder(stage, cluster, { topic, partitions, sources, pace, seconds: 300 })
    await probe.many(3)
    const look = async () => ({
      at: performance.now(),
      bytes: await consumed(pod),
      usage: await usageOf(pod.process.pid)
    })
    const before = await look()
    const stop = new AbortController()
    const busy = machineShare([feeder.pid, ...others], stop.signal)
    const seen = await probe.many(count)
    stop.abort()
    const after = await look()
    const seconds = (after.at - before.at) / 1000
    const loaded = row(
      "under load",
      seen,
      (after.bytes - before.bytes) / MB / seconds,
      (await busy) * 100,
      (after.usage.cpu - before.usage.cpu) / seconds
    )
    await feeder.kill()
    await agent.kill()
    await pod.process.kill()
    return [
      {
        title: "Latency: dump in place to dump on /metrics",
        columns: [
          { name: "p50 ms", better: "less", digits: 0 },
          { name: "p99 ms", better: "less", digits: 0 },
          { name: "max ms", better: "less", digits: 0 },
          { name: "load, MB/s", better: "more", digits: 0 },
          { name: "machine busy, %", better: "neither", digits: 0 },
          { name: "pod, cores", better: "less", digits: 2 }
        ],
        rows: [idle, loaded],
        notes: [`${count} dumps each. The agent looks at its files four times a second: up to 250 ms of each figure.`]
      }
    ]
  }
}
