/**
 * Member ids that nobody speaks for any more, on real pods, a real broker and real signals. The broker pauses for longer than a session,
 * as a virtual machine does that is moved: it has received requests and carries them out when it goes on, to nobody's ears. Or a pod
 * is told to stop while the group still keeps it waiting. However the group came out of it, every partition is shown again
 * within a few seconds, not after another session: nobody waits for members that are not there.
 */
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { type Pod, startPod, visiblePartitions } from "../../support/pods.ts"
import { openStage, type Stage } from "../../support/processes.ts"
import { describeKafka } from "../../support/tools.ts"
import { until } from "../../support/until.ts"

const partitions = 6
const group = "k2p-ghosts"
/** A ghost costs as much. */
const sessionTimeout = 15_000
/** Far from that, and enough for joins, two generations and replays on a busy machine. */
const atOnce = 9_000

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

describeKafka("member ids that nobody speaks for", () => {
  let kafka: KafkaCluster
  let stage: Stage
  const pods: Array<Pod> = []

  const start = (name: string, workers = 1): Promise<Pod> =>
    startPod(stage, name, [
      ...["--brokers", kafka.bootstrap[0]!, "--topic", "metrics", "--group-id", group, "--client-id", name],
      ...["--session-timeout", `${sessionTimeout}ms`, "--workers", String(workers)]
    ])
  const described = async () => (await kafka.admin.describeGroups([group])).groups[0]!
  const members = async () => (await described()).members.length
  const all = Array.from({ length: partitions }, (_, i) => i).join()
  const shown = async (): Promise<string> =>
    (await Promise.all(pods.map(visiblePartitions)))
      .flat()
      .sort((a, b) => a - b)
      .join()
  const allShown = async (within?: number): Promise<void> => {
    let last = ""
    const look = async () => {
      last = await shown()
      return last === all
    }
    const what = () => `each partition on exactly one pod; shown are ${last}`
    await until(look, within === undefined ? { what } : { what, within })
  }

  beforeAll(async () => {
    // Its own controller, paused with it, shall not take it for dead: it would have no coordinator for some seconds, which is another fault.
    kafka = await startKafka({ version: "4.1.1", settings: { "broker.session.timeout.ms": "60000" } })
    await kafka.createTopic("metrics", partitions)
    stage = await openStage()
    pods.push(await start("a"), await start("b"), await start("c", 2))
    // Members that wait for their first generation are counted, too: the fault is not to meet the group in the middle of a rebalance.
    const stable = async () => {
      const { state, members } = await described()
      return state === "Stable" && members.length === 4
    }
    await until(stable, { what: "four members in one generation" })
    await until(async () => (await visiblePartitions(pods[2]!)).length > 0 && (await stable()), {
      what: "the newest pod shows some"
    })
    await allShown()
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  for (const seconds of [17, 23])
    it(`a broker that paused for ${seconds} s has all partitions shown again before a session could run out`, async () => {
      kafka.nodes[0]!.signal("SIGSTOP")
      // The fault itself: it lasts longer than a session.
      await delay(seconds * 1_000)
      assert.strictEqual(await shown(), "", "nothing can be proven")
      kafka.nodes[0]!.signal("SIGCONT")
      await allShown(atOnce)
    })

  it("a pod that is told to stop while the group keeps it waiting is not waited for", async () => {
    const [, slow] = pods
    slow!.process.signal("SIGSTOP")
    const late = await start("late")
    await until(async () => (await members()) === 5, { what: "the new member in the group" })
    late.process.signal("SIGTERM")
    assert.deepStrictEqual(await late.process.ended, { code: 0, signal: null })
    slow!.process.signal("SIGCONT")
    await allShown(atOnce)
    assert.strictEqual(await members(), 4)
  })
})
