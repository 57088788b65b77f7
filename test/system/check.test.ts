/** `check` against real brokers, as an operator runs it before anything else: three of them, good topics and bad ones. */
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"

const bad = {
  "cleanup.policy": "compact",
  "message.timestamp.type": "CreateTime",
  "unclean.leader.election.enable": "true",
  "min.insync.replicas": "1"
}

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

describeKafka("check", () => {
  let kafka: KafkaCluster
  let stage: Stage

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1", nodes: 3, settings: { "group.max.session.timeout.ms": "60000" } })
    stage = await openStage()
    const insync = { "min.insync.replicas": "2" }
    await kafka.createTopic("good", 6, { configs: insync })
    await kafka.createTopic("there", 1, { configs: insync })
    await kafka.createTopic("bad", 2, { replicas: 1, configs: bad })
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  const check = async (brokers: string, ...topics: ReadonlyArray<string>) => {
    const running = stage.program("check", ["check", "--brokers", brokers, "--topic", topics.join(",")])
    const { code } = await running.ended
    return { code, ...running.out }
  }

  it("exits with 0 and finds nothing to say about a topic as the promises need it", async () => {
    const { code, stdout, stderr } = await check(kafka.bootstrap.join(","), "good")
    assert.strictEqual(code, 0, stdout + stderr)
    assert.include(stdout, "topic good: 6 partitions\n")
    assert.include(stdout, "All that the promises need of the cluster is there.")
    assert.notInclude(stdout, "broken")
  })

  it("exits with 1 and names each setting of a bad topic, what follows and what to do", async () => {
    const { code, stdout, stderr } = await check(kafka.bootstrap[0]!, "bad")
    assert.deepStrictEqual([code, stderr], [1, ""])
    for (const [name, value] of Object.entries(bad))
      assert.match(
        stdout,
        new RegExp(`^  broken  ${name.replaceAll(".", "\\.")} is ${value}: .*--add-config ${name}=`, "m")
      )
    assert.match(stdout, /^ {2}broken {2}1 replica instead of 3: /m)
    assert.include(stdout, "5 conditions of the promises do not hold")
  })

  it("exits with 1 where a topic does not exist, and creates none", async () => {
    const { code, stdout } = await check(kafka.bootstrap[0]!, "there", "missing")
    assert.strictEqual(code, 1)
    assert.match(stdout, /^topic missing\n {2}broken {2}it does not exist/m)
    assert.include(stdout, "topic there: 1 partitions")
    assert.notInclude(await kafka.admin.listTopics(), "missing")
  })

  it("exits with 1 where the brokers take no such session timeout", async () => {
    const given = ["check", "--brokers", kafka.bootstrap[0]!, "--topic", "good", "--session-timeout"]
    const [within, beyond] = [stage.program("within", [...given, "60s"]), stage.program("beyond", [...given, "61s"])]
    assert.strictEqual((await within.ended).code, 0, within.out.stdout)
    assert.include(within.out.stdout, "--session-timeout is 60s, the brokers allow 1s to 60s")
    assert.strictEqual((await beyond.ended).code, 1)
    assert.match(beyond.out.stdout, /^ {2}broken {2}--session-timeout is 61s, .*no pod can join/m)
  })

  it("exits with 3 where no broker answers", async () => {
    const { code, stdout, stderr } = await check("127.0.0.1:1", "good")
    assert.deepStrictEqual([code, stdout], [3, ""])
    assert.match(stderr, /the brokers could not be asked/)
  })
})
