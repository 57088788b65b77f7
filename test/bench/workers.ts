/**
 * Scaling on cores: the same backlog read by one pod with `--workers 1` and with `--workers 2`, wall and CPU. Where this version refuses two
 * it is said so.
 *
 * What limits it here: the broker uses the same cores, so on a machine with two of them two workers cannot be twice as fast: the
 * broker's own CPU over the run is told beside it. Wall is without the start.
 */
import type { KafkaCluster } from "../support/kafka.ts"
import type { Stage } from "../support/processes.ts"
import { type Bench, MB, median, type Row } from "./Bench.ts"
import { fillTopic } from "./backlog.ts"
import { podReader } from "./peers/pod.ts"
import { readOf } from "./peers/Reader.ts"
import { usageOf } from "./usage.ts"

const partitions = 8

const brokerCpu = async ({ nodes }: KafkaCluster): Promise<number> => (await usageOf(nodes[0]!.pid())).cpu

export const workers: Bench = {
  name: "workers",
  about: "--workers 1 against --workers 2 on the same backlog",
  run: async (rig) => {
    const cluster = await rig.kafka()
    const env = { stage: rig.stage, cluster }
    const spec = { shape: "dumps", compression: "none", partitions, sources: rig.quick ? 40 : 400 } as const
    const backlog = await fillTopic(cluster, { ...spec, topic: "workers", rounds: rig.quick ? 2 : 10 })
    const empty = await fillTopic(cluster, { ...spec, topic: "workers-empty", sources: 0, rounds: 0 })
    const rows: Array<Row> = []
    let [single, notes] = [0, [] as Array<string>]
    for (const count of ["1", "2"]) {
      const refused = await refusal(rig.stage, count)
      if (refused !== undefined) {
        rig.say(`--workers ${count}: refused by this version (${refused})`)
        rows.push({ name: `--workers ${count}`, cells: ["refused by this version"] })
        continue
      }
      const reader = podReader(["--workers", count])
      const start = await reader.drain(env, empty)
      const runs = []
      for (let i = 0; i < (rig.quick ? 1 : 3); i++) {
        const before = await brokerCpu(cluster)
        const reading = await readOf(reader, env, backlog, start)
        runs.push({ ...reading, broker: (await brokerCpu(cluster)) - before })
      }
      const wall = median(runs.map((run) => run.wall - start.wall))
      if (count === "1") single = wall
      const faults = runs.flatMap((run) => run.faults ?? [])
      notes = [...notes, ...faults.slice(0, 3)]
      rows.push({
        name: `--workers ${count}`,
        cells: [
          wall,
          backlog.bytes / MB / wall,
          single / wall,
          median(runs.map(({ net }) => net.cpu)),
          median(runs.map(({ broker }) => broker)),
          median(runs.map(({ usage }) => usage.peak)) / MB,
          faults.length === 0 ? "all newest" : `${faults.length} FAULTS`
        ]
      })
    }
    return [
      {
        title: `Workers on ${(backlog.bytes / MB).toFixed(0)} MB of whole dumps`,
        columns: [
          { name: "wall s", better: "less", digits: 2 },
          { name: "MB per second of wall", better: "more", digits: 0 },
          { name: "against one", better: "more", digits: 2 },
          { name: "CPU s", better: "less", digits: 2 },
          { name: "broker's CPU s", better: "neither", digits: 2 },
          { name: "peak RSS, MB", better: "less", digits: 0 },
          { name: "endpoint shows", better: "neither" }
        ],
        rows,
        notes: ["Median of 3 runs. Wall is to 200 ms, the interval at which the status is asked.", ...notes]
      }
    ]
  }
}

/** What the program says against so many workers, or undefined. It never gets as far as a broker. */
const refusal = async (stage: Stage, count: string) => {
  const running = stage.program("refusal", [
    "serve",
    "--workers",
    count,
    "--listen",
    "127.0.0.1:0",
    "--brokers",
    "127.0.0.1:1"
  ])
  const listening = running.says(/listening on/).then(
    () => undefined,
    () => running.out.stderr.trim().split("\n").at(-1)
  )
  const said = await listening
  await running.kill()
  return said
}
