/** The embedded log's data side in virtual time: timestamps, long polls, retention, logs that go back, leaders. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import { type GroupClient, Transport } from "../../../src/transport/Transport.ts"
import { alone, codeOf, group, joinRequest, tp, world } from "./world.ts"

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const other = { topic: "metrics", partition: 1 }
const limits = { maxWait: 5_000, maxBytes: 1_000_000, maxBytesPerPartition: 1_000_000 }
const fetch = (client: GroupClient, offset: number, options: Partial<typeof limits> = {}) =>
  Effect.map(client.fetch(1, [{ tp, offset }], { ...limits, ...options }), ([fetched]) => fetched!)

describe("time", () => {
  it.effect("records carry the log's clock, and are found by it", () =>
    Effect.gen(function* () {
      const { client, produce } = yield* world()
      const a = yield* client("a")
      yield* TestClock.setTime(1_000_000)
      yield* produce("0", "1")
      yield* TestClock.adjust(10)
      yield* produce("2")
      const { records } = yield* fetch(a, 0)
      assert.deepStrictEqual(
        records.map((r) => r.timestamp),
        [1_000_000, 1_000_000, 1_000_010]
      )
      const found = (timestamp: number) => Effect.map(a.listOffsets([tp], { timestamp }), (m) => m.get("metrics/0"))
      assert.deepStrictEqual(
        [yield* found(0), yield* found(1_000_000), yield* found(1_000_001), yield* found(1_000_011)],
        [0, 0, 2, 3]
      )
    })
  )

  it.effect("a fetch waits its time for data, on the log's clock", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world()
      const a = yield* client("a")
      const empty = yield* background(fetch(a, 0))
      yield* TestClock.adjust(4_999)
      assert.strictEqual(empty.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(empty)).records.length, 0)
      const woken = yield* background(fetch(a, 0))
      yield* TestClock.adjust(100)
      yield* produce("0", "1")
      assert.strictEqual((yield* Fiber.join(woken)).records.length, 2)
      assert.deepStrictEqual([log.stats().waitingFetches, log.stats().timers], [0, 0])
    })
  )

  it.effect("a fetch of several partitions is woken by any of them, others' records do not wake it", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world()
      const a = yield* client("a")
      const both = yield* background(
        a.fetch(
          1,
          [
            { tp: other, offset: 0 },
            { tp, offset: 0 }
          ],
          limits
        )
      )
      const one = yield* background(a.fetch(1, [{ tp: other, offset: 0 }], limits))
      yield* produce("0")
      const fetched = yield* Fiber.join(both)
      assert.deepStrictEqual(
        fetched.map((f) => [f.tp.partition, f.records.length, f.next, f.highWatermark]),
        [
          [1, 0, 0, 0],
          [0, 1, 1, 1]
        ]
      )
      assert.strictEqual(one.pollUnsafe(), undefined)
      assert.strictEqual(log.stats().waitingFetches, 1)
    })
  )
})

describe("a fetch", () => {
  it.effect("takes more than its limits of the first partition with data only", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const a = yield* client("a")
      const producer = yield* log.transport.producer({ clientId: "p", acks: 1, compression: "none" })
      const record = (partition: typeof tp) => ({ ...partition, key: null, value: Buffer.alloc(1_000), headers: {} })
      yield* producer.produce([record(tp), record(tp), record(other), record(other)])
      const counts = (options: Partial<typeof limits>, ...order: ReadonlyArray<typeof tp>) =>
        Effect.map(
          a.fetch(
            1,
            order.map((partition) => ({ tp: partition, offset: 0 })),
            { ...limits, ...options }
          ),
          (fetched) => fetched.map((f) => f.records.length)
        )
      assert.deepStrictEqual(yield* counts({ maxBytes: 1 }, tp, other), [1, 0])
      assert.deepStrictEqual(yield* counts({ maxBytesPerPartition: 1 }, other, tp), [1, 0])
      assert.deepStrictEqual(yield* counts({ maxBytes: 3_500 }, tp, other), [2, 1])
      assert.deepStrictEqual(yield* counts({ maxBytesPerPartition: 1_100 }, tp, other), [1, 1])
      assert.deepStrictEqual(yield* counts({}, tp, other), [2, 2])
    })
  )

  it.effect("goes on waiting where the log changed but its position is still the end", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world()
      const a = yield* client("a")
      yield* produce("0", "1")
      const waiting = yield* background(fetch(a, 2))
      yield* log.deleteRecords(tp, 1)
      assert.deepStrictEqual([waiting.pollUnsafe(), log.stats().waitingFetches], [undefined, 1])
      yield* produce("2")
      assert.deepStrictEqual(
        (yield* Fiber.join(waiting)).records.map((r) => r.offset),
        [2]
      )
    })
  )
})

describe("retention", () => {
  it.effect("deletes by age, and what was deleted is counted", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world({ retentionMs: 60_000 })
      const a = yield* client("a")
      yield* produce("0", "1")
      yield* TestClock.adjust(30_000)
      yield* produce("2")
      yield* TestClock.adjust(30_000)
      assert.strictEqual((yield* a.listOffsets([tp], "start")).get("metrics/0"), 0)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* a.listOffsets([tp], "start")).get("metrics/0"), 2)
      assert.strictEqual((yield* fetch(a, 0)).error, "OFFSET_OUT_OF_RANGE")
      assert.strictEqual((yield* fetch(a, 2)).records.length, 1)
      assert.deepStrictEqual([log.stats().recordsAppended, log.stats().recordsExpired], [3, 2])
    })
  )

  it.effect("bounds the bytes held, whatever is produced", () =>
    Effect.gen(function* () {
      const { log, produce } = yield* world({ retentionBytes: 10_000 })
      for (let i = 0; i < 100; i++) {
        yield* produce("x".repeat(1_000))
        assert.isTrue(log.stats().bytes <= 10_000)
      }
      assert.deepStrictEqual([log.start(tp), log.end(tp)], [91, 100])
    })
  )
})

describe("a log that goes back", () => {
  it.effect("is out of range for who was ahead, also while it waits, and commits stay", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world()
      const a = yield* client("a")
      const member = yield* alone(a)
      yield* produce("0", "1", "2")
      yield* a.offsetCommit(member, [{ tp, offset: 3, metadata: "m" }])
      const waiting = yield* background(fetch(a, 3))
      yield* log.truncate(tp, 1)
      assert.strictEqual((yield* Fiber.join(waiting)).error, "OFFSET_OUT_OF_RANGE")
      yield* produce("new 1")
      const { records } = yield* fetch(a, 0)
      assert.deepStrictEqual(
        records.map((r) => Buffer.from(r.value!).toString()),
        ["0", "new 1"]
      )
      assert.strictEqual(log.group(group).commits.get("metrics/0")?.offset, 3)
    })
  )

  it.effect("as a topic made anew, it starts at 0 and its commits are gone", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world()
      const a = yield* client("a")
      const member = yield* alone(a)
      yield* produce("0", "1")
      yield* a.offsetCommit(member, [{ tp, offset: 2, metadata: "" }])
      yield* log.recreate(tp.topic)
      assert.deepStrictEqual([log.start(tp), log.end(tp)], [0, 0])
      assert.strictEqual((yield* a.offsetFetch([tp])).size, 0)
      assert.strictEqual((yield* fetch(a, 2)).error, "OFFSET_OUT_OF_RANGE")
      assert.strictEqual(log.stats().recordsAppended, 2, "counts do not go back")
    })
  )
})

describe("brokers", () => {
  it.effect("share the partitions, and only a partition's leader serves it", () =>
    Effect.gen(function* () {
      const { client, log, produce } = yield* world({ nodes: 3 })
      const a = yield* client("a")
      yield* produce("0")
      const [info] = yield* a.metadata([tp.topic])
      assert.deepStrictEqual(
        info!.partitions.map((p) => p.leader),
        [1, 2]
      )
      assert.strictEqual((yield* fetch(a, 0)).records.length, 1)
      const waiting = yield* background(fetch(a, 1))
      yield* log.setLeader(tp, 3)
      assert.strictEqual((yield* Fiber.join(waiting)).error, "NOT_LEADER")
      assert.strictEqual((yield* fetch(a, 0)).error, "NOT_LEADER")
      assert.strictEqual((yield* a.fetch(3, [{ tp, offset: 0 }], limits))[0]!.records.length, 1)
      yield* log.setLeader(tp, -1)
      assert.strictEqual(yield* codeOf(produce("lost")), "NOT_LEADER")
      assert.strictEqual(yield* codeOf(a.listOffsets([tp], "end")), "NOT_LEADER")
    })
  )

  it.effect("refuse a record that is too large with all of its partition, and no other", () =>
    Effect.gen(function* () {
      const { log } = yield* world({ maxRecordBytes: 1_000 })
      const producer = yield* log.transport.producer({ clientId: "p", acks: 1, compression: "none" })
      const record = (partition: typeof tp, size: number) => ({
        ...partition,
        key: null,
        value: Buffer.alloc(size),
        headers: {}
      })
      const produced = producer.produce([record(tp, 10), record(other, 10), record(tp, 1_001), record(tp, 10)])
      assert.strictEqual(yield* codeOf(produced), "MESSAGE_TOO_LARGE")
      assert.deepStrictEqual([log.end(tp), log.end(other)], [0, 1])
    })
  )

  it.effect("tell a producer without acknowledgements nothing, but carry its records", () =>
    Effect.gen(function* () {
      const { log } = yield* world({ maxRecordBytes: 1_000 })
      const producer = yield* log.transport.producer({ clientId: "p", acks: 0, compression: "none" })
      const send = (size: number) =>
        codeOf(producer.produce([{ ...tp, key: null, value: Buffer.alloc(size), headers: {} }]))
      yield* log.intercept(({ op }) => (op === "produce" ? { delayRequest: 1_000 } : undefined))
      assert.deepStrictEqual([yield* send(10), yield* send(2_000), yield* send(20)], ["OK", "OK", "OK"])
      assert.strictEqual(log.end(tp), 0)
      yield* TestClock.adjust(1_000)
      assert.strictEqual(log.end(tp), 2)
    })
  )
})

describe("EmbeddedLog", () => {
  it.effect("is one log for every transport over it", () =>
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const transport = yield* Transport
      yield* log.createTopic("t", 1)
      const producer = yield* transport.producer({ clientId: "p", acks: 1, compression: "none" })
      yield* producer.produce([{ topic: "t", partition: 0, key: null, value: null, headers: {} }])
      assert.strictEqual(log.end({ topic: "t", partition: 0 }), 1)
    }).pipe(Effect.provide(Layer.provideMerge(EmbeddedLog.transport, EmbeddedLog.layer())))
  )

  it.effect("keeps no timer when its Scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const log = yield* Scope.provide(EmbeddedLog.make(), scope)
      yield* log.createTopic(tp.topic, 1)
      const a = yield* log.transport.groupClient({ group, clientId: "a" })
      yield* alone(a)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(log.group(group).members.length, 1, "no session ran out: nothing runs any more")
    })
  )

  it.effect("a client that acts on its answer at once finds the broker settled", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const clients = yield* Effect.forEach(["a", "b", "c", "d"], client)
      const first = yield* alone(clients[0]!)
      // Each one syncs in the very step that answers its join, while the others' joins are being answered.
      const rest = yield* Effect.forEach(clients.slice(1), (c) =>
        background(Effect.flatMap(c.joinGroup(joinRequest()), (j) => c.syncGroup({ ...j, protocol: "k2p" }, [])))
      )
      const joined = yield* clients[0]!.joinGroup(joinRequest(first.memberId))
      const assignments = joined.members.map((m) => ({ memberId: m.memberId, assignment: Buffer.from(m.memberId) }))
      yield* clients[0]!.syncGroup({ ...joined, protocol: "k2p" }, assignments)
      const got = yield* Effect.forEach(rest, Fiber.join)
      assert.deepStrictEqual(
        got.map((bytes) => Buffer.from(bytes).toString()),
        joined.members.map((m) => m.memberId).filter((id) => id !== first.memberId)
      )
      assert.strictEqual(log.group(group).state, "Stable")
    })
  )
})
