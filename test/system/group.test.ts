/**
 * Promises P1, P3 and P9 on real processes and a real broker: three pods, of which one is asked to leave, one is killed, and
 * one is frozen past its session timeout and woken again. A scraper goes round the pods all the while and a judge looks
 * for a value that is older than one already shown.
 */
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { type DeepLog, startDeepLog } from "../support/deepLog.ts"
import { readBody } from "../support/exposed.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Senders, startSenders } from "../support/pipeline.ts"
import { type Pod, startPod, untilSpread, visiblePartitions } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { Scraper } from "../support/scraper.ts"
import { describeKafka } from "../support/tools.ts"
import { until } from "../support/until.ts"

const partitions = 6
const sessionTimeout = 6_000

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

describeKafka("a group of three pods", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let senders: Senders
  let deep: DeepLog
  let sources: ReadonlyArray<string> = []
  let scraper: Scraper
  const pods = new Map<string, Pod>()

  const serve = async (name: string): Promise<Pod> => {
    const pod = await startPod(
      stage,
      name,
      [
        ...["--brokers", kafka.bootstrap[0]!, "--topic", "metrics", "--group-id", "k2p-group"],
        ...["--client-id", name, "--session-timeout", `${sessionTimeout}ms`],
        // Longer than the test runs: a source that sent once stays, and keeps the start of every replay far back.
        ...["--expiry", "10m"]
      ],
      // A pod that comes back is the same target: it listens where it did before.
      pods.get(name)?.port
    )
    pods.set(name, pod)
    scraper.include(pod)
    return pod
  }
  const all = (): ReadonlyArray<Pod> => [...pods.values()]
  const others = (pod: Pod): ReadonlyArray<Pod> => all().filter((p) => p !== pod)
  const settled = () => untilSpread(all(), [2, 2, 2])

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("metrics", partitions)
    stage = await openStage()
    const brokers = kafka.bootstrap[0]!
    senders = await startSenders(stage, { brokers, topic: "metrics", partitions, perPartition: 2, dumpEvery: 600 })
    deep = await startDeepLog(brokers, "metrics", partitions)
    sources = [...senders.sources, ...deep.sources].sort()
    scraper = new Scraper([])
    await Promise.all(["a", "b", "c"].map(serve))
    await settled()
    scraper.start()
    await until(() => everySourceOnce(), { what: () => `all ${sources.length} sources on the pods` })
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await scraper?.stop()
    await deep?.stop()
    await stage?.close()
    await kafka?.stop()
  })

  /** In the last scrape of each pod, together. */
  const everySourceOnce = (): boolean => {
    const shown = all().flatMap((pod) => [...(scraper.scrapes.findLast((s) => s.pod === pod.name)?.sources ?? [])])
    return shown.sort().join() === sources.join()
  }
  const lastSources = (pod: Pod) => scraper.scrapes.findLast((s) => s.pod === pod.name)!.sources

  /** What a pod had before and after a phase it must have shown all the time in between. */
  const neverInterrupted = (pod: Pod, from: number, had: ReadonlySet<string>) => {
    const stayed = [...had].filter((source) => lastSources(pod).has(source))
    assert.isAtLeast(stayed.length, 2, `${pod.name} kept no sources`)
    const during = scraper.scrapes.slice(from).filter((s) => s.pod === pod.name)
    assert.isAbove(during.length, 3)
    for (const { sources } of during)
      for (const source of stayed)
        assert.isTrue(sources.has(source), `${source} was missing from a scrape of ${pod.name}`)
  }

  /** Runs a phase, then looks at what the pods that had no part in it showed meanwhile, and at all values. */
  const phase = async (bystanders: ReadonlyArray<Pod>, work: () => Promise<void>) => {
    const from = scraper.scrapes.length
    const had = new Map(bystanders.map((pod) => [pod, lastSources(pod)]))
    await work()
    await scraper.round()
    for (const [pod, sources] of had) neverInterrupted(pod, from, sources)
    assert.deepStrictEqual(scraper.judge.wrong, [])
  }
  const untilAllShownBy = (rest: ReadonlyArray<Pod>, within: number) => untilSpread(rest, [3, 3], within)
  const untilComplete = () => until(everySourceOnce, { what: "every source on exactly one pod again" })

  it("a killed pod's partitions are taken over, and nothing older is shown then or when it is back", async () => {
    const victim = pods.get("c")!
    const rest = others(victim)
    await phase(rest, async () => {
      await victim.process.kill()
      await scraper.exclude(victim)
      await untilAllShownBy(rest, 60_000)
    })
    await phase(rest, async () => {
      await serve("c")
      await settled()
      await untilComplete()
    })
  })

  it("a pod that was frozen past its session timeout shows nothing older when it wakes", async () => {
    const frozen = pods.get("a")!
    const rest = others(frozen)
    await phase(rest, async () => {
      await scraper.exclude(frozen)
      assert.lengthOf(await visiblePartitions(frozen), 2)
      frozen.process.signal("SIGSTOP")
      await untilAllShownBy(rest, 60_000)
      await scraper.round()
      // Asked while it sleeps, with no scrape of the others after that: its answer is made after all of theirs. And its
      // first answers after that, as fast as they come.
      await scraper.stop()
      const waiting = frozen.get("/metrics", { timeout: 10_000 })
      const before = scraper.judge.scrapes
      frozen.process.signal("SIGCONT")
      const first = readBody(await waiting)
      assert.deepStrictEqual([...first.rounds], [], "what it cannot know to be its own it does not show")
      scraper.take(frozen, first)
      for (let i = 0; i < 20; i++) await scraper.scrape(frozen)
      assert.strictEqual(scraper.judge.scrapes - before, 21)
      assert.deepStrictEqual(scraper.judge.wrong, [])
      scraper.include(frozen)
      scraper.start()
      await settled()
      await untilComplete()
    })
    assert.match(frozen.process.out.stderr, /was refused: UNKNOWN_MEMBER_ID/)
  })

  it("a pod that gets SIGTERM exits with 0 and its partitions are back before a session could time out", async () => {
    const leaver = pods.get("b")!
    const rest = others(leaver)
    await phase(rest, async () => {
      leaver.process.signal("SIGTERM")
      assert.deepStrictEqual(await leaver.process.ended, { code: 0, signal: null })
      await untilAllShownBy(rest, sessionTimeout)
      // It answers until it has left, and then no more: that is no failure of a scrape.
      await scraper.exclude(leaver)
    })
    await until(() => rest.flatMap((pod) => [...lastSources(pod)]).length === sources.length, {
      what: "all sources on the two other pods"
    })
  })

  it("a pod that comes back gets its share and the others go on serving what they keep", async () => {
    const rest = all().filter((pod) => pod.name !== "b")
    await phase(rest, async () => {
      await serve("b")
      await settled()
      await untilComplete()
    })
  })

  it("in all that time no scrape failed but those of pods that were gone, and thousands of values were judged", () => {
    assert.deepStrictEqual(
      scraper.failures.filter((failure) => !/^[bc]: .*(fetch failed|ECONNREFUSED)/.test(failure)),
      []
    )
    assert.isAbove(scraper.judge.scrapes, 300)
    assert.isAbove(scraper.judge.values, 10_000)
    assert.deepStrictEqual(scraper.judge.wrong, [])
  })
})
