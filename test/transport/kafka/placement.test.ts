/** Where real producers put keys: kcat with each of librdkafka's partitioners, Kafka's Java producer, and kafkajs, against what Placement says. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { buffer } from "node:stream/consumers"
import kafkajs from "kafkajs"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { type Placement, placing } from "../../../src/transport/Placement.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { kafkaJars } from "../../support/kafkaJars.ts"
import { describeWith } from "../../support/tools.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const partitions = 7
const keys = Array.from({ length: 200 }, (_, i) => `${"host-".repeat(i % 5)}${i}.ε`)

describeWith(["java", "mvn", "kcat"], "producers place keys", () => {
  let kafka: KafkaCluster
  beforeAll(async () => {
    kafka = await startKafka({ version: "4.1.1" })
  })
  afterAll(() => kafka?.stop())

  const kcat = async (args: ReadonlyArray<string>, input = ""): Promise<string> => {
    const process = spawn("kcat", ["-b", kafka.bootstrap[0]!, ...args], { stdio: ["pipe", "pipe", "inherit"] })
    process.stdin.end(input)
    const [out] = await Promise.all([buffer(process.stdout), once(process, "close")])
    return out.toString()
  }

  /** Each key's partition, as a consumer finds it. */
  const placed = async (topic: string): Promise<ReadonlyMap<string, number>> => {
    const lines = (await kcat(["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %k\n"]))
      .trimEnd()
      .split("\n")
    return new Map(lines.map((line) => [line.slice(line.indexOf(" ") + 1), Number.parseInt(line, 10)]))
  }

  const expected = (placement: Placement) =>
    new Map(keys.map((key) => [key, placing[placement](Buffer.from(key)) % partitions]))

  it.each<readonly [options: ReadonlyArray<string>, placement: Placement]>([
    [[], "crc32"],
    [["-X", "topic.partitioner=consistent"], "crc32"],
    [["-X", "topic.partitioner=consistent_random"], "crc32"],
    [["-X", "topic.partitioner=murmur2"], "murmur2"],
    [["-X", "topic.partitioner=murmur2_random"], "murmur2"]
  ])("kcat %j by %s", async (options, placement) => {
    const topic = `kcat-${options.at(-1)?.split("=")[1] ?? "default"}`
    await kafka.createTopic(topic, partitions)
    await kcat(["-P", "-t", topic, "-K", "|", ...options], keys.map((key) => `${key}|up 1\n`).join(""))
    const found = await placed(topic)
    assert.deepStrictEqual(new Map([...found].sort()), new Map([...expected(placement)].sort()))
  })

  it("Kafka's own Java producer by murmur2", async () => {
    await kafka.createTopic("java", partitions)
    const producer = spawn(
      "java",
      [
        ...["-XX:TieredStopAtLevel=1", "-cp", await kafkaJars("4.1.1"), "org.apache.kafka.tools.ConsoleProducer"],
        ...["--bootstrap-server", kafka.bootstrap[0]!, "--topic", "java"],
        ...["--property", "parse.key=true", "--property", "key.separator=|"]
      ],
      { stdio: ["pipe", "ignore", "ignore"] }
    )
    producer.stdin.end(keys.map((key) => `${key}|up 1\n`).join(""))
    await once(producer, "close")
    const found = await placed("java")
    assert.deepStrictEqual(new Map([...found].sort()), new Map([...expected("murmur2")].sort()))
  })

  it("kafkajs by murmur2", async () => {
    await kafka.createTopic("kafkajs", partitions)
    const client = new kafkajs.Kafka({ brokers: [...kafka.bootstrap], logLevel: 0 })
    const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
    await producer.connect()
    await producer.send({ topic: "kafkajs", messages: keys.map((key) => ({ key, value: "up 1\n" })) })
    await producer.disconnect()
    const found = await placed("kafkajs")
    assert.deepStrictEqual(new Map([...found].sort()), new Map([...expected("murmur2")].sort()))
  })
})
