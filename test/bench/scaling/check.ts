/**
 * Check: what the model says of one pod, beside what a pod needs: three sizes of live text, five rounds of each source read from Kafka to the
 * end by a pod with one worker, then scraped three times as Prometheus asks; medians of three pods each. And the line through the three sizes:
 * its slope is what grows with the load, its base what a pod spends once (compiling what an empty topic never ran, above all).
 * Also what no benchmark measures: a pod's memory by workers, what a codec makes of a dump, what a large group's leader works.
 *
 * The figures that the model starts from come from other runs and mostly from one other size, so agreement is not by construction; the dumps
 * are of the same kind. CPU is without the pod's start, to 10 ms. Memory is the peak until all is read and scraped.
 */
import { gzipSync, zstdCompressSync } from "node:zlib"
import { assignTwoStep } from "../../../src/engine/group/Assignor.ts"
import { startKafka } from "../../support/kafka.ts"
import { openStage } from "../../support/processes.ts"
import { median } from "../Bench.ts"
import { type Backlog, fillTopic } from "../backlog.ts"
import { mixedService } from "../dumps/mixed.ts"
import { startBenchPod, untilRead } from "../peers/pod.ts"
import type { ReaderEnv } from "../peers/Reader.ts"
import { asPrometheus, scrape } from "../scrapeClient.ts"
import { usageOf } from "../usage.ts"
import { straight } from "./Figures.ts"
import { type Given, MB, readingCpu, residentOf } from "./Model.ts"
import { membersOf } from "./membersOf.ts"
import { grid } from "./tables.ts"

const [partitions, rounds] = [8, 5]
const sizes = [100, 200, 400] as const
const [scrapes, pods] = [3, 3]
const spec = { shape: "dumps", compression: "none", partitions } as const

const short = (value: number): string => value.toPrecision(3)

interface Needs {
  readonly reading: number
  readonly peak: number
  readonly scraping: number
  readonly fastest: number
}

const needsOf = async (env: ReaderEnv, backlog: Backlog, start: number): Promise<Needs> => {
  const pod = await startBenchPod(env, backlog.topic)
  await untilRead(pod, backlog)
  const reading = (await usageOf(pod.process.pid)).cpu - start
  let fastest = Number.POSITIVE_INFINITY
  for (let i = 0; i < scrapes; i++) fastest = Math.min(fastest, (await scrape(pod.url("/metrics"), asPrometheus)).last)
  const { cpu, peak } = await usageOf(pod.process.pid)
  await pod.process.kill()
  return { reading, peak, scraping: (cpu - start - reading) / scrapes, fastest: fastest / 1_000 }
}

interface Size {
  readonly sources: number
  readonly live: number
  readonly said: Needs
  readonly measured: Needs
}

const sizeOf = async (env: ReaderEnv, sources: number, start: number, given: Given): Promise<Size> => {
  const { coefficients: c } = given
  const backlog = await fillTopic(env.cluster, { ...spec, topic: `check-${sources}`, sources, rounds })
  const all: Array<Needs> = []
  for (let i = 0; i < pods; i++) all.push(await needsOf(env, backlog, start))
  const middle = (what: keyof Needs): number => median(all.map((each) => each[what]))
  const live = backlog.bytes / rounds
  const body = live * c.bodyPerLive
  return {
    ...{ sources, live },
    said: {
      reading: readingCpu(backlog.bytes, live, given),
      peak: residentOf(live, 1, given),
      scraping: body * c.scrapeCpu,
      fastest: body * c.scrapeWall
    },
    measured: {
      reading: middle("reading"),
      peak: middle("peak"),
      scraping: middle("scraping"),
      fastest: middle("fastest")
    }
  }
}

const needs: ReadonlyArray<readonly [what: keyof Needs, name: string, unit: number]> = [
  ["reading", `reading ${rounds} rounds, CPU s`, 1],
  ["peak", "peak memory, MB", MB],
  ["scraping", "a scrape, CPU s", 1],
  ["fastest", "a scrape, s", 1]
]

