/**
 * What it is all for: a real Prometheus scrapes three pods of which one after the other is stopped and started again, as a
 * rolling update does, and no counter that it stored ever ran backwards.
 */
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import kafkajs from "kafkajs"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import "../../src/transport/kafka/connection/RequestQueuePatch.ts"
import { type DeepLog, startDeepLog } from "../support/deepLog.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Senders, startSenders } from "../support/pipeline.ts"
import { type Pod, startPod, untilSpread } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { type PrometheusServer, startPrometheus } from "../support/prometheus.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

/** All series that may not decrease; prom-client also has gauges that are named …_total. */
const counters =
  '{__name__=~"test_.*_(total|count|bucket)|process_cpu_(user_|system_)?seconds_total|nodejs_gc_duration_seconds_(count|bucket)"}'

/** A target whose counter does run backwards: what the query must find. */
const startLiar = async (): Promise<Server> => {
  // For each who asks: two who take turns would both see the same value again and again.
  const asked = new WeakMap<object, number>()
  const server = createServer((request, response) => {
    const scrapes = (asked.get(request.socket) ?? 0) + 1
    asked.set(request.socket, scrapes)
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" })
    response.end(`# TYPE test_liar_total counter\ntest_liar_total ${scrapes % 2 === 0 ? 5 : 10}\n`)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return server
}

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

describeWith(["java", "mvn", "prometheus"], "a Prometheus that scrapes the pods", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let senders: Senders
  let deep: DeepLog
  let liar: Server
  let sources: ReadonlyArray<string> = []
  let prometheus: PrometheusServer
  /** Takes what is shown as of the scrape's time, and so would store an older value. */
  let timeless: PrometheusServer
  const pods = new Map<string, Pod>()
  const all = (): ReadonlyArray<Pod> => [...pods.values()]

  const serve = async (name: string): Promise<void> => {
    const args = [
      ...["--brokers", kafka.bootstrap[0]!, "--topic", "metrics", "--group-id", "k2p", "--client-id", name],
      ...["--expiry", "10m"]
    ]
    pods.set(name, await startPod(stage, name, args, pods.get(name)?.port))
  }
  const one = async (expression: string): Promise<number> =>
    (await prometheus.query(expression))[0]?.value ?? Number.NaN
  const target = (pod: Pod): string => `127.0.0.1:${pod.port}`
  /** Every source has got so many more rounds into the database than `since` says. */
  const untilStored = (more: number, since: ReadonlyMap<string, number>) =>
    until(
      async () => {
        const now = await stored()
        return senders.sources.every((source) => (now.get(source) ?? 0) >= (since.get(source) ?? 0) + more)
      },
      { what: `${more} more rounds of each source in Prometheus`, every: 200 }
    )
  const stored = async () =>
    new Map((await prometheus.query("max by (instance) (test_rounds_total)")).map((s) => [s.labels.instance!, s.value]))

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("metrics", 6)
    stage = await openStage()
    const brokers = kafka.bootstrap[0]!
    senders = await startSenders(stage, { brokers, topic: "metrics", partitions: 6, perPartition: 2, dumpEvery: 600 })
    deep = await startDeepLog(brokers, "metrics", 6)
    sources = [...senders.sources, ...deep.sources].sort()
    liar = await startLiar()
    await Promise.all(["a", "b", "c"].map(serve))
    await untilSpread(all(), [2, 2, 2])
    const targets = [...all().map(target), `127.0.0.1:${(liar.address() as AddressInfo).port}`]
    prometheus = await startPrometheus(stage, targets)
    timeless = await startPrometheus(stage, targets, { name: "timeless", honorTimestamps: false })
    await untilStored(2, new Map())
    const isKnown = async () =>
      (await prometheus.query("up")).length === targets.length &&
      (await prometheus.query("test_round")).length === sources.length
    await until(isKnown, { what: "every target and every source in Prometheus" })
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await deep?.stop()
    liar?.close()
    liar?.closeAllConnections()
    await stage?.close()
    await kafka?.stop()
  })

  it("finds all targets up and each source once, under the labels of a direct scrape", async () => {
    assert.deepStrictEqual(
      (await prometheus.query("up")).map((s) => s.value),
      [1, 1, 1, 1]
    )
    const series = await prometheus.query("test_round")
    assert.deepStrictEqual(series.map((s) => s.labels.instance!).sort(), [...sources])
    for (const { labels } of series) {
      const job = labels.instance!.startsWith("edge-1/") ? "shop" : "deep"
      assert.deepStrictEqual(labels, { __name__: "test_round", instance: labels.instance!, job })
    }
  })

  it("stores samples under the time of their dump, and each pod says so at its start", async () => {
    const dumped = Date.now() - 60_000
    const producer = new kafkajs.Kafka({ brokers: [...kafka.bootstrap], logLevel: kafkajs.logLevel.NOTHING }).producer()
    await producer.connect()
    const headers = { "k2p-round": "1.1", "k2p-time": String(dumped) }
    await producer.send({ topic: "metrics", messages: [{ key: "stamped", value: "test_stamped 7\n", headers }] })
    await producer.disconnect()
    const seen = await until(async () => (await prometheus.query("timestamp(test_stamped)"))[0], {
      what: "the stamped sample"
    })
    assert.strictEqual(seen.value, dumped / 1000)
    for (const pod of all())
      assert.match(pod.process.out.stderr, /timestamps event: samples carry the time of their dump;/)

    const args = [
      "--brokers",
      kafka.bootstrap[0]!,
      "--topic",
      "metrics",
      "--group-id",
      "scrape",
      "--timestamps",
      "scrape"
    ]
    const plain = await startPod(stage, "scrape", args)
    assert.match(plain.process.out.stderr, /timestamps scrape: samples carry no time and get that of the scrape;/)
    const body = await until(
      async () => {
        const text = await plain.get("/metrics")
        return text.includes("test_stamped") && text
      },
      { what: "the sample on a pod in scrape mode" }
    )
    assert.match(body, /^test_stamped\{.*\} 7$/m)
    await plain.process.kill()
  })

  it("stores no counter that ran backwards while each pod in turn is restarted, and goes on with every source", async () => {
    for (const name of ["a", "b"]) {
      const before = await stored()
      const leaver = pods.get(name)!
      leaver.process.signal("SIGTERM")
      assert.deepStrictEqual(await leaver.process.ended, { code: 0, signal: null })
      // Away long enough for the others to be scraped in its place.
      await untilStored(3, before)
      await until(async () => (await one(`up{instance="${target(leaver)}"}`)) === 0, { what: `${name} seen as down` })
      await serve(name)
      await untilSpread(all(), [2, 2, 2])
      await untilStored(3, await stored())
      await until(async () => (await one(`up{instance="${target(leaver)}"}`)) === 1, { what: `${name} seen as up` })
    }
    for (const server of [prometheus, timeless]) {
      // resets() forgets the name, so each name is asked for by itself.
      const names = (await server.query(`count by (__name__) (${counters})`)).map((s) => s.labels.__name__!)
      const resets = (
        await Promise.all(
          names.map(async (name) =>
            (await server.query(`resets(${name}[10m])`)).map(({ labels, value }) => ({ name, ...labels, value }))
          )
        )
      ).flat()
      const backwards = resets.filter(({ value }) => value !== 0)
      assert.deepStrictEqual(
        backwards.map(({ name }) => name),
        ["test_liar_total"],
        JSON.stringify(backwards)
      )
      // A query that finds nothing would find no resets either.
      assert.isAbove(resets.length, sources.length + senders.sources.length * 6)
    }
    const seenGrowing = async () =>
      Math.min(
        await one('min(count_over_time(test_rounds_total{instance!~"slow/.*"}[10m]))'),
        await one('min(increase(test_rounds_total{instance!~"slow/.*"}[10m]))')
      )
    await until(async () => (await seenGrowing()) > 10, { what: "more than ten samples and rounds of each counter" })
    // A round is one sample, under one time, however often and by whichever pod it was shown.
    const slow = await prometheus.query('count_over_time(test_rounds_total{instance=~"slow/.*"}[10m])')
    assert.deepStrictEqual(
      slow.map(({ value }) => value),
      [1, 1, 1, 1, 1, 1]
    )
  })
})
