/**
 * Ingest: the CPU that it takes to read a filled topic on real Kafka to its end, for our pod, for Telegraf, which does the same job,
 * and for bare consumers, which only read. All of them read the same topic in the same run, one after the other.
 *
 * Measured: CPU seconds (user and system, all threads) of the reading process alone, the broker's are not in it although it shares the
 * cores; peak resident memory; wall time, which is the broker's and the machine's as well. Each reader's start on an empty topic is
 * taken off. After each run the endpoint is compared with what was sent: the newest round of every source, every series, every value;
 * a reader that fails in that gets its faults printed instead of a figure worth quoting.
 *
 * Why it does not favour us: the dumps carry a label of their own that tells sources apart, because Telegraf needs it; we add `instance` and
 * `job` to each series all the same. Telegraf runs with its best settings, the bare clients with theirs. The pod is asked for its status
 * five times a second; Telegraf's end is read from the broker. What favours us: nothing scrapes meanwhile, and Telegraf would pay more for that.
 */

import { type Bench, MB, median, type Rig, type Row, type Table } from "./Bench.ts"
import { type Backlog, type BacklogSpec, fillTopic, type Shape } from "./backlog.ts"
import { bareReaders } from "./peers/bareReader.ts"
import { kcatReader } from "./peers/kcat.ts"
import { podReader } from "./peers/pod.ts"
import { type Drained, type Reader, type Reading, readOf } from "./peers/Reader.ts"
import { telegrafReader } from "./peers/telegraf.ts"

const partitions = 8

interface Measured {
  readonly reader: Reader
  readonly start: Drained
  readonly runs: ReadonlyArray<Reading>
}

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
    all.push({ reader, start, runs })
  }
  return all
}

const tableOf = (backlog: Backlog, measured: ReadonlyArray<Measured>): Table => {
  const of = (runs: ReadonlyArray<Reading>, pick: (reading: Reading) => number): number => median(runs.map(pick))
  const ours = of(measured[0]!.runs, ({ net }) => net.cpu)
  const rows = measured.map(({ reader, start, runs }): Row => {
    const cpu = of(runs, ({ net }) => net.cpu)
    const faults = runs.flatMap((run) => run.faults ?? [])
    const right =
      runs[0]!.faults === undefined ? "shows nothing" : faults.length === 0 ? "all newest" : `${faults.length} FAULTS`
    return {
      name: reader.name,
      cells: [
        backlog.bytes / MB / cpu,
        (cpu / (backlog.bytes / MB)) * 1000,
        cpu / ours,
        of(runs, ({ net }) => net.user),
        of(runs, ({ net }) => net.system),
        start.usage.cpu,
        of(runs, ({ wall }) => wall),
        of(runs, ({ usage }) => usage.peak) / MB,
        right
      ]
    }
  })
  const what = backlog.shape === "dumps" ? "whole dumps" : "single lines"
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

const specOf = (shape: Shape, compression: BacklogSpec["compression"], quick: boolean): BacklogSpec => ({
  ...{ topic: `${shape}-${compression}`, shape, compression, partitions },
  // Services run for weeks: what a series costs when it is seen first should not be most of what is measured.
  sources: quick ? 40 : shape === "dumps" ? 400 : 100,
  rounds: quick ? 2 : shape === "dumps" ? 20 : 8
})

const ingest = (shape: Shape, compression: BacklogSpec["compression"]): Bench => ({
  name: `ingest-${shape}-${compression}`,
  about: `whole pod on Kafka against Telegraf and bare clients: ${shape}, ${compression}`,
  run: async (rig) => {
    const cluster = await rig.kafka()
    const spec = specOf(shape, compression, rig.quick)
    const backlog = await fillTopic(cluster, spec)
    const empty = await fillTopic(cluster, { ...spec, topic: `${spec.topic}-empty`, sources: 0 })
    const readers = [podReader(["--workers", "1"]), telegrafReader, await kcatReader(), ...(await bareReaders())]
    return [tableOf(backlog, await measure(rig, readers, backlog, empty))]
  }
})

export const ingestBenches: ReadonlyArray<Bench> = (["dumps", "lines"] as const).flatMap((shape) =>
  (["none", "gzip", "zstd"] as const).map((compression) => ingest(shape, compression))
)
