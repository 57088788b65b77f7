/**
 * A topic that grows under real parts: an ordinary keyed producer (kcat, librdkafka) that hears of it seconds later, two pods, a
 * scraper that judges every body, a Prometheus whose database must hold no reset. Who stays is in every scrape of its pod, who moves comes back with a newer value.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { type Placement, placing } from "../../src/transport/Placement.ts"
import { readBody } from "../support/exposed.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { partitionsOf, startPod, untilSpread } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { startPrometheus } from "../support/prometheus.ts"
import { Scraper } from "../support/scraper.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 })

const keys = Array.from({ length: 20 }, (_, i) => `edge-${i}`)
const homeOf = (placement: Placement, key: string, count: number) => placing[placement](Buffer.from(key)) % count

/** Counters that one producer writes every 300 ms, each under its key. */
class Counters {
  round = 0
  private readonly kcat: ChildProcess
  private readonly timer: NodeJS.Timeout

  constructor(broker: string, topic: string, args: ReadonlyArray<string>, sources = keys) {
    const options = ["-b", broker, "-P", "-t", topic, "-K", "|", "-D", "\x01", "-X", "linger.ms=20"]
    this.kcat = spawn("kcat", [...options, "-X", "topic.metadata.refresh.interval.ms=3000", ...args], {
      stdio: ["pipe", "ignore", "inherit"]
    })
    this.timer = setInterval(() => {
      this.round += 1
      for (const key of sources)
        this.kcat.stdin!.write(
          `${key}|# TYPE test_rounds_total counter\ntest_round ${this.round}\ntest_rounds_total ${this.round}\n\x01`
        )
    }, 300)
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    this.kcat.stdin!.end()
    await once(this.kcat, "close")
  }
}

