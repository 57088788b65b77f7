/**
 * Scaling on cores: the same backlog of whole dumps read by one pod with `--workers 1` and with `--workers 2`, uncompressed and as zstd.
 *
 * What limits it here: the broker uses the same cores, so on a machine with two of them two workers cannot be twice as fast. Beside
 * each wall is therefore what the broker used, and how many cores were busy in all: where that is all the machine has, the machine is the
 * limit. Of zstd the broker sends a tenth of the bytes, so there it is the workers' own scaling that is seen. Wall is without the start.
 */
import type { KafkaCluster } from "../support/kafka.ts"
import { type Bench, MB, median, type Row } from "./Bench.ts"
import { fillTopic } from "./backlog.ts"
import { podReader } from "./peers/pod.ts"
import { readOf } from "./peers/Reader.ts"
import { usageOf } from "./usage.ts"

const partitions = 8
const lookEvery = 50

const brokerCpu = async ({ nodes }: KafkaCluster): Promise<number> => (await usageOf(nodes[0]!.pid())).cpu

export const workers: Bench = {
  name: "workers",
  about: "--workers 1 against --workers 2 on the same backlogs",
  run: async (rig) => {
    const cluster = await rig.kafka()
    const env = { stage: rig.stage, cluster }
    const spec = { shape: "dumps", partitions, sources: rig.quick ? 40 : 400 } as const
    const empty = await fillTopic(cluster, {
      ...spec,
      topic: "workers-empty",
      compression: "none",
      sources: 0,
      rounds: 0
    })
    const rows: Array<Row> = []
    let [bytes, notes] = [0, [] as Array<string>]
    for (const compression of ["none", "zstd"] as const) {
      const topic = `workers-${compression}`
      const backlog = await fillTopic(cluster, { ...spec, topic, compression, rounds: rig.quick ? 2 : 20 })
      bytes = backlog.bytes
      let single = 0
      for (const count of ["1", "2"]) {
        const reader = podReader(["--workers", count], lookEvery)
        const starts = []
        const runs = []
        for (let i = 0; i < (rig.quick ? 1 : 5); i++) {
          const start = await reader.drain(env, empty)
          starts.push(start.wall)
          const before = await brokerCpu(cluster)
          const reading = await readOf(reader, env, backlog, start)
          runs.push({ ...reading, broker: (await brokerCpu(cluster)) - before })
        }
        const wall = median(runs.map((run) => run.wall)) - median(starts)
        if (count === "1") single = wall
        const cpu = median(runs.map(({ net }) => net.cpu))
        const broker = median(runs.map((run) => run.broker))
        const faults = runs.flatMap((run) => run.faults ?? [])
        notes = [...notes, ...faults.slice(0, 3)]
        rig.say(`${compression}, --workers ${count}: ${wall.toFixed(2)} s`)
        rows.push({
          name: `${compression}, --workers ${count}`,
          cells: [
            wall,
            bytes / MB / wall,
            single / wall,
            cpu,
            broker,
            (cpu + broker) / wall,
            median(runs.map(({ usage }) => usage.peak)) / MB,
            faults.length === 0 ? "all newest" : `${faults.length} FAULTS`
          ]
        })
      }
    }
    return [
      {
        title: `Workers on ${(bytes / MB).toFixed(0)} MB of whole dumps`,
        columns: [
          { name: "wall s", better: "less", digits: 2 },
          { name: "MB per second of wall", better: "more", digits: 0 },
          { name: "against one", better: "more", digits: 2 },
          { name: "CPU s", better: "less", digits: 2 },
          { name: "broker's CPU s", better: "neither", digits: 2 },
          { name: "cores busy", better: "neither", digits: 2 },
          { name: "peak RSS, MB", better: "less", digits: 0 },
          { name: "endpoint shows", better: "neither" }
        ],
        rows,
        notes: [
          `Medians of ${rig.quick ? 1 : 5} runs. Wall is to ${lookEvery} ms, the interval at which the status is asked; cores busy are the pod's and the broker's, without what else runs.`,
          ...notes
        ]
      }
    ]
  }
}
