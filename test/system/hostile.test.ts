/**
 * A real Prometheus with the README's own scrape config, against senders and clients that mean no good: what it says of a pod
 * itself (`up`, `scrape_…`, `ALERTS`) stays its own word, and its scrapes are answered while others read nothing.
 */
import { connect, type Socket } from "node:net"
import kafkajs from "kafkajs"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import "../../src/transport/kafka/connection/RequestQueuePatch.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Pod, startPod, untilSpread } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { type PrometheusServer, startPrometheus } from "../support/prometheus.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

/** As Prometheus' own series would look, where the source's id is the pod's address; with values that those never have. */
const forged = [
  "# TYPE up gauge",
  'up{job="kafka2prom"} 7',
  'scrape_duration_seconds{job="kafka2prom"} 999',
  'ALERTS{job="kafka2prom",alertname="Forged",alertstate="firing"} 1',
  'forger_was_here{job="kafka2prom"} 1',
  ""
].join("\n")

describeWith(["java", "mvn", "prometheus"], "a Prometheus with the README's scrape config", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let strict: Pod
  let lax: Pod
  let prometheus: PrometheusServer
  const target = (pod: Pod): string => `127.0.0.1:${pod.port}`
  const of = async (pod: Pod, expression: (selector: string) => string): Promise<number> =>
    (await prometheus.query(expression(`{job="kafka2prom",instance="${target(pod)}"}`)))[0]?.value ?? Number.NaN
  const scrapesSeen = (pod: Pod) => of(pod, (s) => `count_over_time(scrape_samples_scraped${s}[10m])`)
  const moreScrapes = async (pod: Pod, more: number): Promise<void> => {
    const before = await scrapesSeen(pod)
    await until(async () => (await scrapesSeen(pod)) >= before + more, {
      what: `${more} more scrapes of ${pod.name}`
    })
  }

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("strict", 1)
    await kafka.createTopic("lax", 1)
    stage = await openStage()
    const serve = (name: string, ...more: ReadonlyArray<string>) =>
      startPod(stage, name, [
        ...["--brokers", kafka.bootstrap[0]!, "--topic", name, "--group-id", name, "--expiry", "10m", ...more]
      ])
    strict = await serve("strict")
    // By the scrape's time: with its own, a forged sample is older than what Prometheus wrote last, and refused for that.
    lax = await serve("lax", "--allow-reserved-names", "--timestamps", "scrape")
    await untilSpread([strict], [1])
    await untilSpread([lax], [1])
    prometheus = await startPrometheus(stage, [target(strict), target(lax)], { asInReadme: true, interval: "3s" })
    const client = new kafkajs.Kafka({
      clientId: "forger",
      brokers: [kafka.bootstrap[0]!],
      logLevel: kafkajs.logLevel.NOTHING
    })
    const producer = client.producer()
    await producer.connect()
    const send = (topic: string, key: string, value: string) => producer.send({ topic, messages: [{ key, value }] })
    for (const pod of [strict, lax]) {
      await send(pod.name, target(pod), forged)
      // Each line a record of its own, too.
      for (const line of forged.split("\n").slice(1, 4)) await send(pod.name, target(pod), line)
    }
    // 8 MB in 2,000 lines: more than all buffers between a pod and a client that reads nothing.
    const wide = "x".repeat(4_000)
    for (let n = 0; n < 10; n++)
      await send(
        "strict",
        `large-${n}`,
        Array.from({ length: 200 }, (_, i) => `large{i="${i}",wide="${wide}"} 1\n`).join("")
      )
    await producer.disconnect()
    for (const pod of [strict, lax])
      await until(async () => (await of(pod, (s) => `forger_was_here${s}`)) === 1, {
        what: `what else the forger sent, by way of ${pod.name}`
      })
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  it("keeps its own word on a pod, whatever a source sends under its names", async () => {
    await moreScrapes(strict, 3)
    assert.strictEqual(await of(strict, (s) => `max_over_time(up${s}[10m])`), 1)
    assert.isBelow(await of(strict, (s) => `max_over_time(scrape_duration_seconds${s}[10m])`), 999)
    assert.deepStrictEqual(await prometheus.query(`ALERTS{instance="${target(strict)}"}`), [])
    const [partition] = (await strict.status()).shards[0]!.partitions
    const reserved = partition!.refusals.filter(({ reason }) => reason === "reserved-name")
    assert.deepStrictEqual(
      reserved.map(({ source, count }) => [source, count]),
      [[target(strict), 6]]
    )
    const own = await strict.get("/self/metrics")
    assert.match(own, /^k2p_lines_refused_total\{reason="reserved-name"\} 6$/m)
  })

  it("is told what the sources say where a pod allows those names", async () => {
    await until(async () => (await of(lax, (s) => `up${s}`)) === 7, { what: "a forged up" })
    assert.strictEqual(await of(lax, (s) => `scrape_duration_seconds${s}`), 999)
    assert.strictEqual((await prometheus.query(`ALERTS{instance="${target(lax)}"}`)).length, 1)
    assert.match(await lax.get("/self/metrics"), /^k2p_lines_refused_total\{reason="reserved-name"\} 0$/m)
  })

  it("has all its scrapes answered while another address takes all it can and reads nothing", async () => {
    const sockets: Array<Socket> = []
    let dialled = 0
    const dial = (): void => {
      dialled += 1
      const socket = connect({ host: "127.0.0.1", port: strict.port, localAddress: "127.0.7.7" })
      sockets.push(socket)
      socket.on("error", () => {})
      socket.once("connect", () => socket.write("GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n"))
    }
    for (let n = 0; n < 64; n++) dial()
    // Whoever was refused or let go comes back.
    const again = setInterval(() => {
      sockets.shift()!.destroy()
      dial()
    }, 20)
    const refused = async (): Promise<number> =>
      Number(/^k2p_scrapes_total\{outcome="client-busy"\} (\d+)$/m.exec(await strict.get("/self/metrics"))?.[1])
    try {
      await until(async () => (await refused()) > 0, { what: "a client that has its share" })
      await moreScrapes(strict, 5)
      assert.isAbove(dialled, 64)
      assert.strictEqual(await of(strict, (s) => `min_over_time(up${s}[10m])`), 1)
      assert.strictEqual(await strict.get("/healthz"), "ok\n")
      assert.strictEqual(await strict.get("/readyz"), "ready\n")
    } finally {
      clearInterval(again)
      for (const socket of sockets) socket.destroy()
    }
  })
})