const compared = (found: ReadonlyArray<Size>): string =>
  grid(
    ["live text", "", "the model", "measured", "measured / model"],
    found.flatMap(({ sources, live, said, measured }) =>
      needs.map(([what, name, unit]) => [
        `${(live / MB).toFixed(1)} MB (${sources} sources)`,
        name,
        short(said[what] / unit),
        short(measured[what] / unit),
        short(measured[what] / said[what])
      ])
    )
  )

const lines = (found: ReadonlyArray<Size>): string =>
  grid(
    [
      "the line through the three",
      "a MB of live text, the model",
      "measured",
      "measured / model",
      "at nothing, the model",
      "measured"
    ],
    needs.map(([what, name, unit]) => {
      const line = (of: (size: Size) => Needs) =>
        straight(found.map((size) => [size.live / MB, of(size)[what] / unit] as const))
      const [said, measured] = [line(({ said }) => said), line(({ measured }) => measured)]
      return [
        name,
        short(said.slope),
        short(measured.slope),
        short(measured.slope / said.slope),
        short(Math.abs(said.base) < 1e-9 ? 0 : said.base),
        short(measured.base)
      ]
    })
  )

const workersOf = async (env: ReaderEnv, empty: Backlog): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const rows: Array<ReadonlyArray<string>> = []
  for (const count of [1, 2, 4]) {
    const pod = await startBenchPod(env, empty.topic, ["--workers", String(count)])
    await untilRead(pod, empty)
    rows.push([`--workers ${count}`, short((await usageOf(pod.process.pid)).peak / MB)])
    await pod.process.kill()
  }
  return rows
}

const codecs = (): ReadonlyArray<ReadonlyArray<string>> => {
  const dumps = [0, 1, 2, 3].flatMap((i) => {
    const service = mixedService(i)
    return [service.round(), service.round()]
  })
  const ratio = (pack: (dump: Buffer) => Buffer): string =>
    short(dumps.reduce((sum, { length }) => sum + length, 0) / dumps.reduce((sum, dump) => sum + pack(dump).length, 0))
  return [
    ["gzip", ratio((dump) => gzipSync(dump))],
    ["zstd", ratio((dump) => zstdCompressSync(dump))]
  ]
}

const leading = (): ReadonlyArray<ReadonlyArray<string>> =>
  [16, 200, 800, 3_200].map((count) => {
    const group = membersOf(count, count * 4)
    // One that came holds nothing yet: everybody's share changes.
    const members = [{ ...group.members[0]!, memberId: "new", claims: group.noClaims }, ...group.members]
    const times = [0, 1, 2, 3, 4].map(() => {
      const started = performance.now()
      assignTwoStep(members, group.partitions, group.loads)
      return performance.now() - started
    })
    return [String(count), String(count * 4), short(median(times))]
  })

export const check = async (given: Given): Promise<string> => {
  const stage = await openStage()
  try {
    const cluster = await startKafka({ version: "3.9.1", settings: { "log.retention.check.interval.ms": "3600000" } })
    try {
      const env = { stage, cluster }
      const empty = await fillTopic(cluster, { ...spec, topic: "check-empty", sources: 0, rounds: 0 })
      const starts = []
      for (let i = 0; i < pods; i++) {
        const pod = await startBenchPod(env, empty.topic)
        await untilRead(pod, empty)
        starts.push((await usageOf(pod.process.pid)).cpu)
        await pod.process.kill()
      }
      const found: Array<Size> = []
      for (const sources of sizes) {
        found.push(await sizeOf(env, sources, median(starts), given))
        process.stderr.write(`${sources} sources are done\n`)
      }
      return [
        compared(found),
        lines(found),
        grid(["idle pod", "peak memory, MB"], await workersOf(env, empty)),
        grid(["codec", "a dump / packed"], codecs()),
        grid(["members", "partitions", "leader's ms when one more came"], leading())
      ].join("\n")
    } finally {
      await cluster.stop()
    }
  } finally {
    await stage.close()
  }
}
