/**
 * A pod of two workers beside one of a single one, on real Kafka: every partition on one shard, one body for each pod, a worker
 * that dies and comes back, a Prometheus that finds a target for each shard by itself. What faults of whole pods do to pods of
 * several workers is in handoff/faults.test.ts.
 */
import { spawnSync } from "node:child_process"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { Fleet } from "../support/fleet.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type NumberedRounds, startRounds } from "../support/numberedRounds.ts"
import type { Pod } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { type PrometheusServer, startPrometheus } from "../support/prometheus.ts"
import { parseInPython } from "../support/python.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"
import { Witness } from "../support/witness.ts"

const partitions = 9
const sources = 27
/** Longer than anything here may take: nothing waits for a session to run out. */
const sessionTimeout = 30_000
const mortal = new URL("../support/mortal.mjs", import.meta.url).pathname

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

describeWith(["java", "mvn", "prometheus", "promtool", "python3"], "a pod of two workers", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let rounds: NumberedRounds
  let witness: Witness
  let fleet: Fleet
  let two: Pod

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("metrics", partitions)
    stage = await openStage()
    rounds = await startRounds({
      ...{ brokers: kafka.bootstrap, topic: "metrics", partitions, sources },
      ...{ every: 400, burst: 3, rare: 60, history: 2_000 }
    })
    witness = new Witness({ scrapers: 2, pause: 50, timeout: 10_000, exists: rounds.sent })
    fleet = new Fleet({
      ...{ stage, topic: "metrics", group: "k2p-workers", sessionTimeout, rounds, witness },
      brokers: () => kafka.bootstrap,
      workers: (name) => (name === "two" ? 2 : 1),
      args: ["--expiry", "10m"],
      env: { NODE_OPTIONS: `--import=${mortal}` }
    })
    two = await fleet.serve("two")
    await fleet.serve("one")
    await fleet.whole(fleet.running(), 60_000)
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await witness?.stop()
    await rounds?.stop()
    await stage?.close()
    await kafka?.stop()
  })

  const owned = async (pod: Pod) =>
    (await pod.status()).shards.map((shard) => shard.partitions.map(({ partition }) => partition))
  const sourcesIn = (body: string) =>
    [...body.matchAll(/^test_round\{.*instance="([^"]*)"/gm)].map(([, s]) => s!).sort()
  const sourcesOf = (held: ReadonlyArray<number>) =>
    rounds.sources.filter((source) => held.includes(rounds.partitionOf(source))).toSorted()

  it("has partitions on both, each on one shard of the group, and shows what both have in one valid body", async () => {
    const shards = [...(await owned(two)), ...(await owned(fleet.pod("one")))]
    assert.deepStrictEqual(
      shards.map((held) => held.length),
      [3, 3, 3]
    )
    assert.deepStrictEqual(
      shards.flat().sort((a, b) => a - b),
      Array.from({ length: partitions }, (_, k) => k)
    )
    const text = await two.get("/metrics")
    const openmetrics = await two.get("/metrics", { headers: { accept: "application/openmetrics-text;version=1.0.0" } })
    for (const body of [text, openmetrics]) {
      assert.deepStrictEqual(sourcesIn(body), sourcesOf([...shards[0]!, ...shards[1]!]))
      assert.strictEqual(body.match(/^# TYPE /gm)!.length, 2)
    }
    const verdicts = await parseInPython([
      { format: "text", body: text },
      { format: "openmetrics", body: openmetrics }
    ])
    for (const { error } of verdicts) assert.isUndefined(error)
    const { status, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })
    assert.include([0, 3], status, stderr)
    for (const shard of [0, 1])
      assert.deepStrictEqual(sourcesIn(await two.get(`/metrics?shard=${shard}`)), sourcesOf(shards[shard]!))
  })

  it("of which one dies goes on with the other, starts it again, and shows nothing older", async () => {
    const before = (await two.status()).shards
    const [, staying] = await owned(two)
    const restarted = async () => (await two.status()).shards[0]!
    const died = performance.now()
    let back = Number.POSITIVE_INFINITY
    const faults = await fleet.phase(fleet.others("two"), async () => {
      two.process.signal("SIGUSR2")
      await until(async () => (await restarted()).workerRestarts === 1 && (await restarted()).state === "member", {
        what: "the worker's return",
        within: 20_000
      })
      await fleet.whole(fleet.running(), 20_000)
      back = performance.now() - died
    })
    assert.deepStrictEqual(faults, [])
    assert.isBelow(back, sessionTimeout * 0.75, "the dead member was made to leave")
    const after = (await two.status()).shards
    assert.notStrictEqual(after[0]!.memberId, before[0]!.memberId)
    assert.strictEqual(after[1]!.memberId, before[1]!.memberId)
    // The other worker's sources were in every scrape of the pod.
    const since = witness.sightings.filter((s) => s.sentAt >= died)
    const kept = sourcesOf(staying!.filter((p) => after[1]!.partitions.some(({ partition }) => partition === p)))
    assert.isNotEmpty(kept)
    for (const { rounds: shown } of since.filter(({ pod }) => pod === "two"))
      for (const source of kept) assert.isTrue(shown.has(source), source)
    assert.match(
      two.process.out.stderr,
      /shard 0 is shown no more, its worker has failed: its thread ended with code 9/
    )
    const own = await two.get("/self/metrics")
    assert.match(own, /^k2p_worker_restarts_total\{shard="0"\} 1$/m)
    assert.match(own, /^k2p_worker_event_loop_lag_seconds\{shard="1"\} /m)
    assert.strictEqual(own.match(/^# TYPE process_cpu_seconds_total /gm)!.length, 1)
  })

  it("that has lost workers is found by a Prometheus as two targets, each with its own part, whose counters never run backwards", async () => {
    const prometheus: PrometheusServer = await startPrometheus(stage, [`127.0.0.1:${fleet.pod("one").port}`], {
      discover: [two.url("/sd")],
      honorTimestamps: false
    })
    const stored = async () =>
      new Map(
        (await prometheus.query("max by (instance) (test_rounds_total)")).map((s) => [s.labels.instance!, s.value])
      )
    const untilStored = async () => {
      const wanted = rounds.sources.map((source) => [source, rounds.confirmed(source)] as const)
      await until(
        async () => {
          const now = await stored()
          return wanted.every(([source, round]) => (now.get(source) ?? -1) >= round)
        },
        { what: "every source's newest round in Prometheus", every: 200 }
      )
    }
    await untilStored()
    const up = await prometheus.query("up")
    assert.deepStrictEqual(
      up.map(({ labels, value }) => [labels.instance, value]).sort(),
      [
        [`127.0.0.1:${fleet.pod("one").port}`, 1],
        [`127.0.0.1:${two.port}/0`, 1],
        [`127.0.0.1:${two.port}/1`, 1]
      ].sort()
    )
    for (const { labels } of await prometheus.query("test_round"))
      assert.deepStrictEqual(labels, { __name__: "test_round", instance: labels.instance!, job: "numbered" })
    // Partitions move between all three shards.
    await fleet.leave("one")
    await fleet.whole(fleet.running(), 30_000)
    await untilStored()
    two.process.signal("SIGUSR2")
    await until(async () => (await two.status()).shards[0]!.workerRestarts === 2, { what: "the worker's death" })
    await fleet.whole(fleet.running(), 30_000)
    await untilStored()
    const resets = await prometheus.query("resets(test_rounds_total[1h])")
    assert.deepStrictEqual(resets.map((s) => s.labels.instance!).sort(), [...rounds.sources].sort())
    assert.deepStrictEqual(
      resets.filter(({ value }) => value !== 0),
      []
    )
    assert.deepStrictEqual(fleet.faults(), [])
    assert.strictEqual(
      (await prometheus.query("sum(prometheus_target_scrapes_sample_duplicate_timestamp_total)")).length,
      0
    )
  })

  it("leaves with both on SIGTERM, at once, and exits with 0", async () => {
    await fleet.serve("one")
    await fleet.whole(fleet.running(), 30_000)
    const asked = performance.now()
    await fleet.leave("two")
    assert.isBelow(performance.now() - asked, sessionTimeout / 2)
    await fleet.whole(fleet.running(), 10_000)
    assert.deepStrictEqual(fleet.faults(), [])
    assert.strictEqual(two.process.out.stderr.match(/left group k2p-workers/g)?.length, 2)
  })
})
