/**
 * Promise P1 (and P3, P9) on real processes under real faults: three brokers, four pods (two of them with two workers), each behind a gate of its own that can
 * be cut and stalled, several scrapers and two Prometheus servers. The judge knows only what scrapers saw, in what order,
 * and what was written. Faults: rolling restart, kill -9, a freeze past the session, a member that is slow to rejoin, a pod cut
 * off in both directions or in one, the coordinator killed, and two at once.
 */
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { Fleet } from "../../support/fleet.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { type NumberedRounds, startRounds } from "../../support/numberedRounds.ts"
import { visiblePartitions } from "../../support/pods.ts"
import { openStage, type Stage } from "../../support/processes.ts"
import { type PrometheusServer, startPrometheus } from "../../support/prometheus.ts"
import { type Gate, openGate } from "../../support/tcpProxy.ts"
import { describeWith } from "../../support/tools.ts"
import { until } from "../../support/until.ts"
import { Witness } from "../../support/witness.ts"

const partitions = 24
const sources = 48
const sessionTimeout = 6_000
const group = "k2p-handoff"
const names = ["a", "b", "c", "d"]
const door = (name: string): string => `DOOR_${name.toUpperCase()}`

/** Where Kafka keeps the group: Java's hash of its name over the partitions of the groups' topic. */
const groupPartition = (count: number): number => {
  let hash = 0
  for (const char of group) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0
  return Math.abs(hash) % count
}

// A slow machine may take its time; what must not be is judged, not how long it takes.
vi.setConfig({ testTimeout: 180_000 })

