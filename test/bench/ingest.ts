/**
 * Ingest: the CPU that it takes to read a filled topic on real Kafka to its end, for our pod, for Telegraf, which does the same job,
 * and for bare consumers, which only read; each shape of input (`dumps/shapes.ts`) a benchmark of its own. All of them read the same topic
 * in the same run, one after the other; for the shapes that are compared with numbered dumps, the pod reads a topic of those in the same run, too.
 *
 * Measured: CPU seconds (user and system, all threads) of the reading process alone, the broker's are not in it although it shares the
 * cores; peak resident memory; wall time, which is the broker's and the machine's as well. Each reader's start on an empty topic is
 * taken off. After each run the endpoint is compared with what was sent: the newest round of every source, every series, every value;
 * a reader that fails in that gets its faults printed instead of a figure worth quoting.
 *
 * Why it does not favour us: the dumps carry a label of their own that tells sources apart, because Telegraf needs it; we add `instance` and
 * `job` to each series all the same. Telegraf runs with its best settings, the bare clients with theirs. The pod is asked for its status
 * five times a second; Telegraf's end is read from the broker. What favours us: nothing scrapes meanwhile, and Telegraf would pay more for that.
 * Where series go, Telegraf goes on showing them: that is in its faults, and in no figure.
 */

import { type Bench, MB, median, type Rig, type Row, type Table } from "./Bench.ts"
import { type Backlog, type BacklogSpec, fillTopic } from "./backlog.ts"
import { type Shape, shapes } from "./dumps/shapes.ts"
import { type Goal, goalTable } from "./goals.ts"
import { bareReaders } from "./peers/bareReader.ts"
import { kcatReader } from "./peers/kcat.ts"
import { podReader } from "./peers/pod.ts"
import { type Drained, type Reader, type Reading, readOf } from "./peers/Reader.ts"
import { telegrafReader } from "./peers/telegraf.ts"

const partitions = 8
/** One round in ten is a source's first. */
const usualRounds = 10
/** What compiling costs in a process's first seconds is a quarter of what it is of a usual run: nearer to what a fleet pays. */
const manyRounds = 40

interface Measured {
  readonly name: string
  readonly backlog: Backlog
  readonly start: Drained
  readonly runs: ReadonlyArray<Reading>
}

const cpuOf = ({ runs }: Measured): number => median(runs.map(({ net }) => net.cpu))
/** CPU seconds a byte. */
const priceOf = (measured: Measured): number => cpuOf(measured) / measured.backlog.bytes

const measure = async (
  rig: Rig,
  readers: ReadonlyArray<Reader>,
  backlog: Backlog,
  empty: Backlog
): Promise<ReadonlyArray<Measured>> => {
  const env = { stage: rig.stage, cluster: await rig.kafka() }
  const all: Array<Measured> = []
  for (const reader of readers) {
    rig.met(reader.name, reader.version)
    const start = await reader.drain(env, empty)
    const runs: Array<Reading> = []
    // The slow ones repeat themselves closely; the fast ones are noisy, and cheap to run again.
    const times = rig.quick || reader === telegrafReader ? 1 : 3
    for (let i = 0; i < times; i++) runs.push(await readOf(reader, env, backlog, start))
    const cpu = median(runs.map(({ net }) => net.cpu))
    rig.say(
      `${backlog.topic}: ${reader.name}: ${(backlog.bytes / MB / cpu).toFixed(1)} MB per CPU second (start ${start.usage.cpu.toFixed(2)} s)`
    )
    for (const fault of runs.flatMap(({ faults }) => faults ?? []).slice(0, 5))
      rig.say(`  FAULT of ${reader.name}: ${fault}`)
    all.push({ name: reader.name, backlog, start, runs })
  }
  return all
}

const tableOf = (measured: ReadonlyArray<Measured>): Table => {
  const of = (runs: ReadonlyArray<Reading>, pick: (reading: Reading) => number): number => median(runs.map(pick))
  const { backlog } = measured[0]!
  const ours = priceOf(measured[0]!)
  const rows = measured.map((each): Row => {
    const { name, start, runs } = each
    const faults = runs.flatMap((run) => run.faults ?? [])
    const right =
      runs[0]!.faults === undefined ? "shows nothing" : faults.length === 0 ? "all newest" : `${faults.length} FAULTS`
    return {
      name,
      cells: [
        1 / priceOf(each) / MB,
        priceOf(each) * MB * 1000,
        priceOf(each) / ours,
        of(runs, ({ net }) => net.user),
        of(runs, ({ net }) => net.system),
        start.usage.cpu,
        of(runs, ({ wall }) => wall),
        of(runs, ({ usage }) => usage.peak) / MB,
        right
      ]
    }
  })
  const { what } = shapes[backlog.shape]
  return {
    title: `Ingest of ${what}, ${backlog.compression === "none" ? "uncompressed" : backlog.compression}: ${(backlog.bytes / MB).toFixed(0)} MB in ${backlog.records} records of ${Math.round(backlog.bytes / backlog.records)} bytes, ${backlog.sources} sources, ${backlog.rounds} rounds, ${partitions} partitions`,
    columns: [
      { name: "MB per CPU second", better: "more", digits: 1 },
      { name: "CPU ms per MB", better: "less", digits: 2 },
      { name: "CPU, ours = 1", better: "neither", digits: 2 },
      { name: "user s", better: "less", digits: 2 },
      { name: "system s", better: "less", digits: 2 },
      { name: "start, CPU s", better: "less", digits: 2 },
      { name: "wall s, with start", better: "less", digits: 1 },
      { name: "peak RSS, MB", better: "less", digits: 0 },
      { name: "endpoint shows", better: "neither" }
    ],
    rows,
    notes: [
      "MB are of the records' values before compression. Median of 3 runs, Telegraf one. CPU without the process's start, wall and peak with it."
    ]
  }
}

