/**
 * Drop-front on a real broker with lines that kcat writes: 20,000 at once to an idle pod with the defaults, and the same 20,000 at the
 * start of a pod with a queue of ten. Nothing is lost, every series is shown.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Pod, partitionsOf, startPod, untilSpread } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const lines = 20_000

describeWith(["java", "mvn", "kcat"], "drop-front on Kafka 4.1.1", () => {
  let kafka: KafkaCluster
  let stage: Stage

  const serve = (name: string, ...args: ReadonlyArray<string>) =>
    startPod(stage, name, [
      ...["--brokers", kafka.bootstrap[0]!, "--topic", "lines", "--group-id", name, "--client-id", name],
      ...["--backpressure", "drop-front", ...args]
    ])
  const produce = async () => {
    const kcat = spawn("kcat", ["-P", "-b", kafka.bootstrap[0]!, "-t", "lines", "-k", "edge-7"], {
      stdio: ["pipe", "ignore", "inherit"]
    })
    kcat.stdin.end(
      Array.from({ length: lines }, (_, i) => `line_seen_seconds{line="${i}",site="oslo"} ${1_000_000 + i}\n`).join("")
    )
    const [code] = await once(kcat, "close")
    assert.strictEqual(code, 0)
  }
  const assertShowsAll = async (pod: Pod) => {
    await until(
      async () => {
        const [partition] = await partitionsOf(pod)
        return partition?.visible === true && partition.position === lines
      },
      { within: 60_000, what: `${pod.name} at offset ${lines}` }
    )
    const [partition] = await partitionsOf(pod)
    assert.deepStrictEqual([partition!.dropped, partition!.droppingSince], [0, null])
    const shown = (await pod.get("/metrics")).match(/^line_seen_seconds\{/gm)
    assert.strictEqual(shown?.length, lines)
    assert.notMatch(await pod.get("/self/metrics"), /^k2p_records_dropped_total\{.*\} [1-9]/m)
    assert.match(await pod.get("/self/metrics"), /^k2p_partition_remainder_records\{.*partition="0"\} 0$/m)
  }

  beforeAll(async () => {
    kafka = await startKafka({ version: "4.1.1" })
    await kafka.createTopic("lines", 1)
    stage = await openStage()
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  it("an idle pod with the defaults loses none of 20,000 lines that come at once", async () => {
    const pod = await serve("idle")
    await untilSpread([pod], [1])
    await produce()
    await assertShowsAll(pod)
  })

  it("a pod with a queue of ten that finds them at its start loses none", async () => {
    await assertShowsAll(await serve("starting", "--queue-records", "10"))
  })
})
