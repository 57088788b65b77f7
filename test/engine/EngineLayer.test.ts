import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { encodeClaims } from "../../src/engine/group/Claims.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import type { Plan } from "../../src/transport/embedded/Faults.ts"
import { passingBy } from "../support/passing.ts"
import { ProcessorError, type ShardPod, type ShardPodOptions, startShardPod } from "../support/shardPod.ts"
import { withLog } from "../support/withLog.ts"

const topic = "metrics"

/** Virtual time passes in small steps, so that every fiber that waits for one of them gets its turn. */
const pass = (ms: number) =>
  Effect.gen(function* () {
    for (let t = 0; t < ms; t += 50) yield* TestClock.adjust(50)
  })

const { passUntil, passing } = passingBy(50)

const produce = (partition: number, values: Record<string, number>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
      yield* producer.produce(
        Object.entries(values).map(([key, value]) => ({
          topic,
          partition,
          key: Buffer.from(key),
          value: Buffer.from(String(value)),
          headers: {}
        }))
      )
    })
  )

const visibleCount = (pod: ShardPod) => pod.engine.status().partitions.filter((p) => p.visible).length

const start = (name: string, options?: ShardPodOptions) => startShardPod(name, options)

describe("a shard", () => {
  it.effect("shows what was produced, and commits it after it could be shown", () =>
    withLog(
      4,
      Effect.gen(function* () {
        yield* passing(produce(0, { a: 1 }))
        const pod = yield* start("a")
        yield* passUntil("4 partitions visible", () => visibleCount(pod) === 4)
        yield* passing(produce(0, { a: 2, b: 7 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 3))
        assert.deepStrictEqual(
          [...(yield* passing(pod.scrape))],
          [
            ["a", 2],
            ["b", 7]
          ]
        )
        yield* pass(2_000)
        const log = yield* EmbeddedLog
        assert.strictEqual(log.group("kafka2prom").commits.get(`${topic}/0`)?.offset, 3)
        yield* passing(pod.stop)
        assert.strictEqual(log.group("kafka2prom").members.length, 0)
        assert.strictEqual(log.stats().openConnections, 0)
      })
    )
  )

  it.effect("has in a cut what it owned when the request arrived, and nothing that it acquired since", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const a = yield* start("a")
        yield* passUntil("a has all", () => visibleCount(a) === 2)
        yield* pass(5_000)
        const b = yield* start("b")
        yield* passUntil("one each", () => visibleCount(a) === 1 && visibleCount(b) === 1)
        const keys = (pod: ShardPod, ago?: number) => pod.engine.cut(ago).partitions.map(({ key }) => key)
        const acquired = b.engine.status().handoffs.find(({ kind }) => kind === "acquired")!
        const { partition, at } = acquired
        const since = (yield* Clock.currentTimeMillis) - at
        assert.deepStrictEqual(keys(b), [`metrics/${partition}`])
        assert.deepStrictEqual(keys(b, since - 1), [`metrics/${partition}`])
        assert.deepStrictEqual(keys(b, since + 100), [])
        assert.deepStrictEqual(keys(a, since + 100), [`metrics/${1 - partition}`])
        yield* passing(a.stop)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("makes its dead predecessor leave, so that what that had is back before its session could run out", () =>
    withLog(
      3,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const transport = log.transport
        const dead = yield* transport.groupClient({ group: "kafka2prom", clientId: "dead" })
        const metadata = encodeClaims([topic], {
          ...{ generation: -1, live: [], evicting: [], sequence: 1, settings: "", loads: new Map() }
        })
        const protocols = [{ name: "k2p-sticky-v1", metadata }]
        const timeouts = { sessionTimeout: 1_800_000, rebalanceTimeout: 1_800_000 }
        const { memberId } = yield* passing(dead.joinGroup({ memberId: "", ...timeouts, protocols }))
        const heir = yield* start("heir", { engine: { predecessors: [memberId] } })
        yield* passUntil("the heir has all", () => visibleCount(heir) === 3, 5_000)
        assert.deepStrictEqual(
          log.group("kafka2prom").members.map((m) => m.memberId),
          [heir.engine.status().memberId]
        )
        // Of one that has left already nobody speaks.
        const second = yield* start("second", { engine: { predecessors: [memberId] } })
        yield* passUntil("both have some", () => visibleCount(second) > 0 && visibleCount(heir) > 0)
        yield* passing(heir.stop)
        yield* passing(second.stop)
      })
    )
  )

  it.effect("is lost once, and back at once, when its coordinator stood still for longer than a session", () =>
    withLog(
      4,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pods = [yield* start("a"), yield* start("b")]
        const shown = () => pods.reduce((sum, pod) => sum + visibleCount(pod), 0)
        yield* passUntil("two each", () => pods.every((pod) => visibleCount(pod) === 2))
        yield* pass(3_000)
        // Heartbeats come back at once, refused, and commits later: of a membership that is no more by then.
        yield* log.intercept((r) => (r.op === "offsetCommit" ? { delayAnswer: 100 } : undefined))
        yield* log.pauseCoordinators(25_000, "alarms")
        yield* pass(25_000)
        assert.strictEqual(shown(), 0)
        yield* pass(5_000)
        assert.strictEqual(shown(), 4)
        const group = log.group("kafka2prom")
        assert.deepStrictEqual([group.members.length, group.given], [2, []])
        for (const pod of pods) {
          const { values } = yield* Effect.promise(() => pod.metrics.membershipsLost.get())
          assert.deepStrictEqual(
            values.flatMap(({ value }) => (value === 0 ? [] : [value])),
            [1]
          )
        }
        for (const pod of pods) yield* passing(pod.stop)
      })
    )
  )

  it.effect("that is told to stop while it waits for the group leaves, and so does every id that it was given", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a")
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        const late = yield* start("late")
        // Its join waits for one that does not join.
        yield* log.intercept((r) => (r.clientId === "a" && r.op === "joinGroup" ? { delayRequest: 8_000 } : undefined))
        yield* pass(200)
        assert.strictEqual(log.group("kafka2prom").members.length, 2)
        yield* passing(late.stop)
        assert.strictEqual(log.group("kafka2prom").members.length, 1)
        // One that was given its id only.
        yield* log.intercept((r) =>
          r.clientId === "later" && r.op === "joinGroup" && r.join.memberId !== ""
            ? { delayRequest: 60_000 }
            : undefined
        )
        const later = yield* start("later")
        yield* pass(200)
        assert.lengthOf(log.group("kafka2prom").given, 1)
        yield* passing(later.stop)
        assert.deepStrictEqual(log.group("kafka2prom").given, [])
        yield* passing(pod.stop)
      })
    )
  )

  for (const code of ["AUTHENTICATION", "AUTHORIZATION"] as const)
    it.effect(`that was in and is refused later (${code}) shows nothing, says so, keeps trying and is back`, () =>
      withLog(
        2,
        Effect.gen(function* () {
          const log = yield* EmbeddedLog
          const pod = yield* start("a")
          yield* passUntil("both visible", () => visibleCount(pod) === 2)
          const ended = yield* Effect.forkChild(Effect.flip(pod.engine.failed), { startImmediately: true })
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* log.intercept((r) => (r.clientId === "a" ? { fail: code } : undefined))
              yield* passUntil("nothing shown", () => visibleCount(pod) === 0)
              yield* pass(60_000)
              assert.strictEqual(log.group("kafka2prom").members.length, 0)
              assert.match(pod.engine.status().refused ?? "", new RegExp(code))
            })
          )
          yield* passUntil("back", () => visibleCount(pod) === 2)
          assert.strictEqual(pod.engine.status().refused, null)
          assert.isUndefined(ended.pollUnsafe())
          const counted = (yield* Effect.promise(() => pod.metrics.refused.get())).values.filter(
            ({ value }) => value > 0
          )
          assert.deepStrictEqual(
            counted.map(({ labels }) => labels.code),
            [code]
          )
          assert.isAbove(counted[0]!.value, 10)
          yield* passing(pod.stop)
        })
      )
    )

  it.effect("that is refused at its start ends, unless its process has been in before", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        let refusing = true
        yield* log.intercept(() => (refusing ? { fail: "AUTHENTICATION" } : undefined))
        const pod = yield* start("a")
        const { message } = yield* passing(Effect.flip(pod.engine.failed))
        assert.match(message, /the brokers refused this pod: joinGroup: AUTHENTICATION/)
        yield* passing(pod.stop)
        const again = yield* start("b", { engine: { hasBeenIn: true } })
        const ended = yield* Effect.forkChild(again.engine.failed, { startImmediately: true })
        yield* pass(30_000)
        refusing = false
        yield* passUntil("in", () => visibleCount(again) === 1)
        assert.isUndefined(ended.pollUnsafe())
        yield* passing(again.stop)
      })
    )
  )

  it.effect("tells the ids that the group may know it by whenever they are others", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a")
        const first = yield* passing(pod.engine.idsChanged([]))
        assert.deepStrictEqual(first, [log.group("kafka2prom").members[0]!.memberId])
        assert.deepStrictEqual(yield* passing(pod.engine.idsChanged(["another"])), first)
        const next = yield* Effect.forkChild(pod.engine.idsChanged(first), { startImmediately: true })
        yield* pass(5_000)
        assert.isUndefined(next.pollUnsafe())
        const client = yield* log.transport.groupClient({ group: "kafka2prom", clientId: "operator" })
        yield* passing(client.leaveGroup(first[0]!))
        yield* passUntil("told", () => next.pollUnsafe() !== undefined)
        yield* passUntil("another one, and only that", () => log.group("kafka2prom").state === "Stable")
        yield* pass(1_000)
        const ids = yield* passing(pod.engine.idsChanged([]))
        assert.deepStrictEqual(ids, [log.group("kafka2prom").members[0]!.memberId])
        assert.notDeepEqual(ids, first)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("moves partitions in two steps when a pod joins, and none that stay leave a scrape", () =>
    withLog(
      6,
      Effect.gen(function* () {
        const a = yield* start("a")
        yield* passUntil("a has all", () => visibleCount(a) === 6)
        for (let p = 0; p < 6; p++) yield* passing(produce(p, { [`k${p}`]: 1 }))
        yield* passUntil("all shown", () => a.engine.status().partitions.every((p) => p.position === 1))
        const b = yield* start("b")
        let least = 6
        yield* passUntil("three each", () => {
          least = Math.min(least, visibleCount(a))
          return visibleCount(a) === 3 && visibleCount(b) === 3
        })
        assert.strictEqual(least, 3)
        const shown = new Map([...(yield* passing(a.scrape)), ...(yield* passing(b.scrape))])
        assert.strictEqual(shown.size, 6)
        yield* passing(a.stop)
        yield* passUntil("b has all", () => visibleCount(b) === 6)
        assert.strictEqual((yield* passing(b.scrape)).size, 6)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("takes over from a pod that vanished, hidden until it is past what that one may have exposed", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const a = yield* start("a")
        yield* passUntil("a has both", () => visibleCount(a) === 2)
        // A shows 9 but its commits do not arrive any more: the group knows only of what came before.
        yield* passing(produce(0, { k: 5 }))
        yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 1))
        yield* pass(2_000)
        yield* log.intercept((r) => (r.clientId === "a" && r.op === "offsetCommit" ? { lose: "request" } : undefined))
        yield* passing(produce(0, { k: 9 }))
        yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 2))
        assert.strictEqual((yield* passing(a.scrape)).get("k"), 9)
        // Then it is cut off altogether.
        yield* log.intercept((r) => (r.clientId === "a" ? { lose: "request" } : undefined))
        const b = yield* start("b")
        const seen: Array<number | undefined> = []
        for (let t = 0; t < 60_000 && visibleCount(b) < 2; t += 500) {
          yield* pass(500)
          seen.push((yield* passing(b.scrape)).get("k"))
        }
        assert.strictEqual((yield* passing(b.scrape)).get("k"), 9)
        assert.deepStrictEqual([...new Set(seen.filter((v) => v !== undefined))], [9])
        assert.strictEqual(visibleCount(a), 0)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("asks once for the scrapes of one moment, and fails all of them where it is refused", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a", { engine: { heartbeatInterval: 5_000 } })
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        yield* pass(3_000)
        let sent = 0
        let plan: Plan = { delayAnswer: 200 }
        // Slow enough that those who come later meet it on its way.
        yield* log.intercept((r) => {
          if (r.op !== "heartbeat") return undefined
          sent += 1
          return plan
        })
        const scrapes = (count: number) =>
          Effect.forEach(Array.from({ length: count }), () =>
            Effect.forkChild(Effect.exit(pod.engine.cut().prove), { startImmediately: true })
          )
        const first = yield* scrapes(16)
        yield* pass(50)
        assert.strictEqual(sent, 1)
        const later = yield* scrapes(16)
        yield* Fiber.interrupt(later[0]!)
        yield* passUntil("the first have their proof", () => first.every((f) => f.pollUnsafe() !== undefined))
        assert.isTrue(later.slice(1).every((f) => f.pollUnsafe() === undefined))
        yield* passUntil("the later ones, too", () => later.every((f) => f.pollUnsafe() !== undefined))
        assert.strictEqual(sent, 2)
        for (const fiber of [...first, ...later.slice(1)])
          assert.strictEqual((yield* Fiber.join(fiber))._tag, "Success")
        yield* pass(1_000)
        plan = { fail: "NOT_COORDINATOR" }
        sent = 0
        const refused = yield* scrapes(16)
        yield* passUntil("all have their answer", () => refused.every((f) => f.pollUnsafe() !== undefined))
        for (const fiber of refused) assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failure")
        assert.isAtMost(sent, 2)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("restarts a failed actor from its last commit without touching the others", () =>
    withLog(
      2,
      Effect.gen(function* () {
        let poison = 2
        const pod = yield* start("a", {
          onRecord: (record, key) =>
            key === `${topic}/0` && record.offset === 1 && poison-- > 0 ? Effect.die(new Error("a bug")) : Effect.void
        })
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        yield* passing(produce(0, { a: 1 }))
        yield* passing(produce(0, { a: 2 }))
        yield* passing(produce(1, { b: 1 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 2))
        const [first, second] = pod.engine.status().partitions
        assert.strictEqual(first?.restarts, 2)
        assert.strictEqual(second?.restarts, 0)
        assert.strictEqual(pod.trace.filter((t) => t === `a opens ${topic}/1`).length, 1)
        assert.strictEqual((yield* passing(pod.scrape)).get("a"), 2)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("gives up a partition loudly after the bounded number of restarts, nothing else, and tries it again", () =>
    withLog(
      2,
      Effect.gen(function* () {
        let well = false
        const pod = yield* start("a", {
          engine: { maxRestarts: 3 },
          onRecord: (_, key) =>
            key === `${topic}/0` && !well ? Effect.fail(new ProcessorError({ message: "disk full" })) : Effect.void
        })
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        yield* passing(produce(0, { a: 1 }))
        const partition = (n: number) => pod.engine.status().partitions.find((p) => p.partition === n)
        yield* passUntil("given up", () => partition(0)?.trouble?.code === "GIVEN_UP")
        assert.strictEqual(partition(0)?.restarts, 4)
        assert.match(partition(0)?.trouble?.detail ?? "", /disk full/)
        yield* passing(produce(1, { b: 1 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 1 }, 1))
        assert.strictEqual((yield* passing(pod.scrape)).get("b"), 1)
        well = true
        yield* passUntil("it is tried again", () => visibleCount(pod) === 2)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("evicts before it lets the group give a partition away", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const trace: Array<string> = []
        const a = yield* start("a", { trace, onClose: Effect.sleep("3 seconds") })
        yield* passUntil("a has both", () => visibleCount(a) === 2)
        const b = yield* start("b", { trace })
        yield* passUntil("one each", () => visibleCount(a) === 1 && visibleCount(b) === 1)
        const opened = trace.find((t) => t.startsWith("b opens"))!
        const moved = opened.replace("b opens ", "")
        assert.deepStrictEqual(
          trace.filter((t) => t.endsWith(moved)),
          [`a opens ${moved}`, `a closed ${moved}`, `b opens ${moved}`]
        )
        yield* passing(b.stop)
        yield* passing(a.stop)
      })
    )
  )

  it.effect("pauses a full partition alone and loses nothing", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const gate = { open: false }
        const pod = yield* start("a", {
          engine: { queueRecords: 10, fetchMaxBytesPartition: 1_000 },
          onRecord: (_, key) => (key === `${topic}/0` && !gate.open ? Effect.sleep("1 second") : Effect.void)
        })
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        for (let i = 1; i <= 60; i++) yield* passing(produce(0, { a: i }))
        yield* passing(produce(1, { b: 1 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 1 }, 1))
        yield* passUntil("paused", () => pod.engine.status().partitions[0]?.queue.paused === true)
        assert.isBelow(pod.engine.status().partitions[0]!.queue.records, 40)
        gate.open = true
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 60))
        assert.strictEqual((yield* passing(pod.scrape)).get("a"), 60)
        assert.strictEqual(pod.engine.status().partitions[0]!.dropped, 0)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect(
    "drops the front under drop-front when more arrives than it processes, counts it, and keeps the newest",
    () =>
      withLog(
        1,
        Effect.gen(function* () {
          const gate = { open: false }
          const pod = yield* start("a", {
            backpressure: "drop-front",
            engine: { queueRecords: 10 },
            onRecord: () => (gate.open ? Effect.void : Effect.sleep("1 second"))
          })
          yield* passUntil("visible", () => visibleCount(pod) === 1)
          let produced = 0
          for (; pod.engine.status().partitions[0]!.dropped === 0; produced += 1) {
            assert.isBelow(produced, 200, "it drops")
            yield* passing(produce(0, { a: produced + 1 }))
            yield* pass(50)
          }
          gate.open = true
          yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, produced))
          assert.strictEqual((yield* passing(pod.scrape)).get("a"), produced)
          const { dropped } = pod.engine.status().partitions[0]!
          const consumed = (yield* Effect.promise(() => pod.metrics.recordsConsumed.get())).values[0]!.value
          assert.strictEqual(dropped + consumed, produced)
          yield* passing(pod.stop)
        })
      )
  )

  it.effect(
    "starts to drop when it is switched to drop-front while a full partition is paused, and stops when switched back",
    () =>
      withLog(
        1,
        Effect.gen(function* () {
          const gate = { open: false }
          const pod = yield* start("a", {
            engine: { queueRecords: 10, fetchMaxBytesPartition: 1_000 },
            onRecord: () => (gate.open ? Effect.void : Effect.sleep("1 second"))
          })
          const partition = () => pod.engine.status().partitions[0]!
          yield* passUntil("visible", () => visibleCount(pod) === 1)
          for (let i = 1; i <= 60; i++) yield* passing(produce(0, { a: i }))
          yield* passUntil("paused", () => partition().queue.paused)
          assert.strictEqual(partition().dropped, 0)
          assert.isTrue(pod.engine.setBackpressure("drop-front", { topic, partition: 0 }))
          yield* passUntil("dropping", () => partition().dropped > 0)
          assert.isFalse(partition().queue.paused)
          assert.isTrue(pod.engine.setBackpressure("pause", { topic, partition: 0 }))
          const { dropped } = partition()
          for (let i = 61; i <= 120; i++) yield* passing(produce(0, { a: i }))
          yield* passUntil("paused again", () => partition().queue.paused)
          gate.open = true
          yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 120))
          assert.strictEqual(partition().dropped, dropped)
          assert.strictEqual((yield* passing(pod.scrape)).get("a"), 120)
          yield* passing(pod.stop)
        })
      )
  )

  it.effect(
    "that is switched as a whole treats the partitions that it acquires later alike; a switch of one is that one's",
    () =>
      withLog(
        4,
        Effect.gen(function* () {
          const a = yield* start("a")
          yield* passUntil("a has all", () => visibleCount(a) === 4)
          const b = yield* start("b")
          yield* passUntil("two each", () => visibleCount(a) === 2 && visibleCount(b) === 2)
          const [kept] = a.engine.status().partitions
          assert.isTrue(a.engine.setBackpressure("drop-front"))
          assert.isTrue(a.engine.setBackpressure("adaptive", kept))
          assert.isFalse(a.engine.setBackpressure("pause", { topic, partition: 99 }))
          yield* passing(b.stop)
          yield* passUntil("a has all again", () => visibleCount(a) === 4)
          for (const p of a.engine.status().partitions)
            assert.strictEqual(p.backpressure, p.partition === kept!.partition ? "adaptive" : "drop-front")
          yield* passing(a.stop)
        })
      )
  )

  it.effect("evicts everything and takes a new member id when the group forgot it", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a")
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        const before = pod.engine.status().memberId
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* log.intercept((r) => (r.clientId === "a" ? { lose: "request" } : undefined))
            yield* passUntil("expelled", () => log.group("kafka2prom").members.length === 0)
            assert.strictEqual(visibleCount(pod), 0)
          })
        )
        yield* passUntil("back", () => visibleCount(pod) === 2)
        assert.notStrictEqual(pod.engine.status().memberId, before)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("shows only what arrives afterwards when the log went back", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a")
        yield* passUntil("visible", () => visibleCount(pod) === 1)
        yield* passing(produce(0, { a: 1, b: 1 }))
        yield* passing(produce(0, { a: 2 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 3))
        assert.strictEqual((yield* passing(pod.scrape)).get("a"), 2)
        yield* log.truncate({ topic, partition: 0 }, 1)
        yield* passUntil("noticed", () => (pod.engine.status().partitions[0]?.position ?? 9) === 1)
        yield* passUntil("visible again", () => visibleCount(pod) === 1)
        assert.deepStrictEqual([...(yield* passing(pod.scrape))], [])
        yield* passing(produce(0, { b: 3 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 2))
        assert.deepStrictEqual([...(yield* passing(pod.scrape))], [["b", 3]])
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("that stopped on a defect of its own still closes all that it opened, commits it and leaves", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        let broken = false
        const pod = yield* start("a", {
          onFetched: (fetched) => {
            if (broken) throw new Error("a defect, on purpose")
            return fetched
          }
        })
        yield* passUntil("both visible", () => visibleCount(pod) === 2)
        yield* passing(produce(0, { a: 1 }))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 1))
        broken = true
        yield* passing(produce(1, { b: 1 }))
        const { message } = yield* passing(Effect.flip(pod.engine.failed))
        assert.strictEqual(message, "a defect in the engine, see the log")
        yield* passing(pod.stop)
        const closed = pod.trace.filter((line) => line.startsWith("a closed"))
        assert.deepStrictEqual(closed.toSorted(), [`a closed ${topic}/0`, `a closed ${topic}/1`])
        assert.strictEqual(log.group("kafka2prom").commits.get(`${topic}/0`)?.offset, 1)
        assert.lengthOf(log.group("kafka2prom").members, 0)
      })
    )
  )

  it.effect("owns partitions that are added to the topic", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a")
        yield* passUntil("visible", () => visibleCount(pod) === 1)
        yield* log.addPartitions(topic, 3)
        yield* passUntil("three", () => visibleCount(pod) === 3)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("owns partitions that came up while the assignment of the others was on its way", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const pod = yield* start("a")
        yield* passUntil("one", () => visibleCount(pod) === 1)
        // The group joins again, and the assignment is longer on its way than the leader goes without a look at the topic.
        let told = false
        let assigned = 0
        yield* log.intercept((r) => {
          if (r.op === "syncGroup") {
            assigned++
            return { delayAnswer: 35_000, timeout: 60_000 }
          }
          if (r.op !== "heartbeat" || told) return undefined
          told = true
          return { fail: "REBALANCE_IN_PROGRESS" }
        })
        yield* passUntil("assigned", () => assigned === 1)
        yield* log.addPartitions(topic, 3)
        yield* passUntil("three", () => visibleCount(pod) === 3)
        yield* passing(pod.stop)
      })
    )
  )
})
