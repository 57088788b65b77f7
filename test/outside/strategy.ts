/**
 * A strategy of a team's own by its flag, on two workers: in help, status and the switch; of a burst that the queue has no room for the records of
 * unimportant sources go, each counted, and none of the important ones.
 */
import assert from "node:assert/strict"
import kafkajs from "kafkajs"
import { startPod } from "../support/pods.ts"
import { until } from "../support/until.ts"
import type { Ground } from "./Ground.ts"

const topic = "lines"
const [plain, vip] = [10_000, 25]

const sum = (metrics: string, name: string): number =>
  [...metrics.matchAll(new RegExp(`^${name} (\\d+)$`, "gm"))].reduce((total, [, value]) => total + Number(value), 0)

export const strategy = async ({ kafka, stage, module, options }: Ground): Promise<string> => {
  await kafka.createTopic(topic, 2)
  const extension = ["--extension", module("priority")]
  const help = stage.program("help", ["serve", ...extension, "--help"], options)
  assert.equal((await help.ended).code, 0)
  assert.match(help.out.stdout, /--backpressure pause\|drop-front\|adaptive\|by-priority/)
  const pod = await startPod(
    stage,
    "by-priority",
    [
      ...["--brokers", kafka.bootstrap.join(), "--topic", topic, "--group-id", "outside-strategy", "--workers", "2"],
      ...["--queue-records", "100", "--backpressure", "by-priority", "--admin-token", "t", ...extension]
    ],
    0,
    options
  )
  await until(async () => (await pod.status()).shards.every(({ partitions }) => partitions.some((p) => p.visible)), {
    what: "a partition on each worker"
  })
  const turn = async (name: string): Promise<number> =>
    (
      await fetch(pod.url("/api/v1/backpressure"), {
        method: "PUT",
        headers: { authorization: "Bearer t" },
        body: JSON.stringify({ strategy: name })
      })
    ).status
  const named = async () => (await pod.status()).shards.map(({ partitions }) => partitions.map((p) => p.backpressure))
  assert.equal(await turn("pause"), 200)
  assert.deepEqual(await named(), [["pause"], ["pause"]])
  assert.equal(await turn("by-priority"), 200)
  assert.deepEqual(await named(), [["by-priority"], ["by-priority"]])
  const client = new kafkajs.Kafka({ clientId: "p", brokers: [...kafka.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer()
  await producer.connect()
  const message = (partition: number, key: string, i: number) => ({
    partition,
    key,
    value: `seen_${key.slice(0, 3)}{i="${partition}-${i}"} 1\n`
  })
  for (const partition of [0, 1]) {
    const messages = Array.from({ length: plain }, (_, i) => message(partition, `any-${partition}`, i))
    for (let i = 0; i < vip; i++) messages.splice(i * 401, 0, message(partition, `vip-${partition}`, i))
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
  const all = 2 * (plain + vip)
  await until(
    async () =>
      (await pod.status()).shards.flatMap((s) => s.partitions).reduce((read, { position }) => read + position, 0) ===
      all,
    { what: `all ${all} records` }
  )
  const body = await pod.get("/metrics")
  const count = (name: string): number => body.match(new RegExp(`^${name}\\{`, "gm"))?.length ?? 0
  const dropped = sum(await pod.get("/self/metrics"), 'k2p_strategy_drops_total\\{strategy="by-priority"\\}')
  assert.ok(dropped > 0, "nothing was dropped")
  assert.equal(count("seen_vip"), 2 * vip)
  assert.equal(count("seen_any") + dropped, 2 * plain)
  pod.process.signal("SIGTERM")
  assert.equal((await pod.process.ended).code, 0)
  return `of ${all} records on two workers ${dropped} were dropped and counted, all of them plain; all ${2 * vip} important ones are shown`
}
