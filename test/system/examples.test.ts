/**
 * The worked extensions as a team runs them: out of the packed package, in a project of its own, with `kafka2prom serve --extension` on two worker
 * threads and a real Kafka. What the tap of one tells is counted over a kill -9 of the pod.
 */
import { cp } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import type { Alert } from "../../docs/examples/threshold-webhook/extension.ts"
import pkg from "../../package.json" with { type: "json" }
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { dependencies, type Packed, pack, root } from "../support/packed.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

const partitions = 4
const epoch = 1_700_000_000_000

describeKafka("the worked extensions, packed, on two workers", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let packed: Packed
  let home = ""
  let webhook: Server
  let url = ""
  const alerts: Array<Alert> = []

  beforeAll(async () => {
    packed = await pack()
    home = await packed.project("team", dependencies)
    await cp(join(root, "docs/examples"), join(home, "examples"), { recursive: true })
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("metrics", partitions)
    stage = await openStage()
    webhook = createServer((request, response) => {
      let body = ""
      request.on("data", (part) => {
        body += part
      })
      request.on("end", () => {
        alerts.push(...(JSON.parse(body) as ReadonlyArray<Alert>))
        response.end()
      })
    })
    await new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve))
    url = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    webhook?.close()
    await kafka?.stop()
    await packed?.remove()
  })

  const main = (): string => join(home, "node_modules", "kafka2prom", pkg.bin.kafka2prom)
  const extensions = (): ReadonlyArray<string> => [
    ...["--extension", "examples/threshold-webhook/extension.ts", "--webhook", url, "--threshold", "queue_depth>10"],
    ...["--extension", "examples/source-priority/extension.ts", "--priority", "gold-*=2"]
  ]
  const start = async (name: string): Promise<{ readonly pod: Running; readonly base: string }> => {
    const args = ["serve", "--brokers", kafka.bootstrap.join(","), "--topic", "metrics", "--session-timeout", "6s"]
    const where = ["--listen", "127.0.0.1:0", "--workers", "2", "--backpressure", "source-priority"]
    const pod = stage.run(name, process.execPath, [main(), ...args, ...where, ...extensions()], { cwd: home })
    const [, base] = await pod.says(/listening on (http:\/\/[^/]+)\/metrics/)
    return { pod, base: base! }
  }

  /** A numbered round of one source in each partition. */
  const send = (round: number, depth: number): Promise<void> => {
    const text = (n: number) => Buffer.from(`# TYPE queue_depth gauge\nqueue_depth{q="${n}"} ${depth}\n`)
    const rounds = Effect.gen(function* () {
      const producer = yield* (yield* Transport).producer({ clientId: "p", acks: "all", compression: "none" })
      yield* producer.produce(
        Array.from({ length: partitions }, (_, partition) => ({
          ...{ topic: "metrics", partition, key: Buffer.from(`s${partition}`), value: text(partition) },
          headers: { "k2p-round": Buffer.from(`${epoch}.${round}`) }
        }))
      )
    })
    const options = { brokers: kafka.bootstrap, clientId: "p", connectionTimeout: 10_000, requestTimeout: 30_000 }
    return Effect.runPromise(Effect.scoped(rounds).pipe(Effect.provide(KafkaTransport.layer(options))))
  }
  const scraped = async (base: string): Promise<string> => (await fetch(`${base}/metrics`)).text()
  const shows = (base: string, depth: number) => async (): Promise<boolean> =>
    (await scraped(base)).split("\n").filter((line) => line.startsWith("queue_depth{") && line.includes(`} ${depth}`))
      .length === partitions
  const fired = (): ReadonlyArray<string> =>
    alerts.map(({ state, source, value }) => `${state} ${source} ${value}`).sort()
  const each = (what: string, value: number): ReadonlyArray<string> =>
    Array.from({ length: partitions }, (_, n) => `${what} s${n} ${value}`)

  it("bring their options and the strategy's name", async () => {
    const help = stage.run("help", process.execPath, [main(), "serve", ...extensions(), "--help"], { cwd: home })
    await help.ended
    assert.match(help.out.stdout, /--threshold name>n/)
    const words = help.out.stdout.replaceAll(/\s+/g, " ")
    assert.include(words, "source-priority")
    assert.include(words, "lose the records of the least important sources first")
  })

  it("tell of each round once from whichever worker has its partition, and after a kill -9 of what happened since", async () => {
    const first = await start("first")
    await until(async () => (await fetch(`${first.base}/readyz`)).status === 200, { what: "the first pod" })
    await send(1, 5)
    await until(shows(first.base, 5), { what: "the first rounds" })
    await send(2, 11)
    await until(() => Promise.resolve(fired().length === partitions), { what: "a call for each partition" })
    assert.deepStrictEqual(fired(), each("firing", 11))
    await first.pod.kill()
    await send(3, 7)
    const second = await start("second")
    await until(shows(second.base, 7), { what: "the second pod" })
    await until(() => Promise.resolve(fired().length >= 2 * partitions), { what: "a call for each partition" })
    // At least once: by its id an alert that is told again is known.
    const once = new Map(alerts.map((alert) => [alert.id, alert]))
    const states = [...once.values()].map(({ state, source, value }) => `${state} ${source} ${value}`).sort()
    assert.deepStrictEqual(states, [...each("firing", 11), ...each("resolved", 7)].sort())
    const status = (await (await fetch(`${second.base}/api/v1/status`)).json()) as {
      readonly shards: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly backpressure: string }> }>
    }
    const strategies = status.shards.flatMap((shard) => shard.partitions.map(({ backpressure }) => backpressure))
    assert.deepStrictEqual([...new Set(strategies)], ["source-priority"])
  })
})
