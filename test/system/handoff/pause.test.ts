/**
 * A broker that pauses for longer than a session, as a virtual machine does that is moved or a JVM that collects: it has received
 * requests and carries them out when it goes on, to nobody's ears. Real pods, a real broker, real signals. However the group
 * came out of it, every partition is shown again within a few seconds: nobody waits for members that are not there.
 */
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { type Pod, startPod, visiblePartitions } from "../../support/pods.ts"
import { openStage, type Stage } from "../../support/processes.ts"
import { describeKafka } from "../../support/tools.ts"
import { until } from "../../support/until.ts"

const partitions = 6
/** A member that nobody speaks for costs as much; what must not be. */
const sessionTimeout = 10_000
/** From the broker's going on until all is shown: joins, two generations, replays, on a busy machine. */
const atOnce = 7_000

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

describeKafka("a broker that pauses for longer than a session", () => {
  let kafka: KafkaCluster
  let stage: Stage
  const pods: Array<Pod> = []

  const serve = async (name: string, workers = 1): Promise<Pod> => {
    const pod = await startPod(stage, name, [
      ...["--brokers", kafka.bootstrap[0]!, "--topic", "metrics", "--group-id", "k2p-pause", "--client-id", name],
      ...["--session-timeout", `${sessionTimeout}ms`, "--workers", String(workers)]
    ])
    pods.push(pod)
    return pod
  }
  const shown = async (): Promise<string> =>
    (await Promise.all(pods.map(visiblePartitions)))
      .flat()
      .sort((a, b) => a - b)
      .join()
  const all = Array.from({ length: partitions }, (_, i) => i).join()

  /** Ms from the broker's going on until every partition is shown by exactly one pod. */
  const pausedFor = async (ms: number): Promise<number> => {
    const [broker] = kafka.nodes
    broker!.signal("SIGSTOP")
    await delay(ms)
    broker!.signal("SIGCONT")
    const since = performance.now()
    // Not before it has said something: what was shown last may be what is shown.
    await until(async () => (await shown()) === all, {
      what: async () => `all partitions; shown are ${await shown()}`
    } as never)
    return performance.now() - since
  }

  beforeAll(async () => {
    kafka = await startKafka({ version: "4.1.1" })
    await kafka.createTopic("metrics", partitions)
    stage = await openStage()
    await serve("a")
    await serve("b")
    await serve("c", 2)
    await until(async () => (await shown()) === all, { what: "all partitions" })
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  for (const ms of JSON.parse(process.env.PAUSES ?? "[12000, 16000, 23000]"))
    it(`for ${ms / 1000} s: all is back`, async () => {
      const took = await pausedFor(ms)
      console.log("paused", ms, "back after", Math.round(took))
      if (took > atOnce) console.log(stage.logs().split("\n").slice(-150).join("\n"))
    })
})
