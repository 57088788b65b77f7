/**
 * How near a query comes to what it would be if Prometheus scraped the services themselves: counters of exactly ten a second, dumped and
 * scraped at every pair of intervals at the same time, in scrape mode, in event mode and directly, by real Prometheus servers. Also how long
 * a series is shown that is gone, what handoffs leave behind, and what becomes of samples with odd times. Prints tables; asserts nothing.
 *
 * Run: npm run measure:rate -- [--minutes 12] [--dumps 10,15,30,60] [--scrapes 10,15,30,60] [--windows 1m,2m,5m] [--seed 1]
 *        [--prometheus 2.42=prometheus,3.16=/path/to/prometheus]. It takes that long, the longest window and some three minutes, at little CPU.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { parseArgs } from "node:util"
import kafkajs from "kafkajs"
import { partitionOf } from "../../../src/agent/Partitioner.ts"
import "../../../src/transport/kafka/connection/RequestQueuePatch.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { type Pod, startPod, untilSpread } from "../../support/pods.ts"
import { openStage } from "../../support/processes.ts"
import { until } from "../../support/until.ts"
import {
  directTable,
  handoffs,
  lingering,
  markdown,
  type Plan,
  quietRefusals,
  ratesOf,
  rateTable,
  type Span,
  secondsOf,
  summary
} from "./Findings.ts"
import { canTrack, Prometheus, type Via } from "./Prometheus.ts"
import { Services } from "./Services.ts"
import { stamps } from "./Stamps.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "12" },
    dumps: { type: "string", default: "10,15,30,60" },
    scrapes: { type: "string", default: "10,15,30,60" },
    windows: { type: "string", default: "1m,2m,5m" },
    seed: { type: "string", default: "1" },
    prometheus: { type: "string", default: "installed=prometheus" }
  }
})
const numbers = (list: string) => list.split(",").map(Number)
const topic = "metrics"
const partitions = 8
const host = "edge"
const [steady, each] = [5, 2]
const pairScrape = 15
const seconds = Number(values.minutes) * 60
const windows = values.windows.split(",")
const longest = Math.max(...windows.map(secondsOf))
const programs = values.prometheus.split(",").map((named) => {
  const at = named.indexOf("=")
  return { version: named.slice(0, at), program: named.slice(at + 1) }
})

const say = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)

const direct = { name: "direct", title: "direct scrape" }
const scrape = { name: "scrape", title: "scrape mode" }
const event = { name: "event", title: "event mode" }
const tracked = { name: "tracked", title: "event mode, track_timestamps_staleness" }
const ignored = { name: "ignored", title: "event mode, honor_timestamps: false" }

const stage = await openStage()
let kafka: KafkaCluster | undefined
let services: Services | undefined
try {
  const cluster = await startKafka({ version: "3.9.1" })
  kafka = cluster
  const brokers = cluster.bootstrap.join()
  await cluster.createTopic(topic, partitions)
  const producer = new kafkajs.Kafka({ brokers: [...cluster.bootstrap], logLevel: kafkajs.logLevel.NOTHING }).producer()
  await producer.connect()
  const folder = join(stage.dir, "dumps")
  await mkdir(folder)
  const plain = {
    ...{ dumps: numbers(values.dumps), scrapes: numbers(values.scrapes), windows, pairScrape, steady },
    ...{
      modes: [direct, scrape, event],
      rated: [scrape, event],
      pairs: [scrape, event].map(({ name, title }) => ({ name: `pair-${name}`, title }))
    }
  }
  const end = async (name: string) => {
    const key = `${host}/${name}`
    const message = { key, value: null, partition: partitionOf(Buffer.from(key), partitions) }
    await producer.send({ topic, messages: [message], acks: -1 })
  }
  const running = new Services({ folder, dumps: plain.dumps, steady, each, seed: Number(values.seed), end })
  services = running
  await running.start()
  stage.program("agent", [
    ...["agent", "--brokers", brokers, "--topic", topic, "--host", host, "--job", "shop"],
    ...["--dump", join(folder, "*.prom"), "--state-dir", join(stage.dir, "state")]
  ])
  const serve = (name: string, group: string, timestamps: string, port = 0): Promise<Pod> =>
    startPod(
      stage,
      name,
      ["--brokers", brokers, "--topic", topic, "--group-id", group, "--client-id", name, "--timestamps", timestamps],
      port
    )
  const [scrapePod, eventPod, ...pairs] = await Promise.all([
    serve("scrape", "scrape", "scrape"),
    serve("event", "event", "event"),
    ...["scrape", "event"].flatMap((mode) =>
      ["a", "b"].map((pod) => serve(`pair-${mode}-${pod}`, `pair-${mode}`, mode))
    )
  ])
  await Promise.all([untilSpread(pairs.slice(0, 2), [4, 4]), untilSpread(pairs.slice(2), [4, 4])])
  const all = running.all.filter(({ kind }) => kind === "steady")
  const shows = async (pod: Pod) => {
    const body = await pod.get("/metrics")
    return all.every(({ name }) => body.includes(`"${host}/${name}"`))
  }
  say(`the first dump of every service, within ${Math.max(...plain.dumps)} s`)
  await until(async () => (await shows(scrapePod!)) && (await shows(eventPod!)), {
    ...{ within: 180_000, every: 1_000, what: "every service on both pods" }
  })

  const address = (pod: Pod) => ({ address: `127.0.0.1:${pod.port}` })
  const exporters = running.all
    .filter(({ kind, dump }) => kind !== "steady" || dump === plain.dumps[0])
    .map(({ name }) => ({ address: `127.0.0.1:${running.port}`, path: `/${name}`, instance: name }))
  const servers = await Promise.all(
    programs.map(async ({ version, program }, i) => {
      const can = await canTrack(stage, program, `prometheus-${i}`)
      const plan: Plan = can
        ? {
            ...plain,
            modes: [...plain.modes, ignored, tracked],
            pairs: [...plain.pairs, { ...tracked, name: "pair-tracked" }]
          }
        : { ...plain, modes: [...plain.modes, ignored] }
      const settings = {
        tracked: ["track_timestamps_staleness: true"],
        ignored: ["honor_timestamps: false"]
      } as Record<string, Array<string>>
      const targets = { direct: exporters, scrape: [address(scrapePod!)] } as Record<string, Via["targets"]>
      const vias: ReadonlyArray<Via> = [
        ...plan.modes.flatMap(({ name }) =>
          plan.scrapes.map((every) => ({
            ...{ name: `${name}-${every}`, every, settings: settings[name] ?? [] },
            targets: targets[name] ?? [address(eventPod!)]
          }))
        ),
        ...plan.pairs.map(({ name }) => ({
          ...{ name: `${name}-${pairScrape}`, every: pairScrape, settings: settings[name.slice(5)] ?? [] },
          targets: (name === "pair-scrape" ? pairs.slice(0, 2) : pairs.slice(2)).map(address)
        }))
      ]
      return { version, plan, prometheus: await Prometheus.start(stage, program, `prometheus-${i}`, vias, windows) }
    })
  )
  const odd = Promise.all(
    programs.map(({ program }, i) => stamps(stage, program, `stamps-${i}`, Math.min(seconds, 180)))
  )
  const began = Date.now() / 1000
  // What vanishes has been seen in every way by then, and is gone in every way before the end.
  await delay((2 * Math.max(...plain.scrapes, pairScrape) + 5) * 1000)
  running.vanish(20_000)
  await delay(Math.max(0, began + longest + 2 * Math.max(...plain.scrapes) - Date.now() / 1000) * 1000)
  const span: { from: number; to: number } = { from: Math.ceil(Date.now() / 1000), to: 0 }
  say(`measuring for ${seconds} s from now`)

  let stops = 0
  const deadline = Date.now() + seconds * 1000
  const wait = (ms: number) => delay(Math.max(0, Math.min(ms, deadline - Date.now())))
  while (Date.now() + 75_000 < deadline) {
    await wait(20_000 + (stops % 3) * 5_000)
    for (const [first, mode] of [
      [0, "scrape"],
      [2, "event"]
    ] as const) {
      const at = first + (stops % 2)
      const leaver = pairs[at]!
      leaver.process.signal("SIGTERM")
      await leaver.process.ended
      await delay(20_000)
      pairs[at] = await serve(leaver.name, `pair-${mode}`, mode, leaver.port)
      await untilSpread(pairs.slice(first, first + 2), [4, 4])
    }
    stops += 1
    say(`${stops} pods of each pair stopped and started again`)
  }
  await wait(Number.POSITIVE_INFINITY)
  span.to = Math.floor(Date.now() / 1000)

  const sections: Array<string> = []
  const add = (title: string, table: string) => sections.push(`#### ${title}\n\n${table}`)
  for (const { version, plan, prometheus } of servers) {
    const whole: Span = { from: began, to: span.to }
    sections.push(`### Prometheus ${version}, ${seconds / 60} minutes, seed ${values.seed}`)
    const rates = []
    for (const w of windows) rates.push(await ratesOf(prometheus, plan, w, span))
    add(
      "The rate's mean error, and its least and greatest value, where two dumps and a scrape fit into the window",
      summary(plan, rates)
    )
    add("The same of every pair of intervals, as rules and alerts see it at the moment", rateTable(plan, rates, "live"))
    add("The same moments as a graph shows them later", rateTable(plan, rates, "later"))
    add("The yardstick", directTable(plan, rates))
    add("How long a query still shows what is gone", await lingering(prometheus, plan, running.all, whole))
    add(`Handoffs, scraped every ${pairScrape} s`, await handoffs(prometheus, plan, rates, span, stops))
    add("Samples that were refused where nothing moved", quietRefusals(prometheus, plan))
  }
  for (const [i, found] of (await odd).entries()) {
    const rows = found.map(({ what, scraped, stored, now }) => [what, `${stored} of ${scraped}`, now ? "yes" : "no"])
    add(
      `Samples with a time of their own, Prometheus ${servers[i]!.version}`,
      markdown(["time", "stored", "a query of now shows it"], rows)
    )
  }
  process.stdout.write(`${sections.join("\n\n")}\n`)
  await producer.disconnect()
} finally {
  await services?.stop()
  await stage.close()
  await kafka?.stop()
}
