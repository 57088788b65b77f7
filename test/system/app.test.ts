/**
 * A team's application as a program runs it: `kafka2prom run` on real Kafka with two worker threads, an extension over it, and beside it a pod of
 * metrics with the same group id, which the brokers keep out.
 */
import { Effect } from "effect"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { asPackage } from "../support/asPackage.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"
import { until } from "../support/until.ts"

const partitions = 4
const module = (name: string): string => new URL(`../../docs/examples/own/${name}.ts`, import.meta.url).pathname
const priority = new URL("../pod/apps/priority.ts", import.meta.url).pathname

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

describeKafka("an application of one's own on two workers", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let pod: Running
  let base = ""

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("orders", partitions)
    stage = await openStage()
    const brokers = ["--brokers", kafka.bootstrap.join(",")]
    const options = ["--topic", "orders", "--listen", "127.0.0.1:0", "--workers", "2", "--count-from", "10"]
    const extension = ["--extension", module("skipping"), "--skip-key", "k3", "--extension", priority]
    const pressure = ["--backpressure", "by-priority", "--admin-token", "t"]
    const args = ["run", module("counts"), ...brokers, ...options, ...extension, ...pressure]
    pod = stage.program("counts", args, asPackage)
    const [, found] = await pod.says(/listening on (http:\/\/[^/]+)\/counts/)
    base = found!
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  const get = async (path: string): Promise<unknown> => (await fetch(base + path)).json()
  const counted = async () => Object.values((await get("/counts")) as Record<string, number>).sort((a, b) => a - b)

  it("answers from both of them, each with its share of the settings, proved", async () => {
    // The first shard begins with 10, the second one with 10 and the number of shards.
    await until(async () => (await counted()).join() === "10,10,12,12", { what: "two partitions on each" })
    const send = Effect.gen(function* () {
      const producer = yield* (yield* Transport).producer({ clientId: "p", acks: 1, compression: "none" })
      const record = (i: number) => ({ topic: "orders", partition: i % partitions, key: Buffer.from(`k${i}`) })
      yield* producer.produce(Array.from({ length: 8 }, (_, i) => ({ ...record(i), value: null, headers: {} })))
    })
    const kafkaOptions = {
      brokers: kafka.bootstrap,
      clientId: "p",
      connectionTimeout: 10_000,
      requestTimeout: 30_000
    }
    await Effect.runPromise(Effect.scoped(send).pipe(Effect.provide(KafkaTransport.layer(kafkaOptions))))
    const total = async () => ((await get("/total")) as ReadonlyArray<number>).reduce((sum, n) => sum + n, 0)
    // One is the extension's.
    await until(async () => (await total()) === 44 + 7, { what: "all records" })
    await until(async () => (await counted()).reduce((sum, n) => sum + n, 0) === 44 + 7, { what: "all records shown" })
    // Its own metric, of whichever thread it is.
    assert.match(await (await fetch(`${base}/self/metrics`)).text(), /^ours_skipped_total 1$/m)
  })

  it("is in status with its options and what it has to say, and is told in the log", async () => {
    const status = (await get("/api/v1/status")) as {
      readonly counting: boolean
      readonly settings: ReadonlyArray<{ readonly name: string; readonly value: string; readonly from: string }>
      readonly shards: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly counted: number }> }>
    }
    assert.isTrue(status.counting)
    const own = status.settings.filter(({ name }) => ["count-from", "skip-key"].includes(name))
    assert.deepStrictEqual(
      own.map(({ name, value, from }) => [name, value, from]),
      [
        ["count-from", "10", "flag"],
        ["skip-key", "k3", "flag"]
      ]
    )
    assert.isTrue(status.shards.every((shard) => shard.partitions.every(({ counted: n }) => n >= 10)))
    assert.match(pod.out.stderr, /counts records/)
    assert.match(pod.out.stderr, /skips k3/)
  })

  it("has an extension's strategy of back pressure by its name: in options, status and the switch", async () => {
    const strategies = async () => {
      const { shards } = (await get("/api/v1/status")) as {
        readonly shards: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly backpressure: string }> }>
      }
      return shards.flatMap((shard) => shard.partitions.map(({ backpressure }) => backpressure))
    }
    const turn = async (strategy: string) =>
      (
        await fetch(`${base}/api/v1/backpressure`, {
          method: "PUT",
          headers: { authorization: "Bearer t" },
          body: JSON.stringify({ strategy })
        })
      ).status
    assert.deepStrictEqual(await strategies(), Array(partitions).fill("by-priority"))
    assert.strictEqual(await turn("pause"), 200)
    assert.deepStrictEqual(await strategies(), Array(partitions).fill("pause"))
    assert.strictEqual(await turn("by-priority"), 200)
    assert.deepStrictEqual(await strategies(), Array(partitions).fill("by-priority"))
    assert.strictEqual(await turn("by-nobody"), 400)
  })

  it("shares its group with no pod of another application", async () => {
    const other = stage.program("metrics", [
      ...["serve", "--brokers", kafka.bootstrap.join(","), "--topic", "orders", "--listen", "127.0.0.1:0"],
      ...["--workers", "1"]
    ])
    await other.says(/INCONSISTENT_GROUP_PROTOCOL/)
    assert.strictEqual((await counted()).length, partitions)
    await other.kill()
  })

  it("leaves in order on SIGTERM", async () => {
    pod.signal("SIGTERM")
    assert.strictEqual((await pod.ended).code, 0)
    assert.strictEqual(pod.out.stderr.match(/left group kafka2prom/g)?.length, 2)
  })

  it("is told by its commits what it left in them", async () => {
    const args = ["run", module("counts"), "--brokers", kafka.bootstrap.join(","), "--topic", "orders"]
    const next = stage.program("counts-next", [...args, "--listen", "127.0.0.1:0", "--workers", "1"], asPackage)
    const [, found] = await next.says(/listening on (http:\/\/[^/]+)\/counts/)
    base = found!
    const told = async () => {
      const { shards } = (await get("/api/v1/status")) as {
        readonly shards: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly told: number }> }>
      }
      return shards.flatMap((shard) => shard.partitions.map((p) => p.told)).join()
    }
    // Two records in each.
    await until(async () => (await told()) === "2,2,2,2", { what: "the memos" })
    next.signal("SIGTERM")
    assert.strictEqual((await next.ended).code, 0)
  })
})
