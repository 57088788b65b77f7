/**
 * Scaling on cores: what one pod reads in steady state with `--workers 1` and with `--workers 2`, uncompressed and as zstd.
 *
 * Steady means: the pod runs on an empty topic until each worker has its share of the partitions, reads two rounds of all sources, so that
 * code is compiled and layouts are known, and then gets the backlog at once, as one transaction. The clock starts with the commit and
 * ends when the status says that everything is read; joining, handing over and compiling are in none of the figures.
 *
 * What limits it here: the broker uses the same cores, so on a machine with two of them two workers cannot be twice as fast. The bound is
 * what all cores would need if none of them ever idled: CPU of the pod and the broker by cores, with the CPU of that row.
 */
import { availableParallelism } from "node:os"
import type { KafkaCluster } from "../support/kafka.ts"
import type { Pod } from "../support/pods.ts"
import { until } from "../support/until.ts"
import { type Bench, MB, median, type Rig, type Row } from "./Bench.ts"
import { openTopic, type TopicSpec } from "./backlog.ts"
import { attachedByPod } from "./dumps/shapes.ts"
import { startBenchPod, untilRead } from "./peers/pod.ts"
import { faultsOf } from "./shown.ts"
import { less, type Usage, usageOf } from "./usage.ts"

const partitions = 8
const lookEvery = 50
const knownRounds = 2

interface Steady {
  readonly bytes: number
  /** Seconds from the commit until all was read. */
  readonly wall: number
  readonly pod: Usage
  readonly broker: Usage
  readonly faults: ReadonlyArray<string>
}

const brokerUsage = ({ nodes }: KafkaCluster): Promise<Usage> => usageOf(nodes[0]!.pid())

const untilShared = async (pod: Pod, count: number): Promise<void> => {
  let last = ""
  await until(
    async () => {
      const held = (await pod.status()).shards.map((shard) => shard.partitions.filter((p) => p.visible).length)
      last = held.join(", ")
      return held.length === count && held.every((n) => n === partitions / count)
    },
    {
      within: 60_000,
      what: () => `each of ${count} workers with its share of ${partitions} partitions; last seen: ${last}`
    }
  )
}

const steady = async (rig: Rig, spec: TopicSpec, count: number, rounds: number): Promise<Steady> => {
  const cluster = await rig.kafka()
  const topic = await openTopic(cluster, spec)
  const pod = await startBenchPod({ stage: rig.stage, cluster }, spec.topic, ["--workers", String(count)])
  await untilShared(pod, count)
  const known = await topic.add(knownRounds)
  await untilRead(pod, known)
  const { commit, backlog } = await topic.atOnce(rounds)
  const before = await Promise.all([usageOf(pod.process.pid), brokerUsage(cluster)])
  const started = performance.now()
  const committed = commit()
  await untilRead(pod, backlog, lookEvery)
  const wall = (performance.now() - started) / 1000
  const after = await Promise.all([usageOf(pod.process.pid), brokerUsage(cluster)])
  await committed
  await topic.check()
  const body = await pod.get("/metrics", { timeout: 120_000 })
  const faults = faultsOf(body, { newest: backlog.newest, attached: attachedByPod(spec.shape) })
  await pod.process.kill()
  await cluster.admin.deleteTopics({ topics: [spec.topic] })
  const [ofPod, ofBroker] = [less(after[0], before[0]), less(after[1], before[1])]
  return { bytes: backlog.bytes - known.bytes, wall, pod: ofPod, broker: ofBroker, faults }
}

export const workers: Bench = {
  name: "workers",
  about: "--workers 1 against --workers 2 on backlogs that come at once",
  run: async (rig) => {
    const times = rig.quick ? 1 : 3
    const sources = rig.quick ? 40 : 400
    const rounds = rig.quick ? 2 : 20
    const cores = availableParallelism()
    const rows: Array<Row> = []
    let [bytes, notes] = [0, [] as Array<string>]
    for (const compression of ["none", "zstd"] as const) {
      let single = 0
      for (const count of [1, 2]) {
        const runs: Array<Steady> = []
        for (let i = 0; i < times; i++) {
          const topic = `workers-${compression}-${count}-${i}`
          runs.push(await steady(rig, { topic, shape: "dumps", compression, sources, partitions }, count, rounds))
          rig.say(`${compression}, --workers ${count}: ${runs[i]!.wall.toFixed(2)} s`)
        }
        const of = (pick: (run: Steady) => number): number => median(runs.map(pick))
        bytes = of((run) => run.bytes)
        const wall = of((run) => run.wall)
        if (count === 1) single = wall
        const [cpu, broker] = [of((run) => run.pod.cpu), of((run) => run.broker.cpu)]
        const faults = runs.flatMap((run) => run.faults)
        notes = [...notes, ...faults.slice(0, 3)]
        rows.push({
          name: `${compression}, --workers ${count}`,
          cells: [
            wall,
            bytes / MB / wall,
            single / wall,
            cpu,
            broker,
            (cpu + broker) / wall,
            (cpu + broker) / cores,
            of((run) => run.pod.peak) / MB,
            faults.length === 0 ? "all newest" : `${faults.length} FAULTS`
          ]
        })
      }
    }
    return [
      {
        title: `Workers on ${(bytes / MB).toFixed(0)} MB of whole dumps that come at once, ${sources} sources, ${rounds} rounds, ${partitions} partitions`,
        columns: [
          { name: "wall s", better: "less", digits: 2 },
          { name: "MB per second of wall", better: "more", digits: 0 },
          { name: "against one", better: "more", digits: 2 },
          { name: "CPU s", better: "less", digits: 2 },
          { name: "broker's CPU s", better: "neither", digits: 2 },
          { name: "cores busy", better: "neither", digits: 2 },
          { name: `bound of ${cores} cores, s`, better: "neither", digits: 2 },
          { name: "peak RSS, MB", better: "less", digits: 0 },
          { name: "endpoint shows", better: "neither" }
        ],
        rows,
        notes: [
          `Medians of ${times} runs. Wall is to ${lookEvery} ms, the interval at which the status is asked; cores busy are the pod's and the broker's, without what else runs.`,
          ...notes
        ]
      }
    ]
  }
}