describeWith(["java", "mvn", "kcat", "prometheus"], "a topic that grows on Kafka 4.1", () => {
  let kafka: KafkaCluster
  let stage: Stage
  beforeAll(async () => {
    kafka = await startKafka({ version: "4.1.1" })
    stage = await openStage()
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  it("a source in two partitions of a pod stands in its body once, whichever of its workers have them", async () => {
    await kafka.createTopic("twice", 2)
    const send = async (partition: number, value: number | null) => {
      const where = ["-P", "-t", "twice", "-p", String(partition), "-K", "|", "-D", "\x01", "-Z"]
      const kcat = spawn("kcat", ["-b", kafka.bootstrap[0]!, ...where], { stdio: ["pipe", "ignore", "inherit"] })
      kcat.stdin.end(`edge|${value === null ? "" : `level ${value}\n`}\x01`)
      assert.deepStrictEqual(await once(kcat, "close"), [0, null])
    }
    const args = [
      "--brokers",
      kafka.bootstrap[0]!,
      "--topic",
      "twice",
      "--group-id",
      "twice",
      "--session-timeout",
      "6s"
    ]
    const pod = await startPod(stage, "twice", [...args, "--workers", "2"])
    await until(
      async () => {
        const { shards } = await pod.status()
        return shards.length === 2 && shards.every(({ partitions }) => partitions.some((p) => p.visible))
      },
      { what: "a partition on each worker" }
    )
    const shown = async () => readBody(await pod.get("/metrics")).samples.get('level{instance="edge"}')
    await send(0, 5)
    await until(async () => (await shown()) === 5, { what: "the first partition's value" })
    await send(1, 3)
    await until(
      async () => (await partitionsOf(pod)).some((p) => p.partition === 1 && p.refusals[0]?.reason === "elsewhere"),
      { what: "the other partition's refusal" }
    )
    assert.strictEqual(await shown(), 5)
    await send(0, null)
    await until(async () => (await shown()) === undefined, { what: "the source to go" })
    await send(1, 7)
    await until(async () => (await shown()) === 7, { what: "the other partition's next value" })
    pod.process.signal("SIGTERM")
    await pod.process.ended
  })

  it.each<
    readonly [
      counts: ReadonlyArray<number>,
      placement: Placement,
      kcat: ReadonlyArray<string>,
      pod: ReadonlyArray<string>
    ]
  >([
    [[4, 8], "crc32", [], []],
    [[4, 6], "murmur2", ["-X", "topic.partitioner=murmur2_random"], ["--partitioner", "murmur2"]],
    [[2, 3, 5], "crc32", [], ["--partitioner", "crc32"]]
  ])("%j partitions, keys by %s: nothing older is shown", async (counts, placement, kcatArgs, podArgs) => {
    const topic = `grows-${counts.join("-")}`
    const [first, ...later] = counts as [number, ...ReadonlyArray<number>]
    await kafka.createTopic(topic, first)
    const counters = new Counters(kafka.bootstrap[0]!, topic, kcatArgs)
    const serve = (name: string) =>
      startPod(stage, `${name}-${topic}`, [
        ...[
          "--brokers",
          kafka.bootstrap[0]!,
          "--topic",
          topic,
          "--group-id",
          topic,
          "--session-timeout",
          "6s",
          ...podArgs
        ]
      ])
    const pods = await Promise.all(["a", "b"].map(serve))
    await untilSpread(pods, [first / 2, first / 2])
    const prometheus = await startPrometheus(
      stage,
      pods.map((pod) => `127.0.0.1:${pod.port}`),
      { name: `prometheus-${topic}` }
    )
    const scraper = new Scraper(pods)
    const rounds = async () => {
      const bodies = await Promise.all(pods.map(async (pod) => readBody(await pod.get("/metrics"))))
      return new Map(bodies.flatMap((body) => [...body.rounds]))
    }
    const untilAll = (beyond: number) =>
      until(
        async () => (await rounds().then((all) => keys.every((key) => (all.get(key) ?? -1) > beyond))) || undefined,
        {
          what: () => `all counters beyond round ${beyond}`,
          within: 120_000
        }
      )
    await untilAll(counters.round)
    await until(async () => (await prometheus.query("test_rounds_total")).length === keys.length, {
      what: "all counters in Prometheus"
    })
    scraper.start()
    let before = first
    for (const count of later) {
      const since = scraper.scrapes.length
      await kafka.addPartitions(topic, count)
      await until(
        async () =>
          (await Promise.all(pods.map(partitionsOf))).flat().filter((p) => p.visible).length === count || undefined,
        { what: () => `${count} partitions`, within: 120_000 }
      )
      await untilAll(counters.round)
      await scraper.round()
      const stayed = keys.filter((key) => homeOf(placement, key, before) === homeOf(placement, key, count))
      assert.isAbove(stayed.length, 0)
      assert.isBelow(stayed.length, keys.length)
      const scrapes = scraper.scrapes.slice(since)
      for (const key of stayed) {
        const showing = new Set(scrapes.filter(({ sources }) => sources.has(key)).map(({ pod }) => pod))
        assert.strictEqual(showing.size, 1, `${key}, which stays, is on ${[...showing]}`)
        const without = scrapes.filter(({ pod, sources }) => showing.has(pod) && !sources.has(key))
        assert.lengthOf(without, 0, `scrapes without ${key}, which stays`)
      }
      before = count
    }
    // What it saw of each after the last growth.
    const since = counters.round
    await untilAll(since)
    await until(async () => (await prometheus.query(`test_rounds_total > ${since}`)).length === keys.length, {
      what: "all counters beyond the growth in Prometheus"
    })
    await scraper.stop()
    await counters.stop()
    assert.deepStrictEqual(scraper.judge.wrong, [])
    assert.deepStrictEqual(scraper.failures, [])
    // Its own scrapes, at its own pace: a counter that went back would be a reset.
    const resets = await prometheus.query("resets(test_rounds_total[1h])")
    assert.deepStrictEqual(resets.map(({ labels }) => labels.instance!).sort(), keys.toSorted())
    assert.deepStrictEqual(
      resets.filter(({ value }) => value !== 0),
      []
    )
    for (const { growth } of (await Promise.all(pods.map(partitionsOf))).flat())
      assert.deepStrictEqual(growth, { counts, placement, waitingFor: [] })
    const known = (await Promise.all(pods.map((pod) => pod.get("/self/metrics")))).join("\n")
    // What came to the old partition after its owner knew, or to the new one before all did.
    assert.match(known, /k2p_rounds_ignored_total\{reason="(misplaced|early)"\} [1-9]/)
    for (const pod of pods) pod.process.signal("SIGTERM")
    await Promise.all(pods.map((pod) => pod.process.ended))
  })

  it("sources of another partitioner that come when the placement is known: nothing older is shown of them either", async () => {
    const topic = "mixed"
    const window = 8_000
    await kafka.createTopic(topic, 4)
    // At home under six by chance, as far as kcat's own placement goes, and strangers before: the worst that a mix has.
    const foreign = Array.from({ length: 4_000 }, (_, i) => `java-${i}`)
      .filter((key) => {
        const [before, after] = [homeOf("murmur2", key, 4), homeOf("murmur2", key, 6)]
        const [strange, chance] = [homeOf("crc32", key, 4), homeOf("crc32", key, 6)]
        return before !== after && strange !== before && strange !== after && chance === after
      })
      .slice(0, 20)
    assert.lengthOf(foreign, 20)
    const counters = new Counters(kafka.bootstrap[0]!, topic, [])
    const serve = (name: string) =>
      startPod(stage, `${name}-${topic}`, [
        ...["--brokers", kafka.bootstrap[0]!, "--topic", topic, "--group-id", topic],
        ...["--session-timeout", "6s", "--growth-window", `${window / 1_000}s`]
      ])
    const pods = [await serve("a")]
    const rounds = async () => {
      const bodies = await Promise.all(pods.map(async (pod) => readBody(await pod.get("/metrics"))))
      return new Map(bodies.flatMap((body) => [...body.rounds]))
    }
    const untilAll = (some: ReadonlyArray<string>, beyond: () => number) => {
      const least = beyond()
      return until(
        async () => (await rounds().then((all) => some.every((key) => (all.get(key) ?? -1) > least))) || undefined,
        { what: () => `${some.length} counters beyond round ${least}`, within: 120_000 }
      )
    }
    await untilAll(keys, () => 0)
    // Who joins lets the leader find the placement out.
    pods.push(await serve("b"))
    await untilSpread(pods, [2, 2])
    const growthOf = async () => (await Promise.all(pods.map(partitionsOf))).flat().map(({ growth }) => growth)
    await until(async () => (await growthOf()).every(({ placement }) => placement === "crc32"), {
      what: "the placement"
    })
    const others = new Counters(kafka.bootstrap[0]!, topic, ["-X", "topic.partitioner=murmur2_random"], foreign)
    await untilAll(foreign, () => 0)
    const scraper = new Scraper(pods)
    scraper.start()
    const grownAt = scraper.scrapes.length
    await kafka.addPartitions(topic, 6)
    await until(
      async () => (await growthOf()).every(({ counts, waitingFor }) => counts.length === 2 && waitingFor.length === 0),
      {
        what: "all K",
        within: 120_000
      }
    )
    // Each by now where it belongs, be it under the one placement or the other.
    await untilAll(keys, () => counters.round)
    await untilAll(foreign, () => others.round)
    await scraper.round()
    await scraper.stop()
    await others.stop()
    await counters.stop()
    assert.isAbove(scraper.scrapes.length, grownAt)
    assert.deepStrictEqual(scraper.judge.wrong, [])
    for (const pod of pods) pod.process.signal("SIGTERM")
    await Promise.all(pods.map((pod) => pod.process.ended))
  })
})
