/**
 * Idle: what a worker costs that has nothing to read: a pod with all the default settings and one worker (its only thread), that owns
 * all partitions of an empty topic; and what the second worker of a pod adds.
 *
 * Measured: CPU of all threads of the process over a minute, after ten seconds of settling, so that joining and compiling are not in it;
 * requests by kind as the pod counts them. Nobody scrapes it or asks for its status meanwhile.
 *
 * Why it does not favour us: few requests find cold caches, so each costs more than under load; a pod with sources has more to do
 * only in its sweeps, every five seconds.
 */
import { setTimeout as delay } from "node:timers/promises"
import { type Pod, startPod } from "../support/pods.ts"
import { until } from "../support/until.ts"
import type { Bench, Rig, Row } from "./Bench.ts"
import { goalTable } from "./goals.ts"
import { freshGroup } from "./peers/Reader.ts"
import { usageOf } from "./usage.ts"

interface Idle {
  readonly workers: number
  readonly partitions: number
}

const cases: ReadonlyArray<Idle> = [
  { workers: 1, partitions: 4 },
  { workers: 1, partitions: 256 },
  { workers: 2, partitions: 8 },
  { workers: 4, partitions: 16 }
]

const settled = async (pod: Pod, { workers, partitions }: Idle): Promise<void> => {
  const each = async () => (await pod.status()).shards.map((shard) => shard.partitions.filter((p) => p.visible).length)
  await until(
    async () =>
      (await each()).join() ===
      Array(workers)
        .fill(partitions / workers)
        .join(),
    {
      what: `${partitions} partitions shared by ${workers} idle workers`,
      every: 500
    }
  )
}

/** The sum of a counter's series on /self/metrics. */
const count = (text: string, name: string): number =>
  [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].reduce((sum, [, n]) => sum + Number(n), 0)

const measure = async (rig: Rig, idle: Idle): Promise<Row & { readonly share: number }> => {
  const cluster = await rig.kafka()
  const topic = `idle-${idle.workers}-${idle.partitions}`
  await cluster.createTopic(topic, idle.partitions)
  const args = ["--brokers", cluster.bootstrap.join(), "--topic", topic, "--group-id", freshGroup("idle")]
  const pod = await startPod(rig.stage, topic, [...args, "--workers", String(idle.workers)])
  await settled(pod, idle)
  await delay(rig.quick ? 1_000 : 10_000)
  const look = async () => await pod.get("/self/metrics")
  const told = await look()
  const [before, started] = [await usageOf(pod.process.pid), performance.now()]
  await delay(rig.quick ? 3_000 : 60_000)
  const [after, seconds] = [await usageOf(pod.process.pid), (performance.now() - started) / 1000]
  const tells = await look()
  await pod.process.kill()
  const perSecond = (name: string): number => (count(tells, name) - count(told, name)) / seconds
  const share = (100 * (after.cpu - before.cpu)) / seconds
  rig.say(`${topic}: ${share.toFixed(2)} % of a core`)
  return {
    name: `--workers ${idle.workers}, ${idle.partitions} partitions`,
    cells: [share, share / idle.workers, perSecond("k2p_heartbeats_total"), perSecond("k2p_commits_total")],
    share
  }
}

export const idle: Bench = {
  name: "idle",
  about: "CPU of workers that have nothing to read",
  run: async (rig) => {
    const rows: Array<Row & { readonly share: number }> = []
    for (const each of cases) rows.push(await measure(rig, each))
    return [
      {
        title: "Idle workers",
        columns: [
          { name: "% of a core", better: "less", digits: 2 },
          { name: "a worker, % of a core", better: "less", digits: 2 },
          { name: "heartbeats/s", better: "neither", digits: 2 },
          { name: "commit requests/s", better: "neither", digits: 2 }
        ],
        rows,
        notes: ["Over a minute, all threads."]
      },
      goalTable("idle", [{ what: "a worker", measured: rows[0]!.share, unit: "% of a core", atMost: 0.5 }])
    ]
  }
}
