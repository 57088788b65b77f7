/**
 * Rule 9 on the embedded log: a log that was cut or made anew and then grew past C again is recognized by the one record that
 * the commit vouches for. The next owner shows only what arrives afterwards; where the record is the same, or retention took
 * it, everything goes on as ever.
 */
import { assert, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { decodeCommitMetadata } from "../../src/engine/partition/CommitMetadata.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"

const topic = "metrics"
const tp = { topic, partition: 0 }

const { passUntil, passing } = passingBy(50)

const produce = (...values: ReadonlyArray<readonly [key: string, value: number]>) =>
  passing(
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
        for (const [key, value] of values)
          yield* producer.produce([{ ...tp, key: Buffer.from(key), value: Buffer.from(String(value)), headers: {} }])
      })
    )
  )

const withLog = <A, E>(body: Effect.Effect<A, E, EmbeddedLog | Scope.Scope>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, 1)
    return yield* body
  }).pipe(Effect.provide(EmbeddedLog.layer({ nodes: 2 })), Effect.scoped)

const restartedLogs = (pod: ShardPod) =>
  Effect.map(
    Effect.promise(() => pod.metrics.logsRestarted.get()),
    (m) => m.values.reduce((sum, v) => sum + v.value, 0)
  )
const visible = (pod: ShardPod) => pod.engine.status().partitions.some((p) => p.visible)

/** A pod reads three records, shows them, commits and leaves: C is 3 and its metadata vouches for the record at offset 2. */
const firstOwner = Effect.gen(function* () {
  const log = yield* EmbeddedLog
  const a = yield* startShardPod("a")
  yield* produce(["a", 1], ["b", 1], ["a", 2])
  yield* passing(a.engine.caughtUp(tp, 3))
  yield* passing(a.stop)
  const commit = log.group("kafka2prom").commits.get(`${topic}/0`)
  assert.strictEqual(commit?.offset, 3)
  const metadata = decodeCommitMetadata(commit?.metadata ?? "")
  assert.strictEqual(metadata?.witness?.offset, 2)
  return log
})

const nextOwner = Effect.gen(function* () {
  const b = yield* startShardPod("b")
  yield* passUntil("the next owner shows the partition", () => visible(b))
  return b
})

const showsOnlyNew = (b: ShardPod, end: number) =>
  Effect.gen(function* () {
    assert.strictEqual(yield* restartedLogs(b), 1)
    assert.strictEqual(b.engine.status().partitions[0]?.position, end)
    assert.deepStrictEqual([...(yield* passing(b.scrape))], [])
    yield* produce(["b", 9])
    yield* passing(b.engine.caughtUp(tp, end + 1))
    assert.deepStrictEqual([...(yield* passing(b.scrape))], [["b", 9]])
  })

describe("rule 9: a log that went back and grew again", () => {
  it.effect("past C with other content is a new log, also the second time", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* firstOwner
        yield* log.truncate(tp, 1)
        yield* produce(["a", 0], ["a", 0], ["a", 0], ["a", 0])
        const b = yield* nextOwner
        yield* showsOnlyNew(b, 5)
        yield* passing(b.stop)
        // The new log's own records are vouched for from then on.
        yield* log.truncate(tp, 4)
        yield* produce(["a", 0], ["a", 0], ["a", 0])
        const c = yield* startShardPod("c")
        yield* passUntil("c shows the partition", () => visible(c))
        yield* showsOnlyNew(c, 7)
        yield* passing(c.stop)
      })
    )
  )

  it.effect("from nothing, as a recreated topic whose commits were kept, is a new log", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* firstOwner
        yield* log.truncate(tp, 0)
        yield* produce(["a", 0], ["a", 0], ["a", 0])
        const b = yield* nextOwner
        yield* showsOnlyNew(b, 3)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("with the same values at another time is a new log all the same", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* firstOwner
        yield* log.truncate(tp, 2)
        yield* TestClock.adjust(1_000)
        yield* produce(["a", 2], ["a", 3])
        const b = yield* nextOwner
        yield* showsOnlyNew(b, 4)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("under an actor that starts over is a new log by what that actor itself read last", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        let poison = true
        let commits = 0
        // The group's commit vouches for nothing yet: no later one gets through.
        yield* log.intercept((r) =>
          r.op === "offsetCommit" && poison && commits++ > 0 ? { fail: "NOT_COORDINATOR" } : undefined
        )
        const a = yield* startShardPod("a", {
          onRecord: (record) => (record.offset === 3 && poison ? Effect.die(new Error("a bug, once")) : Effect.void)
        })
        yield* passUntil("it shows the partition", () => visible(a))
        yield* produce(["a", 1], ["b", 1], ["a", 2])
        yield* passing(a.engine.caughtUp(tp, 3))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* log.intercept((r) => (r.op === "fetch" ? { lose: "request" } : undefined))
            // The long poll that is under way must not see the log while it is short.
            yield* TestClock.adjust(1_000)
            yield* log.truncate(tp, 1)
            yield* produce(["a", 0], ["a", 0], ["a", 0], ["a", 0])
          })
        )
        yield* passUntil("the actor has failed", () => (a.engine.status().partitions[0]?.restarts ?? 0) > 0)
        poison = false
        yield* passUntil("it shows the partition again", () => visible(a))
        yield* showsOnlyNew(a, 5)
        yield* passing(a.stop)
      })
    )
  )
})

describe("rule 9: a log that went back and stayed short", () => {
  it.effect("is a new log once: what the old one held is not asked for again", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* firstOwner
        yield* log.truncate(tp, 1)
        const b = yield* nextOwner
        assert.strictEqual(yield* restartedLogs(b), 1)
        yield* passing(b.stop)
        const c = yield* startShardPod("c")
        yield* passUntil("c shows the partition", () => visible(c))
        assert.strictEqual(yield* restartedLogs(c), 0)
        yield* passing(c.stop)
      })
    )
  )
})

describe("rule 9: a log that is the same", () => {
  it.effect("goes on where it was", () =>
    withLog(
      Effect.gen(function* () {
        yield* firstOwner
        yield* produce(["b", 2])
        const b = yield* nextOwner
        assert.deepStrictEqual([...(yield* passing(b.scrape))].sort(), [
          ["a", 2],
          ["b", 2]
        ])
        assert.strictEqual(yield* restartedLogs(b), 0)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("goes on although retention took the record that would have proven it", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* firstOwner
        yield* produce(["b", 2])
        yield* log.deleteRecords(tp, 3)
        const b = yield* nextOwner
        assert.deepStrictEqual([...(yield* passing(b.scrape))], [["b", 2]])
        assert.strictEqual(yield* restartedLogs(b), 0)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("is asked again while its leader does not answer for it", () =>
    withLog(
      Effect.gen(function* () {
        const log = yield* firstOwner
        yield* produce(["b", 2])
        let asked = 0
        yield* log.intercept((r) => {
          if (r.op !== "fetch") return undefined
          asked += 1
          // On its way the first request is overtaken by a new leader, the second one is lost.
          if (asked === 1) Effect.runSync(log.setLeader(tp, 2))
          return asked === 2 ? { lose: "request", disconnect: true } : undefined
        })
        const b = yield* nextOwner
        assert.isAtLeast(asked, 3)
        assert.strictEqual(yield* restartedLogs(b), 0)
        assert.strictEqual((yield* passing(b.scrape)).get("b"), 2)
        yield* passing(b.stop)
      })
    )
  )
})
