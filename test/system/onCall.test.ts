/**
 * What the person on call sees of a real pod on a real broker: where a source is and why it is not shown, that the pod went dark and why,
 * how far behind it is in seconds meanwhile, and that a topic is missing.
 */
import kafkajs from "kafkajs"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Pod, startPod } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const topic = "metrics"

describeKafka("who is on call", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let pod: Pod
  let producer: kafkajs.Producer
  const args = (group: string, of = topic) => [
    ...["--brokers", kafka.bootstrap[0]!, "--topic", of, "--group-id", group],
    ...["--session-timeout", "6s", "--expiry", "10m", "--lookback", "10m", "--source-times"]
  ]
  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1", settings: { "group.min.session.timeout.ms": "6000" } })
    await kafka.createTopic(topic, 2)
    stage = await openStage()
    const client = new kafkajs.Kafka({ brokers: [...kafka.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
    producer = client.producer()
    await producer.connect()
    pod = await startPod(stage, "pod", args("on-call"))
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage?.logs()}\n`)
  })
  afterAll(async () => {
    await producer?.disconnect()
    await stage?.close()
    await kafka?.stop()
  })

  const send = (source: string, value: string, headers: Readonly<Record<string, string>>, partition = 1) =>
    producer.send({ topic, messages: [{ key: source, value, headers: { ...headers }, partition }] })
  const source = async (what: "show" | "remove", id: string, ...more: ReadonlyArray<string>) => {
    const running = stage.program(`source ${what}`, ["source", what, id, "--pods", pod.url(""), ...more])
    const { code } = await running.ended
    return { code, ...running.out }
  }

  it("finds a source: shown, refused with the reason, or unknown", async () => {
    await send("good", "v 1\n", { "k2p-round": "5.1" })
    await send("bad", "v 1\n", { "k2p-round": "five" })
    await until(async () => (await pod.get("/metrics")).includes('instance="good"'), { what: () => "good is shown" })
    await until(async () => (await pod.get("/metrics")).includes("k2p_source_refused"), {
      what: () => "bad is refused"
    })
    const body = await pod.get("/metrics")
    assert.match(body, /^k2p_source_accepted_timestamp_seconds\{instance="good"\} 1\d{9}\.\d+$/m)
    assert.match(body, /^k2p_source_refused_timestamp_seconds\{instance="bad"\} 1\d{9}\.\d+$/m)
    const good = await source("show", "good")
    assert.match(good.stdout, /metrics\/1 \(shard 0, serving\): 1 series, snapshot, version 5\.1 at offset 0/)
    assert.match(good.stdout, /^"good" is shown, from metrics\/1\.$/m)
    assert.deepStrictEqual([good.code, good.stderr], [0, ""])
    const bad = await source("show", "bad")
    assert.match(bad.stdout, /refused 1 times as bad-header, last at .*, offset 1: /)
    assert.match(bad.stdout, /^"bad" is not shown: what it sent last was refused as bad-header\.$/m)
    assert.strictEqual(bad.code, 1)
    const nobody = await source("show", "nobody")
    assert.match(nobody.stdout, /"nobody" is unknown to all pods/)
    assert.strictEqual(nobody.code, 1)
    const deaf = await source("show", "nobody", "--pods", "http://127.0.0.1:9")
    assert.match(deaf.stdout, /http:\/\/127\.0\.0\.1:9 did not answer: /)
    assert.strictEqual(deaf.code, 3)
    assert.match(
      pod.process.out.stderr + pod.process.out.stdout,
      /1 records and 0 lines were refused .* bad-header at offset 1/
    )
  })

  it("removes a source that stays away: its end is written to its partition, also beside numbered rounds", async () => {
    const brokers = ["--brokers", kafka.bootstrap[0]!]
    const { code, stdout, stderr } = await source("remove", "good", ...brokers)
    assert.deepStrictEqual([code, stderr], [0, ""], stdout)
    assert.match(stdout, /"good" is removed: its end stands in metrics\/1/)
    assert.notInclude(await pod.get("/metrics"), "good")
    const again = await source("remove", "good", ...brokers)
    assert.deepStrictEqual([again.code, again.stdout], [1, ""])
    assert.match(again.stderr, /no pod has anything of "good"/)
    // Its sender is alive after all.
    await send("good", "v 2\n", { "k2p-round": "5.2" })
    await until(async () => (await pod.get("/metrics")).includes('instance="good"'), { what: () => "good is back" })
  })

  it("sees the pod go dark and why, how far behind it is in seconds, and that it is lit again", async () => {
    const figure = async (name: string) =>
      Number(new RegExp(`^${name}\\{[^}]*partition="1"\\} (\\S+)$`, "m").exec(await pod.get("/self/metrics"))?.[1])
    const log = () => pod.process.out.stderr + pod.process.out.stdout
    assert.isBelow(await figure("k2p_partition_lag_seconds"), 10)
    kafka.nodes[0]!.signal("SIGSTOP")
    try {
      await until(() => /has not confirmed this member for \d+\.\d s \(TIMEOUT\): scrapes show nothing/.test(log()), {
        within: 60_000,
        what: () => "the log says that it is dark"
      })
      await until(async () => (await figure("k2p_partition_lag_seconds")) > 10, {
        within: 60_000,
        what: () => "the lag in seconds grows"
      })
      assert.isAbove(await figure("k2p_partition_lag_age_seconds"), 10)
      const ready = await fetch(pod.url("/readyz"))
      assert.strictEqual(ready.status, 503)
      assert.match(
        await ready.text(),
        /does not confirm it: TIMEOUT|not a member of group on-call yet: .*(TIMEOUT|CONNECTION)/
      )
    } finally {
      kafka.nodes[0]!.signal("SIGCONT")
    }
    await until(() => /confirms this member again, after \d+\.\d s/.test(log()), {
      within: 60_000,
      what: () => "the log says that it is lit again"
    })
    await until(async () => (await pod.get("/metrics")).includes('instance="good"'), {
      within: 60_000,
      what: () => "it is shown again"
    })
    await until(async () => (await figure("k2p_partition_lag_records")) === 0, { what: () => "no lag" })
  })

  it("hears that a topic is missing, by its name, and the other topics are shown", async () => {
    await send("there", "v 1\n", { "k2p-round": "5.1" })
    const lost = await startPod(stage, "lost", args("lost", `metrisc,${topic}`))
    await until(async () => (await lost.get("/metrics")).includes('instance="there"'), {
      within: 60_000,
      what: () => "the topic that is there is shown"
    })
    assert.match(await lost.get("/readyz"), /^ready, but the brokers have no topic metrisc/)
    assert.match(
      lost.process.out.stderr + lost.process.out.stdout,
      /the brokers have no topic metrisc: nothing of it is read/
    )
  })
})
