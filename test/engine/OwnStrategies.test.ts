/** Strategies of a team's own: by name, in a shard whose actor stands still while much arrives, what goes is what they say, and it is counted. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Backpressure, type Queued, type Strategy } from "../../src/engine/Backpressure.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { byPriority, supersededFirst } from "../support/ownStrategies.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"

const topic = "metrics"
const { passUntil, passing } = passingBy(50)

const produce = (key: string, value: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
      const [k, v] = [Buffer.from(key), Buffer.from(`${value}`)]
      yield* producer.produce([{ topic, partition: 0, key: k, value: v, headers: {} }])
    })
  )

const counted = (pod: ShardPod) =>
  Effect.map(
    Effect.promise(() => pod.metrics.strategyDrops.get()),
    ({ values }) => Object.fromEntries(values.map(({ labels, value }) => [labels.strategy, value]))
  )

/** The keys' records that came through, in order, of those that arrive while the actor holds the first one. */
const cameThrough = (own: Strategy, keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, 1)
    const through: Array<string> = []
    let open = false
    const pod = yield* startShardPod("a", {
      strategies: Backpressure.layer(own.name, 100, [own]),
      engine: { queueRecords: 10 },
      onRecord: (record) =>
        Effect.gen(function* () {
          while (!open) yield* Effect.sleep("1 second")
          through.push(`${Buffer.from(record.key ?? [])}${Buffer.from(record.value ?? [])}`)
        })
    })
    yield* passUntil("visible", () => pod.engine.status().partitions[0]?.visible === true)
    for (const [i, key] of keys.entries()) {
      yield* passing(produce(key, i))
      yield* TestClock.adjust(50)
      yield* TestClock.adjust(50)
    }
    yield* TestClock.adjust(1_000)
    open = true
    yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, keys.length))
    const { dropped, backpressure } = pod.engine.status().partitions[0]!
    assert.strictEqual(backpressure, own.name)
    assert.strictEqual(dropped + through.length, keys.length)
    assert.isAbove(dropped, 0)
    assert.deepStrictEqual(yield* counted(pod), { pause: 0, "drop-front": 0, adaptive: 0, [own.name]: dropped })
    yield* passing(pod.stop)
    return through
  }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)

describe("a strategy of a team's own", () => {
  it.effect("by priority of sources keeps what is important, whatever it comes between", () =>
    Effect.gen(function* () {
      const keys = Array.from({ length: 60 }, (_, i) => (i % 15 === 7 ? "gold" : "lead"))
      const through = yield* cameThrough(
        byPriority((source) => (source === "gold" ? 1 : 0)),
        keys
      )
      assert.deepStrictEqual(
        through.filter((each) => each.startsWith("gold")),
        ["gold7", "gold22", "gold37", "gold52"]
      )
    })
  )

  it.effect("the oldest rounds of the same source first: of every source the newest is kept", () =>
    Effect.gen(function* () {
      const keys = [..."aabaacaadaabaaaaaaaabaaaaaa"]
      const through = yield* cameThrough(supersededFirst, keys)
      for (const key of ["a", "b", "c", "d"]) assert.include(through, `${key}${keys.lastIndexOf(key)}`)
    })
  )

  it.effect("sees its partition, the lag in records and in time, and the heads of what waits", () =>
    Effect.gen(function* () {
      const seen: Array<Queued> = []
      const heads: Array<string> = []
      const looking: Strategy = {
        ...byPriority(() => 0),
        name: "looking",
        decide: (q) => {
          seen.push(q)
          for (const { key, bytes } of q.waiting()) heads.push(`${Buffer.from(key ?? [])} ${bytes > 0}`)
          return q.records >= 10 ? "drop" : "fetch"
        }
      }
      yield* cameThrough(
        {
          ...looking,
          decide: (q, paused) => (looking.decide(q, paused) === "drop" ? { down: { records: 5, bytes: 1e9 } } : "fetch")
        },
        Array.from({ length: 30 }, () => "k")
      )
      assert.deepStrictEqual(seen[0]!.tp, { topic, partition: 0 })
      assert.isAbove(Math.max(...seen.map(({ lag }) => lag)), 5)
      assert.isTrue(seen.every(({ lagMs }) => lagMs >= 0))
      assert.deepStrictEqual([...new Set(heads)], ["k true"])
    })
  )

  it.effect("is switched to by its name in a running pod; a name that nobody knows is refused", () =>
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic(topic, 1)
      const pod = yield* startShardPod("a", { strategies: Backpressure.layer("pause", 100, [supersededFirst]) })
      yield* passUntil("visible", () => pod.engine.status().partitions[0]?.visible === true)
      assert.isTrue(pod.engine.setBackpressure("superseded-first"))
      assert.strictEqual(pod.engine.status().partitions[0]!.backpressure, "superseded-first")
      assert.isFalse(pod.engine.setBackpressure("gold-first"))
      assert.strictEqual(pod.engine.status().partitions[0]!.backpressure, "superseded-first")
      yield* passing(pod.stop)
    }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)
  )
})