describeWith(["java", "mvn", "prometheus"], "pods under faults", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let rounds: NumberedRounds
  let witness: Witness
  let fleet: Fleet
  let prometheus: ReadonlyArray<PrometheusServer>
  const gates = new Map<string, Gate>()
  const gate = (name: string): Gate => gates.get(name)!

  beforeAll(async () => {
    stage = await openStage()
    for (const name of names) gates.set(name, await openGate(3))
    kafka = await startKafka({
      version: "3.9.1",
      nodes: 3,
      settings: { "min.insync.replicas": "2" },
      doors: Object.fromEntries(names.map((name) => [door(name), gate(name).ports]))
    })
    for (const name of names) gate(name).aim(kafka.doors[door(name)]!)
    await kafka.createTopic("metrics", partitions)
    rounds = await startRounds({
      brokers: kafka.bootstrap,
      topic: "metrics",
      partitions,
      sources,
      every: 500,
      // A deep log: who takes a partition over reads thousands of rounds that are older than what was shown.
      burst: 10,
      rare: 240,
      history: 10_000
    })
    witness = new Witness({ scrapers: 2, pause: 120, timeout: 10_000, exists: rounds.sent })
    fleet = new Fleet({
      ...{ stage, topic: "metrics", group, sessionTimeout, rounds, witness },
      brokers: (name) => gate(name).ports.map((port) => `127.0.0.1:${port}`),
      // Pods of both kinds, in one group.
      workers: (name) => (name === "a" || name === "d" ? 2 : 1),
      // Sources that write rarely stay, and keep the start of every replay far back.
      args: ["--expiry", "10m"]
    })
    await Promise.all(names.map((name) => fleet.serve(name)))
    await fleet.whole()
    const targets = fleet.running().map(({ port }) => `127.0.0.1:${port}`)
    prometheus = await Promise.all([
      startPrometheus(stage, targets, { name: "one" }),
      startPrometheus(stage, targets, { name: "two", honorTimestamps: false })
    ])
  }, 180_000)
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await witness?.stop()
    await rounds?.stop()
    await stage?.close()
    for (const each of gates.values()) await each.close()
    await kafka?.stop()
  })

  /** Frozen until the others have taken over what it had; and asked as fast as can be when it wakes. */
  const frozen = async (name: string, meanwhile: () => Promise<void>): Promise<void> => {
    const pod = fleet.pod(name)
    assert.isNotEmpty(await visiblePartitions(pod))
    pod.process.signal("SIGSTOP")
    await meanwhile()
    const waiting = witness.scrape(pod)
    pod.process.signal("SIGCONT")
    await waiting
    for (let i = 0; i < 20; i++) await witness.scrape(pod)
  }

  it("a rolling restart takes nothing back and no source off a pod that keeps it", async () => {
    for (const name of names) {
      const faults = await fleet.phase(fleet.others(name), async () => {
        await fleet.leave(name)
        await fleet.whole()
      })
      assert.deepStrictEqual(faults, [])
      assert.deepStrictEqual(
        await fleet.phase(fleet.running(), async () => {
          await fleet.serve(name)
          await fleet.whole()
        }),
        []
      )
    }
  })

  it("a pod killed and started again leaves and returns without an older value", async () => {
    const faults = await fleet.phase(fleet.others("b"), async () => {
      await fleet.kill("b")
      await fleet.whole()
      await fleet.serve("b")
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("a pod frozen past its session shows nothing older when it wakes", async () => {
    const faults = await fleet.phase(fleet.others("c"), async () => {
      await frozen("c", () => fleet.whole(fleet.others("c")))
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("a member too slow to rejoin keeps no other pod from showing what it has", async () => {
    const members = async () => (await fleet.pod("d").status()).shards
    const before = await members()
    let stoppedFor = 0
    const faults = await fleet.phase(fleet.others("c", "d"), async () => {
      const since = performance.now()
      fleet.pod("d").process.signal("SIGSTOP")
      await fleet.leave("c")
      // The group waits for d now.
      await witness.more(fleet.others("c", "d"), 10)
      fleet.pod("d").process.signal("SIGCONT")
      stoppedFor = performance.now() - since
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
    // On a machine that needs longer for ten scrapes it was frozen past its session, which is the test before this one.
    const slowOnly = stoppedFor < sessionTimeout - 1_500
    for (const [shard, after] of (await members()).entries()) {
      assert.isAbove(after.generation, before[shard]!.generation)
      if (slowOnly) assert.strictEqual(after.memberId, before[shard]!.memberId, "it was slow, not expelled")
    }
    if (!slowOnly)
      console.warn(`a member too slow to rejoin: it was expelled, this machine took ${Math.round(stoppedFor)} ms`)
    await fleet.serve("c")
    await fleet.whole()
    assert.deepStrictEqual(fleet.faults(), [])
  })

  it("a pod whose connections are cut falls silent and what it had is shown by the others", async () => {
    const faults = await fleet.phase(fleet.others("a"), async () => {
      gate("a").cut()
      await fleet.whole(fleet.others("a"))
      const scrape = await witness.scrape(fleet.pod("a"))
      assert.deepStrictEqual([...scrape!.rounds], [], "it cannot know that anything is still its own")
      gate("a").heal()
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("a pod whose requests and answers are held up, and delivered late, takes nothing back", async () => {
    const faults = await fleet.phase(fleet.others("b"), async () => {
      gate("b").stall({ toServer: true, toClient: true })
      await fleet.whole(fleet.others("b"))
      gate("b").heal()
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("a pod that gets no more answers, while its requests arrive, lets go of what it cannot prove", async () => {
    const faults = await fleet.phase(fleet.others("d"), async () => {
      gate("d").stall({ toServer: false, toClient: true })
      await fleet.whole(fleet.others("d"))
      gate("d").heal()
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("the broker that coordinates the group is killed and comes back without an older value", async () => {
    const { topics } = await kafka.admin.fetchTopicMetadata({ topics: ["__consumer_offsets"] })
    const found = topics[0]!.partitions
    const { leader } = found.find(({ partitionId }) => partitionId === groupPartition(found.length))!
    const memberIds = async () =>
      (await Promise.all(fleet.running().map((pod) => pod.status()))).flatMap(({ shards }) =>
        shards.map(({ memberId }) => memberId)
      )
    const before = await memberIds()
    await kafka.kill(leader)
    // New rounds of every source, also of the partitions that the dead broker led.
    await fleet.whole()
    assert.deepStrictEqual(fleet.faults(), [])
    assert.deepStrictEqual(await memberIds(), before, "another broker took the group over as it was")
    await kafka.restart(leader)
    await fleet.whole()
    assert.deepStrictEqual(fleet.faults(), [])
  })

  it("one pod frozen while another is stopped: nothing older, and all is back", async () => {
    const faults = await fleet.phase(fleet.others("a", "b"), async () => {
      await frozen("a", async () => {
        await fleet.leave("b")
        await fleet.whole(fleet.others("a", "b"))
      })
      await fleet.serve("b")
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("one pod cut off while another is killed: nothing older, and all is back", async () => {
    const faults = await fleet.phase(fleet.others("c", "d"), async () => {
      gate("c").cut()
      await fleet.kill("d")
      await fleet.whole(fleet.others("c"))
      gate("c").heal()
      await fleet.serve("d")
      await fleet.whole()
    })
    assert.deepStrictEqual(faults, [])
  })

  it("neither Prometheus has stored a counter that ran backwards, in all that time", async () => {
    // A scrape of their own after the last fault.
    const stored = async (server: PrometheusServer) =>
      new Map((await server.query("max by (instance) (test_rounds_total)")).map((s) => [s.labels.instance!, s.value]))
    const wanted = new Map(rounds.sources.map((source) => [source, rounds.confirmed(source)]))
    for (const server of prometheus) {
      await until(
        async () => {
          const now = await stored(server)
          return [...wanted].every(([source, round]) => (now.get(source) ?? -1) >= round)
        },
        { what: "the newest round of every source in Prometheus", every: 200 }
      )
      const resets = await server.query("resets(test_rounds_total[1h])")
      assert.deepStrictEqual(resets.map((s) => s.labels.instance!).sort(), [...rounds.sources].sort())
      assert.deepStrictEqual(
        resets.filter((s) => s.value !== 0),
        []
      )
      const samples = await server.query("count_over_time(test_rounds_total[1h])")
      // Enough that a reset would have been seen; how many there are is the machine's pace and the faults' luck. A round is one
      // sample, so there are few of the one source in each partition that writes rarely.
      const counts = samples.map(({ value }) => value).sort((a, b) => b - a)
      assert.lengthOf(counts, rounds.sources.length)
      assert.isAbove(counts[rounds.sources.length - partitions - 1]!, 5)
    }
    assert.deepStrictEqual(fleet.faults(), [])
    assert.isAbove(witness.sightings.length, 300)
  })
})
