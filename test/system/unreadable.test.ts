/**
 * Bad batches in front of good ones, with the real program on a real broker: each kind of batch that nobody can read, a record over the
 * limit, two zstd frames in one batch, and a batch that unpacks to far more than its bytes. The pod shows the ordinary dumps behind
 * them, and so does the one that comes after it; each bad batch is counted and told once.
 */
import { readFileSync } from "node:fs"
import { zstdCompressSync } from "node:zlib"
import kafkajs from "kafkajs"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { unreadableReasons } from "../../src/transport/Transport.ts"
import { batchOf, CODECS, plainRecords, rawBatch } from "../support/batches.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { partitionsOf, startPod } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { produceRaw } from "../support/produceRaw.ts"
import { changeLastBatch, spoilBatch } from "../support/segment.ts"
import { describeKafka } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const topic = "metrics"
const dump = (source: string, value: number, size = 0) => {
  const line = `filler_total{source="${source}",pad="0123456789012345678901234567890123456789"} 1234567\n`
  // Of a series only one line: the rest are comments, which count as bytes all the same.
  const rest = `# ${line}`.repeat(Math.ceil(size / (line.length + 2)))
  return {
    key: Buffer.from(source),
    value: Buffer.from(`v ${value}\n${rest}`),
    headers: { "k2p-mode": Buffer.from("snapshot") }
  }
}

for (const version of ["3.9.1", "4.1.1"] as const)
  describeKafka(`bad batches in front of good ones on Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let stage: Stage
    let producer: kafkajs.Producer
    beforeAll(async () => {
      kafka = await startKafka({ version })
      await kafka.createTopic(topic, 1)
      stage = await openStage()
      const client = new kafkajs.Kafka({ brokers: [...kafka.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
      producer = client.producer()
      await producer.connect()
    })
    afterEach(({ task }) => {
      if (task.result?.state === "fail") process.stderr.write(`${stage?.logs()}\n`)
    })
    afterAll(async () => {
      await producer?.disconnect()
      await stage?.close()
      await kafka?.stop()
    })

    const raw = (batch: Buffer) => produceRaw(kafka.bootstrap[0]!, { topic, partition: 0 }, batch)
    const small = (source: string, value: number) =>
      producer.send({ topic, messages: [{ ...dump(source, value), partition: 0 }] })

    it("the pod shows the good ones, and so does the next; each bad one is counted and told once", async () => {
      await small("first", 1)
      for (const reason of unreadableReasons) {
        await small(`lost-${reason}`, 1)
        await changeLastBatch(kafka.dataOf(1), { topic, partition: 0 }, spoilBatch[reason])
      }
      // 80 dumps of 850 KB in one batch.
      const dumps = Array.from({ length: 80 }, (_, i) => dump(`spark-${i}`, i, 850_000))
      const many = batchOf(dumps, { compression: CODECS.zstd })
      assert.isBelow(many.length, 1_000_000)
      await raw(many)
      const two = plainRecords([dump("frame-1", 1), dump("frame-2", 2)])
      const frames = Buffer.concat([zstdCompressSync(two.subarray(0, 20)), zstdCompressSync(two.subarray(20))])
      await raw(rawBatch(frames, 2, { compression: CODECS.zstd }))
      await raw(batchOf([dump("large", 1, 70 * 1024 * 1024), dump("beside", 1)], { compression: CODECS.zstd }))
      await small("last", 1)

      const expected = [
        ...["first", "frame-1", "frame-2", "beside", "last"].map((s) => `${s} ${s === "frame-2" ? 2 : 1}`),
        ...dumps.map((_, i) => `spark-${i} ${i}`)
      ].sort()
      for (const name of ["a", "b"]) {
        const args = ["--brokers", kafka.bootstrap[0]!, "--topic", topic, "--group-id", "bad", "--client-id", name]
        const pod = await startPod(stage, name, [...args, "--lookback", "10m", "--expiry", "10m"])
        await until(async () => (await pod.get("/metrics")).includes('instance="last"'), {
          within: 60_000,
          what: () => `${name} shows the last source`
        })
        const shown = [...(await pod.get("/metrics")).matchAll(/^v\{instance="([^"]+)"\} (\d+)(?: \d+)?$/gm)]
        assert.deepStrictEqual(shown.map(([, source, value]) => `${source} ${value}`).sort(), expected)
        const own = await pod.get("/self/metrics")
        for (const reason of unreadableReasons)
          assert.include(own, `k2p_batches_skipped_total{topic="metrics",partition="0",reason="${reason}"} 1`)
        assert.match(own, /k2p_records_refused_total\{reason="record-too-large"\} 1/)
        const [partition] = await partitionsOf(pod)
        assert.deepStrictEqual([partition!.skipped.batches, partition!.trouble, partition!.lag], [5, null, 0])
        const log = pod.process.out.stderr + pod.process.out.stdout
        assert.lengthOf(log.match(/are of a batch that nobody can read/g) ?? [], 5)
        const peak =
          Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pod.process.pid}/status`, "utf8"))![1]) / 1024
        // Of which half is a pod that has read nothing.
        assert.isBelow(peak, 450, "MB at its peak, with 140 MB unpacked out of two batches")
        pod.process.signal("SIGTERM")
        await pod.process.ended
      }
    })
  })
