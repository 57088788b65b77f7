/**
 * Scrape under ingest: 400 sources with 1,000 series each, new rounds of them arriving all the time (8 MB a second, each source every six
 * seconds, five times the usual pace), and scrapes of all of it: in plain text, and as Prometheus asks by default (OpenMetrics preferred, gzip).
 *
 * Measured for our pod and for Telegraf: wall time to the first and last byte; CPU seconds of the process per scrape, what it uses for
 * ingest in the same time taken off (measured just before, without scrapes); and for our pod the longest stall of its event loop while
 * it is scraped and while it is not, by its own `nodejs_eventloop_lag_max_seconds`, which is the longest turn. A stall is
 * what a heartbeat or another scrape could wait. Telegraf has threads and no such loop.
 *
 * Why it does not favour us: both have the same feed and the same scraper, which throws the bytes away; our series carry two more labels. With
 * worker threads the stall is the main thread's, which answers the scrapes.
 */
import { setTimeout as delay } from "node:timers/promises"
import type { Pod } from "../support/pods.ts"
import { type Bench, MB, median, type Rig, type Row } from "./Bench.ts"
import { fillTopic } from "./backlog.ts"
import { startFeeder } from "./feeding.ts"
import { startBenchPod, untilRead } from "./peers/pod.ts"
import { freshGroup } from "./peers/Reader.ts"
import { startTelegraf, untilDelivered } from "./peers/telegraf.ts"
import { telegrafVersion } from "./peers/telegrafBinary.ts"
import { asPrometheus, asText, type Scraped, scrape } from "./scrapeClient.ts"
import { usageOf } from "./usage.ts"

const partitions = 8

interface Subject {
  readonly name: string
  readonly pid: number
  readonly url: string
  /** ms since it was asked last; undefined where there is no event loop. */
  readonly stall: () => Promise<number | undefined>
}

const stallOf = async (pod: Pod): Promise<number> => {
  const seconds = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await pod.get("/self/metrics"))?.[1]
  return Number(seconds) * 1000
}

const cpuWhile = async <A>(
  pid: number,
  work: () => Promise<A>
): Promise<readonly [result: A, cpu: number, wall: number]> => {
  const [before, started] = [await usageOf(pid), performance.now()]
  const result = await work()
  const wall = (performance.now() - started) / 1000
  return [result, (await usageOf(pid)).cpu - before.cpu, wall]
}

const measure = async (rig: Rig, subject: Subject, times: number): Promise<ReadonlyArray<Row>> => {
  // Compiled, and its buffers as large as they get.
  for (let i = 0; i < 2; i++) for (const headers of [asText, asPrometheus]) await scrape(subject.url, headers)
  await subject.stall()
  const [, idleCpu, idleWall] = await cpuWhile(subject.pid, () => delay(rig.quick ? 2_000 : 10_000))
  const idleStall = await subject.stall()
  const ingest = idleCpu / idleWall
  const rows: Array<Row> = []
  for (const [how, headers] of [
    ["text", asText],
    ["as Prometheus asks", asPrometheus]
  ] as const) {
    await subject.stall()
    const [scrapes, cpu, wall] = await cpuWhile(subject.pid, async () => {
      const all: Array<Scraped> = []
      for (let i = 0; i < times; i++) {
        all.push(await scrape(subject.url, headers))
        await delay(500)
      }
      return all
    })
    const stall = await subject.stall()
    const of = (pick: (scraped: Scraped) => number): number => median(scrapes.map(pick))
    rig.say(`${subject.name}, ${how}: ${of(({ last }) => last).toFixed(0)} ms`)
    rows.push({
      name: `${subject.name}, ${how}`,
      cells: [
        of(({ last }) => last),
        Math.max(...scrapes.map(({ last }) => last)),
        of(({ first }) => first),
        (cpu - ingest * wall) / times,
        of(({ bytes }) => bytes) / MB,
        stall,
        idleStall,
        ingest
      ]
    })
  }
  return rows
}

export const scrapeUnderIngest: Bench = {
  name: "scrape",
  about: "400,000 series scraped while new rounds arrive: our pod and Telegraf",
  run: async (rig) => {
    const { stage, quick } = rig
    const cluster = await rig.kafka()
    const sources = quick ? 40 : 400
    const topic = "scraped"
    const backlog = await fillTopic(cluster, {
      ...{ topic, shape: "dumps", compression: "none", partitions, sources, rounds: 1 }
    })
    const pace = quick ? 1 * MB : 8 * MB
    const feed = { topic, partitions, sources, pace, seconds: 300 }
    const env = { stage, cluster }

    const pod = await startBenchPod(env, topic)
    await untilRead(pod, backlog)
    const beside = await startFeeder(stage, cluster, feed)
    const ours = await measure(
      rig,
      { name: "kafka2prom", pid: pod.process.pid, url: pod.url("/metrics"), stall: () => stallOf(pod) },
      quick ? 3 : 15
    )
    await beside.kill()
    await pod.process.kill()

    rig.met("Telegraf", telegrafVersion)
    const group = freshGroup("telegraf")
    const telegraf = await startTelegraf(env, backlog, group)
    await untilDelivered(cluster, group, backlog)
    const besideIt = await startFeeder(stage, cluster, feed)
    const theirs = await measure(
      rig,
      { name: "Telegraf", pid: telegraf.process.pid, url: telegraf.url, stall: async () => undefined },
      quick ? 2 : 5
    )
    await besideIt.kill()
    await telegraf.process.kill()

    const ratio = (column: number): ReadonlyArray<number> =>
      ours.map(({ cells }, i) => (theirs[i]!.cells[column] as number) / (cells[column] as number))
    const ratios = ours.map(
      ({ name }, i): Row => ({
        name: `Telegraf / ours, ${name.slice(name.indexOf(",") + 2)}`,
        cells: [ratio(0)[i], undefined, undefined, ratio(3)[i]]
      })
    )
    return [
      {
        title: `Scrape of ${sources * 1_000} series while ${pace / MB} MB/s arrive`,
        columns: [
          { name: "ms, median", better: "less", digits: 1 },
          { name: "ms, longest", better: "less", digits: 0 },
          { name: "ms to first byte", better: "less", digits: 1 },
          { name: "CPU s a scrape", better: "less", digits: 3 },
          { name: "MB sent", better: "neither", digits: 1 },
          { name: "longest stall, ms", better: "less", digits: 1 },
          { name: "stall without scrapes, ms", better: "less", digits: 1 },
          { name: "cores for ingest", better: "less", digits: 3 }
        ],
        rows: [...ours, ...theirs, ...ratios],
        notes: ["CPU of a scrape is what the process used beyond its ingest of the same seconds."]
      }
    ]
  }
}
