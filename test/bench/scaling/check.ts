/**
 * Check: what the model says of one pod, beside what a pod needs: three sizes of live text, five rounds of each source read from Kafka to the
 * end by a pod with one worker, then scraped three times as Prometheus asks. Also what no benchmark measures: a pod's memory by workers
 * without text, what a codec makes of a dump, and what the group's leader works at a large group.
 *
 * The figures that the model starts from were measured at other sizes and in other runs, so agreement is not by construction, except that
 * dumps are of the same kind. CPU is without the pod's start. Memory is the peak until all is read and scraped.
 */
import { gzipSync, zstdCompressSync } from "node:zlib"
import { assignTwoStep } from "../../../src/engine/Assignor.ts"
import { startKafka } from "../../support/kafka.ts"
import { openStage } from "../../support/processes.ts"
import { fillTopic } from "../backlog.ts"
import { mixedService } from "../dumps/mixed.ts"
import { startBenchPod, untilRead } from "../peers/pod.ts"
import type { ReaderEnv } from "../peers/Reader.ts"
import { asPrometheus, scrape } from "../scrapeClient.ts"
import { usageOf } from "../usage.ts"
import { type Given, MB, readingCpu, residentOf } from "./Model.ts"
import { membersOf } from "./membersOf.ts"
import { grid } from "./tables.ts"

const [partitions, rounds] = [8, 5]
const sizes = [100, 200, 400] as const
const scrapes = 3

const short = (value: number): string => value.toPrecision(3)

const podOf = async (env: ReaderEnv, sources: number, given: Given): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const { coefficients: c } = given
  const spec = { shape: "dumps", compression: "none", partitions } as const
  const empty = await fillTopic(env.cluster, { ...spec, topic: `check-${sources}-empty`, sources: 0, rounds: 0 })
  const backlog = await fillTopic(env.cluster, { ...spec, topic: `check-${sources}`, sources, rounds })
  const idle = await startBenchPod(env, empty.topic)
  await untilRead(idle, empty)
  const start = (await usageOf(idle.process.pid)).cpu
  await idle.process.kill()
  const pod = await startBenchPod(env, backlog.topic)
  await untilRead(pod, backlog)
  const read = (await usageOf(pod.process.pid)).cpu - start
  let wall = Number.POSITIVE_INFINITY
  for (let i = 0; i < scrapes; i++) wall = Math.min(wall, (await scrape(pod.url("/metrics"), asPrometheus)).last)
  const { cpu, peak } = await usageOf(pod.process.pid)
  const scraping = (cpu - start - read) / scrapes
  await pod.process.kill()
  const live = backlog.bytes / rounds
  const body = live * c.bodyPerLive
  const row = (what: string, said: number, measured: number, unit: string): ReadonlyArray<string> => [
    `${sources} sources, ${(live / MB).toFixed(1)} MB live`,
    `${what}, ${unit}`,
    short(said),
    short(measured),
    short(measured / said)
  ]
  return [
    row("reading", readingCpu(backlog.bytes, live, given), read, "CPU s"),
    row("peak memory", residentOf(live, 1, given) / MB, peak / MB, "MB"),
    row("a scrape", body * c.scrapeCpu, scraping, "CPU s"),
    row("the fastest scrape", body * c.scrapeWall, wall / 1_000, "s")
  ]
}

const workersOf = async (env: ReaderEnv): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const empty = await fillTopic(env.cluster, {
    ...{ topic: "check-workers", shape: "dumps", compression: "none", partitions, sources: 0, rounds: 0 }
  })
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
    const started = performance.now()
    assignTwoStep(members, group.partitions, group.loads)
    return [String(count), String(count * 4), short(performance.now() - started)]
  })

export const check = async (given: Given): Promise<string> => {
  const stage = await openStage()
  try {
    const cluster = await startKafka({ version: "3.9.1", settings: { "log.retention.check.interval.ms": "3600000" } })
    try {
      const env = { stage, cluster }
      const rows: Array<ReadonlyArray<string>> = []
      for (const sources of sizes) {
        rows.push(...(await podOf(env, sources, given)))
        process.stderr.write(`${sources} sources are done\n`)
      }
      return [
        grid(["", "", "the model", "measured", "measured / model"], rows),
        grid(["idle pod", "peak memory, MB"], await workersOf(env)),
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
