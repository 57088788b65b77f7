/** Growth on the embedded log: who learns of a topic's new partitions, what the commits name, and when K is known. */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { unknownYet } from "../../../src/engine/growth/Homes.ts"
import { decodeCommitMetadata } from "../../../src/engine/partition/CommitMetadata.ts"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import { placing } from "../../../src/transport/Placement.ts"
import { passingBy } from "../../support/passing.ts"
import { type ShardPod, startShardPod } from "../../support/shardPod.ts"

const topic = "metrics"
const murmur2 = { engine: { partitioner: "murmur2" } } as const

const { passUntil, passing } = passingBy(50)

/** Each key where its hash puts it among so many partitions. */
const produce = (count: number, keys: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
      yield* producer.produce(
        keys.map((id) => {
          const key = Buffer.from(id)
          return { topic, partition: placing.murmur2(key) % count, key, value: Buffer.from("1"), headers: {} }
        })
      )
    })
  )

const keys = (n: number) => Array.from({ length: n }, (_, i) => `host-${i}`)
const partitionsOf = (pods: ReadonlyArray<ShardPod>) => pods.flatMap((pod) => pod.engine.status().partitions)
const allVisible = (pods: ReadonlyArray<ShardPod>, count: number) => () =>
  partitionsOf(pods).filter((p) => p.visible).length === count

const withPods = (
  partitions: number,
  options: Parameters<typeof startShardPod>[1],
  body: (pods: ReadonlyArray<ShardPod>, log: EmbeddedLog["Service"]) => Effect.Effect<void, unknown, EmbeddedLog>
) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, partitions)
    const pods = [yield* startShardPod("a", options), yield* startShardPod("b", options)]
    yield* passUntil("half each", () => pods.every((pod) => allVisible([pod], partitions / 2)()))
    yield* body(pods, log)
    for (const pod of pods) yield* passing(pod.stop)
  }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)

const named = (log: EmbeddedLog["Service"], partition: number) =>
  decodeCommitMetadata(log.group("kafka2prom").commits.get(`${topic}/${partition}`)?.metadata ?? "")?.homes

describe("a topic that grows", () => {
  it.effect("is known to all owners, named in every commit with K, and everybody was told before", () =>
    withPods(2, murmur2, (pods, log) =>
      Effect.gen(function* () {
        yield* passing(produce(2, keys(10)))
        yield* passUntil("a commit", () => named(log, 0) !== undefined && named(log, 1) !== undefined)
        assert.deepStrictEqual(named(log, 0), {
          placement: "murmur2",
          settledFrom: unknownYet,
          steps: [{ count: 2, from: 0 }]
        })
        yield* log.addPartitions(topic, 5)
        yield* passUntil("all five", allVisible(pods, 5))
        const told = pods.flatMap((pod) => pod.trace.filter((line) => line.endsWith("grown")))
        assert.deepStrictEqual(told.map((line) => line.slice(2)).toSorted(), ["metrics/0 grown", "metrics/1 grown"])
        yield* passUntil("K everywhere", () => partitionsOf(pods).every(({ growth }) => growth.waitingFor.length === 0))
        yield* passUntil("K in every commit", () => [0, 1, 2, 3, 4].every((p) => named(log, p)?.steps[1]?.from !== -1))
        for (const p of [0, 1, 2, 3, 4])
          assert.deepStrictEqual(named(log, p)?.steps, [
            { count: 2, from: 0 },
            { count: 5, from: log.end({ topic, partition: p }) }
          ])
      })
    )
  )

  it.effect("while a partition is being opened is known when it is", () =>
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic(topic, 2)
      // Its first partition opens only when the brokers were heard of the growth.
      const gate = yield* Deferred.make<void>()
      const pod = yield* startShardPod("a", { ...murmur2, onOpen: Deferred.await(gate) })
      yield* passUntil("it is a member", () => pod.engine.status().partitions.length === 2)
      yield* TestClock.adjust(5_000)
      yield* log.addPartitions(topic, 4)
      yield* passUntil("it has four", () => pod.engine.status().partitions.length === 4)
      yield* Deferred.succeed(gate, undefined)
      yield* passUntil("all four", allVisible([pod], 4))
      for (const { growth } of pod.engine.status().partitions) assert.deepStrictEqual(growth.counts, [2, 4])
      yield* passing(pod.stop)
    }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)
  )

  it.effect("waits for a partition that nobody can own", () =>
    withPods(2, murmur2, (pods, log) =>
      Effect.gen(function* () {
        yield* log.addPartitions(topic, 4)
        yield* log.setLeader({ topic, partition: 3 }, -1)
        yield* passUntil("three of four", allVisible(pods, 3))
        yield* TestClock.adjust(20_000)
        for (const { partition, growth } of partitionsOf(pods))
          if (partition < 3) assert.deepStrictEqual(growth, { counts: [2, 4], placement: "murmur2", waitingFor: [4] })
        yield* log.setLeader({ topic, partition: 3 }, 1)
        yield* passUntil("K everywhere", () => partitionsOf(pods).every(({ growth }) => growth.waitingFor.length === 0))
      })
    )
  )

  it.effect("has its placement found out by all members' keys together, when it grows at the latest", () =>
    withPods(4, { engine: { partitioner: "auto" } }, (pods, log) =>
      Effect.gen(function* () {
        yield* passing(produce(4, keys(12)))
        yield* passUntil("all are read", () => partitionsOf(pods).every((p) => p.lag === 0))
        assert.isTrue(partitionsOf(pods).every(({ growth }) => growth.placement === null))
        yield* log.addPartitions(topic, 6)
        yield* passUntil("all six", allVisible(pods, 6))
        assert.deepStrictEqual([...new Set(partitionsOf(pods).map(({ growth }) => growth.placement))], ["murmur2"])
        yield* passUntil("K everywhere", () => partitionsOf(pods).every(({ growth }) => growth.waitingFor.length === 0))
      })
    )
  )

  it.effect("without a placement marks the log's end at once, and the end of the window", () =>
    withPods(2, { engine: { partitioner: "none", growthWindow: 60_000 } }, (pods, log) =>
      Effect.gen(function* () {
        yield* passing(produce(2, keys(10)))
        yield* passUntil("all are read", () => partitionsOf(pods).every((p) => p.lag === 0))
        yield* log.addPartitions(topic, 4)
        const end = log.end({ topic, partition: 0 })
        yield* passUntil("the end is named", () => named(log, 0)?.steps[1]?.from === end)
        assert.strictEqual(named(log, 0)?.settledFrom, unknownYet)
        yield* passUntil("the window's end is named", () => [0, 1, 2, 3].every((p) => named(log, p)?.settledFrom === 0))
      })
    )
  )

  it.effect("is told to who joins, by the leader, and a count never falls", () =>
    withPods(2, murmur2, (pods, log) =>
      Effect.gen(function* () {
        yield* log.addPartitions(topic, 4)
        yield* passUntil("all four", allVisible(pods, 4))
        const late = yield* startShardPod("c", murmur2)
        yield* passUntil("the third has one", () => late.engine.status().partitions.some((p) => p.visible))
        for (const { growth } of late.engine.status().partitions) assert.deepStrictEqual(growth.counts, [2, 4])
        yield* passing(late.stop)
      })
    )
  )
})
