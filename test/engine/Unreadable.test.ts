/**
 * What cannot be read, on the embedded log: a batch that nobody can read is skipped and counted, by every owner alike; what merely fails
 * here waits, says so in status and metrics, and is left alone for longer and longer; a leader that cannot be reached leaves the
 * lag unknown. The other partitions do not notice.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Logger, type Scope } from "effect"
import { describe } from "vitest"
import { SkippedBatches } from "../../src/engine/partition/SkippedBatches.ts"
import { refreshGauges } from "../../src/pod/shards/EngineGauges.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import type { Fetched } from "../../src/transport/Transport.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"

const topic = "metrics"
const at = (partition: number) => ({ topic, partition })
const { passUntil, passing } = passingBy(50)

const produce = (partition: number, ...values: ReadonlyArray<readonly [key: string, value: number]>) =>
  passing(
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
        yield* producer.produce(
          values.map(([key, value]) => ({
            ...at(partition),
            key: Buffer.from(key),
            value: Buffer.from(String(value)),
            headers: {}
          }))
        )
      })
    )
  )

interface Line {
  readonly level: string
  readonly text: string
}

const withLog = <A, E>(body: (lines: ReadonlyArray<Line>) => Effect.Effect<A, E, EmbeddedLog | Scope.Scope>) => {
  const lines: Array<Line> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push({ level: logLevel, text: [message].flat().map(String).join(" ") })
  })
  return Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, 2)
    return yield* body(lines)
  }).pipe(Effect.provide(EmbeddedLog.layer({ nodes: 1 })), Effect.provide(Logger.layer([logger])), Effect.scoped)
}

const statusOf = (pod: ShardPod, partition = 0) =>
  pod.engine.status().partitions.find((p) => p.partition === partition)!

const own = (pod: ShardPod) =>
  Effect.promise(async () => {
    refreshGauges(pod.metrics, pod.engine.status())
    const text = await pod.metrics.text()
    return text.split("\n").filter((line) => /^k2p_(batches_skipped|partition_(trouble|lag))/.test(line))
  })

describe("a batch that nobody can read", () => {
  it.effect("is skipped and counted from zero, told once with its offsets, and by the next owner alike", () =>
    withLog((lines) =>
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const a = yield* startShardPod("a")
        yield* produce(0, ["a", 1])
        yield* passing(a.engine.caughtUp(at(0), 1))
        assert.include(yield* own(a), 'k2p_batches_skipped_total{topic="metrics",partition="0",reason="checksum"} 0')
        yield* log.breakNext(at(0), "checksum")
        yield* produce(0, ["a", 2], ["b", 2])
        yield* produce(0, ["b", 3])
        yield* passing(a.engine.caughtUp(at(0), 4))
        assert.deepStrictEqual(
          [...(yield* passing(a.scrape))],
          [
            ["a", 1],
            ["b", 3]
          ]
        )
        const { skipped, trouble } = statusOf(a)
        assert.strictEqual(trouble, null)
        assert.strictEqual(skipped.batches, 1)
        assert.deepInclude(skipped.last, { from: 1, next: 3, reason: "checksum" })
        assert.include(yield* own(a), 'k2p_batches_skipped_total{topic="metrics",partition="0",reason="checksum"} 1')
        const errors = lines.filter(({ level }) => level === "Error")
        assert.lengthOf(errors, 1)
        assert.match(errors[0]!.text, /^metrics\/0: offsets 1 to 2 are of a batch that nobody can read/)
        yield* passing(a.stop)
        const b = yield* startShardPod("b")
        yield* passing(b.engine.caughtUp(at(0), 4))
        assert.deepStrictEqual(
          [...(yield* passing(b.scrape))],
          [
            ["a", 1],
            ["b", 3]
          ]
        )
        yield* passing(b.stop)
      })
    )
  )

  it.effect("that the commit vouched for leaves the log the same: reading goes on where it was", () =>
    withLog(() =>
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const a = yield* startShardPod("a")
        yield* produce(0, ["a", 1], ["b", 1])
        yield* passing(a.engine.caughtUp(at(0), 2))
        yield* passing(a.stop)
        // As when the disk of a broker forgets: the same offsets, and nobody can read them any more.
        yield* log.truncate(at(0), 1)
        yield* log.breakNext(at(0), "checksum")
        yield* produce(0, ["b", 1])
        const b = yield* startShardPod("b")
        yield* passing(b.engine.caughtUp(at(0), 2))
        assert.deepStrictEqual([...(yield* passing(b.scrape))], [["a", 1]])
        yield* passing(b.stop)
      })
    )
  )
})

describe("what fails here", () => {
  it.effect("is tried again with growing pauses, skips nothing, is named, and delays no other partition", () =>
    withLog((lines) =>
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        let failing = true
        let tries = 0
        const broken = (f: Fetched): Fetched => {
          if (!failing || f.tp.partition !== 0 || f.records.length === 0) return f
          tries += 1
          return { ...f, next: f.from, records: [], error: "LOCAL", detail: "no memory" }
        }
        const a = yield* startShardPod("a", { onFetched: broken })
        yield* produce(1, ["x", 1])
        yield* passing(a.engine.caughtUp(at(1), 1))
        yield* produce(0, ["a", 1], ["a", 2], ["a", 3])
        yield* passUntil("five tries", () => tries >= 5)
        yield* produce(1, ["x", 2])
        yield* passing(a.engine.caughtUp(at(1), 2))
        const { lag, position, skipped, trouble } = statusOf(a)
        assert.deepStrictEqual([lag, position, skipped.batches], [3, 0, 0])
        assert.deepInclude(trouble, { code: "LOCAL", detail: "no memory" })
        assert.isAtLeast(trouble!.sinceMs, 1_000)
        const gauge = (yield* own(a)).find(
          (line) => line.startsWith("k2p_partition_trouble_seconds") && line.includes('"0"')
        )
        assert.isAbove(Number(gauge!.split(" ")[1]), 1)
        yield* passUntil("a minute of it", () => statusOf(a).trouble!.sinceMs > 60_000)
        assert.isBelow(tries, 20, "not ten times a second")
        assert.isBelow(lines.filter(({ text }) => text.includes("cannot be read")).length, 8)
        failing = false
        yield* passing(a.engine.caughtUp(at(0), 3))
        assert.strictEqual(statusOf(a).trouble, null)
        assert.isTrue(lines.some(({ text }) => text === "metrics/0 can be read again"))
        yield* passing(a.stop)
        assert.strictEqual(log.stats().timers, 0)
      })
    )
  )

  it.effect("a leader that cannot be reached, or is none, leaves the lag unknown and not at zero", () =>
    withLog(() =>
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const a = yield* startShardPod("a")
        yield* produce(0, ["a", 1])
        yield* passing(a.engine.caughtUp(at(0), 1))
        assert.strictEqual(statusOf(a).lag, 0)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* log.intercept((q) => (q.op === "fetch" ? { fail: "CONNECTION" } : undefined))
            yield* passUntil("it fails", () => statusOf(a).trouble !== null)
            yield* produce(0, ["a", 2])
            yield* passUntil("the log's end is asked for", () => statusOf(a).lag === 1)
            yield* log.intercept((q) => (q.op === "listOffsets" ? { fail: "CONNECTION" } : undefined))
            yield* passUntil("that fails, too", () => statusOf(a).lag === null)
            assert.strictEqual(statusOf(a).trouble!.code, "CONNECTION")
            assert.isEmpty(
              (yield* own(a)).filter((line) => line.startsWith("k2p_partition_lag_records") && line.includes('"0"'))
            )
            yield* passUntil("its time goes on", () => statusOf(a).lagMs! > 60_000)
          })
        )
        yield* passUntil("it works again", () => statusOf(a).trouble === null)
        assert.strictEqual(statusOf(a).lag, 0)
        yield* log.setLeader(at(0), -1)
        yield* passUntil("nobody leads it", () => statusOf(a).trouble?.code === "NOT_LEADER")
        assert.strictEqual(statusOf(a).lag, null)
        assert.strictEqual(statusOf(a, 1).trouble, null)
        yield* log.setLeader(at(0), 1)
        yield* passUntil("it has a leader again", () => statusOf(a).trouble === null && statusOf(a).lag === 0)
        yield* passing(a.stop)
      })
    )
  )
})

describe("how much the log is told", () => {
  const stretch = { from: 1, next: 2, reason: "codec", detail: "" } as const

  it("of skipped batches: the first ones, then now and then how many there were", () => {
    const skipped = new SkippedBatches()
    const told: Array<number> = []
    for (let i = 0; i < 1_000; i++) {
      skipped.add(stretch)
      const due = skipped.due(i * 100)
      if (due > 0) told.push(due)
    }
    assert.strictEqual(skipped.count, 1_000)
    assert.deepStrictEqual(told.slice(0, 6), [1, 1, 1, 1, 1, 600])
    assert.lengthOf(told, 6)
  })
})