/** What our pod's price should be, by the others' of the same run. */
const goalsOf = (shape: Shape, packed: boolean, measured: ReadonlyArray<Measured>): ReadonlyArray<Goal> => {
  const [ours, ...others] = measured
  const against = (name: string): number =>
    priceOf(ours!) / priceOf(others.find((other) => other.name.startsWith(name))!)
  const goals: Array<Goal> = []
  if (packed && shape === "dumps")
    goals.push({ what: "CPU against our own transport", measured: against("our Transport"), atMost: 1.5 })
  else if (shape === "dumps" || shape === "lines")
    goals.push({ what: "CPU against bare kafkajs", measured: against("kafkajs"), atMost: 1 })
  if (shape === "headerless" || shape === "snapshots")
    goals.push({ what: "CPU against numbered dumps", measured: against("kafka2prom"), atMost: 1.3 })
  if (!shapes[shape].singleLines)
    goals.push({ what: "Telegraf's CPU against ours", measured: 1 / against("Telegraf"), atLeast: 20 })
  return goals
}

const specOf = (
  shape: Shape,
  compression: BacklogSpec["compression"],
  rounds: number,
  quick: boolean
): BacklogSpec => ({
  ...{ topic: `${shape}-${compression}-${rounds}`, shape, compression, partitions },
  // 49 MB of live text in each shape.
  sources: quick ? 40 : shapes[shape].singleLines ? 330 : 400,
  rounds: quick ? 2 : rounds
})

/** The pod alone, on numbered dumps. */
const beside = async (rig: Rig, pod: Reader): Promise<Measured> => {
  const cluster = await rig.kafka()
  const spec = { ...specOf("dumps", "none", usualRounds, rig.quick), topic: `beside-${performance.now().toFixed(0)}` }
  const backlog = await fillTopic(cluster, spec)
  const empty = await fillTopic(cluster, { ...spec, topic: `${spec.topic}-empty`, sources: 0 })
  const [measured] = await measure(rig, [pod], backlog, empty)
  await cluster.admin.deleteTopics({ topics: [spec.topic] })
  return { ...measured!, name: `${pod.name}, numbered dumps` }
}

const ingest = (shape: Shape, compression: BacklogSpec["compression"], rounds = usualRounds): Bench => ({
  name: `ingest-${shape}-${compression}${rounds === usualRounds ? "" : `-${rounds}`}`,
  about: `whole pod on Kafka against Telegraf and bare clients: ${shapes[shape].what}, ${compression}, ${rounds} rounds`,
  run: async (rig) => {
    const cluster = await rig.kafka()
    const spec = specOf(shape, compression, rounds, rig.quick)
    const backlog = await fillTopic(cluster, spec)
    const empty = await fillTopic(cluster, { ...spec, topic: `${spec.topic}-empty`, sources: 0 })
    const pod = podReader(["--workers", "1"])
    const plain = shape === "dumps" || shape === "lines"
    const bare = await bareReaders()
    const readers = plain
      ? [pod, telegrafReader, await kcatReader(), ...bare]
      : [pod, telegrafReader, ...bare.slice(0, 2)]
    const measured = [...(await measure(rig, readers, backlog, empty)), ...(plain ? [] : [await beside(rig, pod)])]
    await cluster.admin.deleteTopics({ topics: [spec.topic] })
    const goals = goalsOf(shape, compression !== "none", measured)
    return [tableOf(measured), goalTable(`${shapes[shape].what}, ${compression}, ${rounds} rounds`, goals)]
  }
})

const packable: ReadonlyArray<Shape> = ["dumps", "lines"]
const others: ReadonlyArray<Shape> = ["headerless", "snapshots", "churn", "shuffled", "executors"]

export const ingestBenches: ReadonlyArray<Bench> = [
  ingest("dumps", "none", manyRounds),
  ...packable.flatMap((shape) => (["none", "gzip", "zstd"] as const).map((compression) => ingest(shape, compression))),
  ...others.map((shape) => ingest(shape, "none"))
]
