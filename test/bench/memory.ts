/**
 * Memory: the resident set of a pod by how much text it holds: 400, 800 and 1,600 sources with 1,000 series each, and Telegraf with 400;
 * and the same for the other shapes of input, at 400 and 1,600, each a benchmark of its own.
 *
 * Measured: the peak (VmHWM) from start until three rounds of every source were read at full speed; and the peak of twenty seconds
 * of steady life afterwards (the kernel's counter set back in between), with new rounds at the usual pace and a scrape as
 * Prometheus asks every five seconds. Live text is the newest round of every source as it was sent; what the pod holds and shows is longer by
 * `instance` and `job` on each series (see the body's size), which is not taken into account in our favour.
 *
 * Not measured: fragmentation after days.
 */
import { writeFile } from "node:fs/promises"
import { setTimeout as delay } from "node:timers/promises"
import { type Bench, MB, type Rig, type Row } from "./Bench.ts"
import { type Backlog, fillTopic } from "./backlog.ts"
import { type Shape, shapes } from "./dumps/shapes.ts"
import { startFeeder } from "./feeding.ts"
import { goalTable } from "./goals.ts"
import { startBenchPod, untilRead } from "./peers/pod.ts"
import { freshGroup, type ReaderEnv } from "./peers/Reader.ts"
import { startTelegraf, untilDelivered } from "./peers/telegraf.ts"
import { telegrafVersion } from "./peers/telegrafBinary.ts"
import { asPrometheus, asText, scrape } from "./scrapeClient.ts"
import { usageOf } from "./usage.ts"

const partitions = 8
const lifeMs = 20_000

/** A reader that has read the backlog. */
interface Subject {
  readonly name: string
  readonly pid: number
  readonly url: string
  readonly end: () => Promise<void>
}

const podOn = async (env: ReaderEnv, backlog: Backlog): Promise<Subject> => {
  const pod = await startBenchPod(env, backlog.topic)
  await untilRead(pod, backlog)
  return { name: "kafka2prom", pid: pod.process.pid, url: pod.url("/metrics"), end: () => pod.process.kill() }
}

const telegrafOn = async (env: ReaderEnv, backlog: Backlog): Promise<Subject> => {
  const group = freshGroup("telegraf")
  const telegraf = await startTelegraf(env, backlog, group)
  await untilDelivered(env.cluster, group, backlog)
  return { name: "Telegraf", pid: telegraf.process.pid, url: telegraf.url, end: () => telegraf.process.kill() }
}

const liveText = ({ newest }: Backlog): number =>
  [...newest.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)

const measure = async (
  { stage, cluster }: ReaderEnv,
  { topic, shape, sources, newest }: Backlog,
  live: number,
  subject: Subject
): Promise<Row> => {
  const catchingUp = (await usageOf(subject.pid)).peak
  // Sets VmHWM back to what is resident now.
  await writeFile(`/proc/${subject.pid}/clear_refs`, "5")
  const feeder = await startFeeder(stage, cluster, { topic, shape, partitions, sources, pace: live / 30, seconds: 120 })
  const until = performance.now() + lifeMs
  while (performance.now() < until) {
    await scrape(subject.url, asPrometheus)
    await delay(5_000)
  }
  const { bytes } = await scrape(subject.url, asText)
  const living = (await usageOf(subject.pid)).peak
  await feeder.kill()
  await subject.end()
  return {
    name: `${subject.name}, ${newest.size} sources`,
    cells: [live / MB, bytes / MB, catchingUp / MB, catchingUp / live, living / MB, living / live]
  }
}

const memory = (shape: Shape): Bench => ({
  name: shape === "dumps" ? "memory" : `memory-${shape}`,
  about: `peak resident memory at 1 to 4 times 49 MB of live text${shape === "dumps" ? "; Telegraf's at 1" : `: ${shapes[shape].what}`}`,
  run: async (rig: Rig) => {
    const cluster = await rig.kafka()
    const env = { stage: rig.stage, cluster }
    const rows: Array<Row> = []
    let all: ReadonlyArray<{ readonly live: number; readonly cells: Row["cells"] }> = []
    if (shape === "dumps") {
      await cluster.createTopic("memory-0", partitions)
      const idle = await startBenchPod(env, "memory-0")
      await untilRead(idle, { topic: "memory-0", ends: new Map([[0, 0]]) })
      const bare = (await usageOf(idle.process.pid)).peak
      rows.push({ name: "kafka2prom, no sources", cells: [0, undefined, bare / MB] })
      await idle.process.kill()
    }
    for (const times of shape === "dumps" ? [1, 2, 4] : [1, 4]) {
      const backlog = await fillTopic(cluster, {
        ...{ topic: `memory-${shape}-${times}`, shape, compression: "none", partitions, rounds: 3 },
        sources: (rig.quick ? 20 : shapes[shape].singleLines ? 330 : 400) * times
      })
      const live = liveText(backlog)
      const row = await measure(env, backlog, live, await podOn(env, backlog))
      rig.say(`${row.name}: ${(row.cells[2] as number).toFixed(0)} MB`)
      rows.push(row)
      all = [...all, { live, cells: row.cells }]
      if (shape === "dumps" && times === 1) {
        rig.met("Telegraf", telegrafVersion)
        rows.push(await measure(env, backlog, live, await telegrafOn(env, backlog)))
      }
      await cluster.admin.deleteTopics({ topics: [backlog.topic] })
    }
    const cell = (i: number, column: number): number => all.at(i)!.cells[column] as number
    const growth = (column: number): number =>
      (cell(-1, column) - cell(0, column)) / ((all.at(-1)!.live - all[0]!.live) / MB)
    rows.push({
      name: "growth of ours from 1x to 4x, MB per MB of live text",
      cells: [undefined, undefined, undefined, growth(2), undefined, growth(4)]
    })
    return [
      {
        title: `Memory by live text${shape === "dumps" ? "" : `, ${shapes[shape].what}`}`,
        columns: [
          { name: "live text, MB", better: "neither", digits: 1 },
          { name: "body, MB", better: "neither", digits: 1 },
          { name: "peak while catching up, MB", better: "less", digits: 0 },
          { name: "per live MB", better: "less", digits: 2 },
          { name: "peak in steady life, MB", better: "less", digits: 0 },
          { name: "steady, per live MB", better: "less", digits: 2 }
        ],
        rows,
        notes: ["Resident set, with Node itself."]
      },
      goalTable(`memory, ${shapes[shape].what}`, [
        { what: "peak at 1x", measured: Math.max(cell(0, 2), cell(0, 4)), unit: "MB", atMost: 250 },
        { what: "growth, MB per MB of live text", measured: Math.max(growth(2), growth(4)), atMost: 1.5 }
      ])
    ]
  }
})

const measuredShapes: ReadonlyArray<Shape> = [
  "dumps",
  "headerless",
  "snapshots",
  "lines",
  "churn",
  "shuffled",
  "executors"
]

export const memoryBenches: ReadonlyArray<Bench> = measuredShapes.map(memory)
