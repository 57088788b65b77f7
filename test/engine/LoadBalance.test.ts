/** Balance by load in a real group on the embedded log: who measures, who asks, what moves, and that it then stays. */
import { assert, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { weights } from "../../src/engine/group/Balance.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { partitionKey } from "../../src/transport/Transport.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"

const topic = "metrics"
const engine = { rebalanceForLoadEvery: 30_000 }

const pass = (ms: number) =>
  Effect.gen(function* () {
    for (let t = 0; t < ms; t += 100) yield* TestClock.adjust(100)
  })

const { passUntil, passing } = passingBy(100)

const body = Buffer.from(`1${" ".repeat(400_000)}`)

/** Each second 400 kB into each of these partitions. */
const traffic = (partitions: () => ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
    yield* Effect.forever(
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.suspend(() =>
          producer.produce(
            partitions().map((partition) => ({ topic, partition, key: Buffer.from("k"), value: body, headers: {} }))
          )
        )
      )
    )
  })

const withLog = <A, E>(effect: Effect.Effect<A, E, EmbeddedLog | Scope.Scope>, partitions = 4) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, partitions, { retentionBytes: 4_000_000 })
    return yield* effect
  }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)

const visibleOf = (pod: ShardPod) =>
  pod.engine
    .status()
    .partitions.filter((p) => p.visible)
    .map((p) => p.partition)
const generationOf = (pod: ShardPod) => pod.engine.status().generation

const twoPods = Effect.gen(function* () {
  const a = yield* startShardPod("a", { engine })
  const b = yield* startShardPod("b", { engine })
  yield* passUntil("two each", () => visibleOf(a).length === 2 && visibleOf(b).length === 2)
  return [a, b] as const
})

describe("a group whose traffic is uneven", () => {
  it.effect("parts two hot partitions of one pod, and then stays as it is", () =>
    withLog(
      Effect.gen(function* () {
        const [a, b] = yield* twoPods
        const hot = visibleOf(a)
        yield* Effect.forkScoped(traffic(() => hot))
        const hotOf = (pod: ShardPod) => visibleOf(pod).filter((p) => hot.includes(p)).length
        yield* passUntil("one hot partition each", () => hotOf(a) === 1 && hotOf(b) === 1)
        yield* passUntil("all are shown", () => visibleOf(a).length + visibleOf(b).length === 4)
        const where = [visibleOf(a), visibleOf(b)]
        // A look or two more: new owners have something new to say.
        yield* pass(150_000)
        assert.deepStrictEqual([visibleOf(a), visibleOf(b)], where)
        const generation = generationOf(a)
        yield* pass(150_000)
        assert.deepStrictEqual([visibleOf(a), visibleOf(b)], where)
        assert.strictEqual(generationOf(a), generation)
        yield* passing(a.stop)
        yield* passing(b.stop)
      })
    )
  )
})

describe("a group whose traffic is uneven and that a pod joins and leaves", () => {
  it.effect("moves only partitions that come to the new one, by load, and back only what it had", () =>
    withLog(
      Effect.gen(function* () {
        const count = 12
        const hot = [0, 1, 2, 3]
        const [a, b] = [yield* startShardPod("a", { engine }), yield* startShardPod("b", { engine })]
        yield* passUntil("six each", () => visibleOf(a).length === 6 && visibleOf(b).length === 6)
        yield* Effect.forkScoped(traffic(() => hot))
        // A few looks, until it rests.
        yield* pass(150_000)
        const before = [visibleOf(a), visibleOf(b)]
        const keys = Array.from({ length: count }, (_, p) => partitionKey({ topic, partition: p }))
        const weightOf = weights(keys, new Map(keys.map((key, p) => [key, hot.includes(p) ? body.length : 0])))
        const total = [...weightOf.values()].reduce((sum, w) => sum + w, 0)
        /** In fair shares of so many pods. */
        const carried = (pod: ShardPod, pods: number) =>
          (visibleOf(pod).reduce((sum, p) => sum + weightOf.get(keys[p]!)!, 0) * pods) / total
        for (const pod of [a, b]) assert.isBelow(carried(pod, 2), 1.2)

        const c = yield* startShardPod("c", { engine })
        const all = [a, b, c]
        yield* passUntil("c has some and all is shown", () => {
          const shown = all.map((pod) => visibleOf(pod).length)
          return shown[2]! > 0 && shown.reduce((sum, n) => sum + n, 0) === count
        })
        const joined = all.map(visibleOf)
        // Nothing between the old ones.
        for (const i of [0, 1]) assert.includeMembers([...before[i]!], [...joined[i]!])
        assert.isAbove(carried(c, 3), 0.8)
        assert.isBelow(carried(c, 3), 1.2)
        // By load, so one of the hot ones is among them.
        assert.isNotEmpty(joined[2]!.filter((p) => hot.includes(p)))

        yield* passing(c.stop)
        yield* passUntil("all on two again", () => visibleOf(a).length + visibleOf(b).length === count)
        assert.includeMembers([...visibleOf(a)], [...joined[0]!])
        assert.includeMembers([...visibleOf(b)], [...joined[1]!])
        for (const pod of [a, b]) yield* passing(pod.stop)
      }),
      12
    )
  )
})

describe("a group whose traffic is even", () => {
  it.effect("is looked at once after it came together, and has no generation more", () =>
    withLog(
      Effect.gen(function* () {
        const [a, b] = yield* twoPods
        yield* Effect.forkScoped(traffic(() => [0, 1, 2, 3]))
        yield* pass(150_000)
        const where = [visibleOf(a), visibleOf(b)]
        const generation = generationOf(a)
        yield* pass(150_000)
        assert.strictEqual(generationOf(a), generation)
        assert.deepStrictEqual([visibleOf(a), visibleOf(b)], where)
        assert.strictEqual(where.flat().length, 4)
        yield* passing(a.stop)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("asks for nothing while a pod is alone", () =>
    withLog(
      Effect.gen(function* () {
        const a = yield* startShardPod("a", { engine })
        yield* passUntil("it has all", () => visibleOf(a).length === 4)
        yield* Effect.forkScoped(traffic(() => [0, 1]))
        yield* pass(90_000)
        assert.strictEqual(generationOf(a), 1)
        yield* passing(a.stop)
      })
    )
  )
})
