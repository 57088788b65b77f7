/** How long a partition is shown by nobody while it moves, in virtual time on the embedded log: nothing waits that need not. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"

const topic = "metrics"

const { passUntil, passing } = passingBy(10)

const produce = (partition: number, count: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
      const record = (n: number) => ({
        topic,
        partition,
        key: Buffer.from("k"),
        value: Buffer.from(`${n}`),
        headers: {}
      })
      yield* producer.produce(Array.from({ length: count }, (_, n) => record(n)))
    })
  )

const visible = (pod: ShardPod) => pod.engine.status().partitions.filter((p) => p.visible).length
const handoffs = (pod: ShardPod, kind: string, since: number) =>
  pod.engine.status().handoffs.filter((h) => h.kind === kind && h.at >= since)

describe("a partition that moves", () => {
  it.effect(
    "is given up and taken over within one quick heartbeat of the others, however slow their usual ones are",
    () =>
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        yield* log.createTopic(topic, 4)
        const options = { engine: { heartbeatInterval: 2_000 }, onClose: Effect.sleep(30) }
        const [a, b] = [yield* startShardPod("a", options), yield* startShardPod("b", options)]
        yield* passUntil("two each", () => visible(a) === 2 && visible(b) === 2)
        for (let partition = 0; partition < 4; partition++) yield* passing(produce(partition, 3))
        // Past the time in which they ask more often.
        yield* TestClock.adjust(5_000)
        const since = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const c = yield* startShardPod("c", options)
        yield* passUntil("one for c", () => visible(a) + visible(b) === 3 && visible(c) === 1)
        const gone = [a, b].flatMap((pod) => handoffs(pod, "released", since)).map(({ at }) => at)
        const back = handoffs(c, "visible", since).map(({ at }) => at)
        assert.deepStrictEqual([gone.length, back.length], [1, 1], "the other one hears of it only when it asks")
        assert.isAtMost(Math.max(...back) - Math.min(...gone), 250)
        for (const pod of [a, b, c]) yield* passing(pod.stop)
      }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)
  )

  it.effect("is replayed at once, however long a fetch of the new owner's other partitions waits for news", () =>
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic(topic, 2)
      const engine = { fetchMaxWait: 60_000 }
      const [a, b] = [yield* startShardPod("a", { engine }), yield* startShardPod("b", { engine })]
      yield* passUntil("one each", () => visible(a) === 1 && visible(b) === 1)
      const { partition } = b.engine.status().partitions[0]!
      yield* passing(produce(partition, 3))
      yield* passing(b.engine.caughtUp({ topic, partition }, 3))
      // Nothing comes to the partition that a has: its fetch waits.
      yield* TestClock.adjust(5_000)
      yield* passing(b.stop)
      yield* passUntil("both on one", () => visible(a) === 2)
      const [shown] = handoffs(a, "visible", 0)
      assert.strictEqual(shown!.partition, partition)
      assert.isAtMost(shown!.tookMs!, 100)
      assert.match(handoffs(a, "acquired", 0)[0]!.detail, /start [0-2], fence 3/)
      yield* passing(a.stop)
    }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)
  )

  it.effect("shows what comes next at once, too, however patient the new owner has become", () =>
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic(topic, 2)
      const engine = { fetchQuietWait: 600_000 }
      const [a, b] = [yield* startShardPod("a", { engine }), yield* startShardPod("b", { engine })]
      yield* passUntil("one each", () => visible(a) === 1 && visible(b) === 1)
      const { partition } = b.engine.status().partitions[0]!
      // Its fetch waits for minutes by now.
      yield* TestClock.adjust(120_000)
      yield* passing(b.stop)
      yield* passUntil("both on one", () => visible(a) === 2)
      const now = Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* passing(produce(partition, 3))
      const produced = yield* now
      yield* passing(a.engine.caughtUp({ topic, partition }, 3))
      assert.isAtMost((yield* now) - produced, 300)
      yield* passing(a.stop)
    }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)
  )
})
