/**
 * Senders whose clocks are wrong, on a topic with their own timestamps (Kafka's default) and on a broker's: they decide about nobody
 * else, neither what is newer nor what is shown, also after a pod was stopped and another one started.
 */
import kafkajs, { type Producer } from "kafkajs"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Pod, partitionsOf, startPod } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

/** What each source takes the time for. */
const clocks: Readonly<Record<string, (now: number) => number>> = {
  right: (now) => now,
  fast: (now) => now + 240_000,
  slow: (now) => now - 3_600_000,
  seconds: (now) => Math.floor(now / 1_000),
  microseconds: (now) => now * 1_000,
  "far-ahead": () => Date.UTC(9999, 0)
}
const sources = Object.keys(clocks)

describeWith(["java", "mvn"], "senders whose clocks are wrong", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let producer: Producer

  beforeAll(async () => {
    kafka = await startKafka({ version: "4.1.1" })
    stage = await openStage()
    producer = new kafkajs.Kafka({ brokers: [...kafka.bootstrap], logLevel: kafkajs.logLevel.NOTHING }).producer()
    await producer.connect()
  })
  afterAll(async () => {
    await producer?.disconnect()
    await stage?.close()
    await kafka?.stop()
  })

  const round = async (topic: string, source: string, epoch: number, n: number): Promise<void> => {
    const value = `# TYPE jobs_total counter\njobs_total ${n}\n`
    const headers = { "k2p-round": `${epoch}.${n}` }
    const timestamp = String(clocks[source]!(Date.now()))
    await producer.send({ topic, messages: [{ key: source, partition: 0, value, headers, timestamp }] })
  }
  const shown = async (pod: Pod): Promise<ReadonlyMap<string, number>> => {
    const body = await pod.get("/metrics")
    return new Map([...body.matchAll(/instance="([^"]+)".* (\d+)/g)].map((m) => [m[1]!, Number(m[2])]))
  }
  const untilShown = (pod: Pod, n: number) =>
    until(
      async () => {
        const seen = await shown(pod)
        return sources.every((source) => seen.get(source) === n)
      },
      { what: () => `round ${n} of all sources` }
    )
  const untilServing = (pod: Pod) =>
    until(async () => (await partitionsOf(pod)).some((p) => p.visible), {
      what: () => `${pod.name} shows its partition`
    })

  it.each(["CreateTime", "LogAppendTime"])("decide about nobody else where the topic has %s", async (type) => {
    const topic = `metrics-${type}`
    const configs = { "message.timestamp.type": type, "message.timestamp.after.max.ms": "9223372036854775807" }
    await kafka.createTopic(topic, 1, { configs })
    const args = ["--brokers", kafka.bootstrap[0]!, "--topic", topic, "--group-id", `k2p-${type}`]
    const serve = (name: string) => startPod(stage, `${name}-${type}`, [...args, "--timestamps", "scrape"])

    const first = await serve("first")
    await untilServing(first)
    for (const source of sources) await round(topic, source, 1, 10)
    await untilShown(first, 10)

    // A late one of each, and one of a lower epoch; then something by which to know that they were read.
    const late = async (pod: Pod, eleven: number) => {
      for (const source of sources) {
        await round(topic, source, 1, 9)
        await round(topic, source, 0, 99)
      }
      await round(topic, "right", 1, eleven)
      await until(async () => (await shown(pod)).get("right") === eleven, {
        what: () => "what came after the late ones"
      })
      const seen = await shown(pod)
      for (const source of sources) assert.strictEqual(seen.get(source), source === "right" ? eleven : 10, source)
    }
    await late(first, 11)

    first.process.signal("SIGTERM")
    assert.strictEqual((await first.process.ended).code, 0)
    const second = await serve("second")
    await untilServing(second)
    const seen = await shown(second)
    for (const source of sources) assert.strictEqual(seen.get(source), source === "right" ? 11 : 10, source)
    await late(second, 12)
    const said = "carries its senders' timestamps"
    assert.strictEqual(first.process.out.stderr.split(said).length - 1, type === "CreateTime" ? 1 : 0)
  })
})
