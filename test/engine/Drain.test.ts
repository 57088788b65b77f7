/**
 * Processors that show nothing, and what is made durable when a partition is handed over: the drain is before the last commit, has a
 * bounded time, and ends with the loss of the partition.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Tracer } from "effect"
import { TestClock } from "effect/testing"
import {
  durable,
  type Opening,
  type PartitionProcessor,
  type ProcessorError
} from "../../src/engine/PartitionProcessor.ts"
import { SimArchive } from "../../src/testing/simulation/SimArchive.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { dropsWhenFull, picksWhenFull } from "../simulation/dropsWhenFull.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, type ShardPodOptions, startShardPod } from "../support/shardPod.ts"
import { produceNumbers, withLog } from "../support/withLog.ts"

const topic = "metrics"
const { passUntil, passing } = passingBy(50)
const pass = (ms: number) =>
  Effect.gen(function* () {
    for (let t = 0; t < ms; t += 50) yield* TestClock.adjust(50)
  })

const produce = (records: number, partition = 0) => produceNumbers(partition, records)

const committed = Effect.map(
  EmbeddedLog,
  (log) =>
    (partition = 0) =>
      log.group("kafka2prom").commits.get(`${topic}/${partition}`)?.offset
)
const phases = (pod: ShardPod) => pod.engine.status().partitions.map(({ phase }) => phase)

/** A pod that writes to the archive. */
const archiving = ({ processor }: SimArchive, name: string, options: ShardPodOptions = {}) =>
  startShardPod(name, { ...options, processor })

/** Takes everything and makes it durable in its drain, which does `draining` first. */
const drains = (draining: (opening: Opening) => Effect.Effect<void, ProcessorError>) => {
  const made = { durable: 0, drained: 0, interrupted: 0 }
  const processor: PartitionProcessor["Service"] = {
    name: "drains",
    needs: durable,
    open: (opening) =>
      Effect.sync(() => {
        let taken = opening.plan.start
        let done = opening.plan.start
        return {
          process: (batch) =>
            Effect.sync(() => {
              taken = batch.next
            }),
          drain: draining(opening).pipe(
            Effect.andThen(
              Effect.sync(() => {
                made.durable += taken - done
                made.drained += 1
                done = taken
              })
            ),
            Effect.onInterrupt(() =>
              Effect.sync(() => {
                made.interrupted += 1
              })
            )
          ),
          committable: (position) => Math.min(position, done),
          lowest: (position) => position,
          status: () => ({ taken, done })
        }
      })
  }
  return { processor, made }
}

const failures = (pod: ShardPod) =>
  Effect.map(
    Effect.promise(() => pod.metrics.moduleFailures.get()),
    ({ values }) =>
      values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.module, labels.function, value])
  )

describe("what is made durable", () => {
  it.effect("in an orderly handoff is committed, and its next owner begins behind it", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const violations: Array<string> = []
        const archive = new SimArchive(violations, true, 1_000)
        const a = yield* archiving(archive, "a")
        yield* passing(produce(300))
        yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 300))
        yield* pass(3_000)
        assert.strictEqual((yield* committed)(), 0)
        assert.strictEqual(archive.durableTo(`${topic}/0`), 0)
        yield* passing(a.stop)
        assert.strictEqual((yield* committed)(), 300)
        assert.strictEqual(archive.durableTo(`${topic}/0`), 300)
        const b = yield* archiving(archive, "b")
        yield* passUntil("b has it", () => phases(b)[0] === "serving")
        assert.strictEqual(b.engine.status().partitions[0]!.position, 300)
        yield* passing(b.stop)
        assert.deepStrictEqual(violations, [])
      })
    )
  )

  it.effect("moves C once something is durable, before the interval is over and a backlog is through", () =>
    withLog(
      1,
      Effect.gen(function* () {
        yield* passing(produce(2_000))
        const violations: Array<string> = []
        const a = yield* archiving(new SimArchive(violations, true, 100), "a", {
          engine: { fetchMaxBytesPartition: 5_000 }
        })
        yield* passUntil("it begins", () => phases(a)[0] === "serving")
        yield* pass(500)
        assert.isAtLeast((yield* committed)() ?? 0, 100)
        assert.isBelow(a.engine.status().partitions[0]!.position, 2_000)
        assert.strictEqual(a.engine.cut().partitions.length, 0)
        yield* passing(a.stop)
        assert.deepStrictEqual(violations, [])
      })
    )
  )

  it.effect("by an owner that was cut off, and does not know, is not made durable by the next one again", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const violations: Array<string> = []
        const archive = new SimArchive(violations, false, 100)
        const a = yield* archiving(archive, "a")
        yield* passing(produce(250))
        yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 250))
        yield* log.intercept((r) => (r.clientId === "a" ? { lose: "request" } : undefined))
        const b = yield* archiving(archive, "b")
        yield* passUntil("b has it", () => phases(b)[0] === "serving")
        yield* passing(produce(60))
        yield* passing(b.engine.caughtUp({ topic, partition: 0 }, 310))
        yield* passing(b.stop)
        assert.strictEqual(archive.durableTo(`${topic}/0`), 310)
        yield* passing(a.stop)
        assert.deepStrictEqual(violations, [])
      })
    )
  )

  for (const [what, strategies] of [
    ["the oldest", dropsWhenFull],
    ["what it picks", picksWhenFull]
  ] as const)
    it.effect(`is never given up to a strategy that drops ${what} whenever the queue is full: it pauses`, () =>
      withLog(
        1,
        Effect.gen(function* () {
          const violations: Array<string> = []
          const archive = new SimArchive(violations, true, 5)
          const a = yield* archiving(archive, "a", {
            strategies: strategies("drop-front"),
            engine: { queueRecords: 10, fetchMaxBytesPartition: 1_000 }
          })
          yield* passUntil("it begins", () => phases(a)[0] === "serving")
          for (let i = 0; i < 40; i++) {
            yield* passing(produce(5))
            yield* pass(50)
          }
          yield* passUntil("paused", () => a.engine.status().partitions[0]!.queue.paused)
          yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 200))
          assert.strictEqual(a.engine.status().partitions[0]!.dropped, 0)
          yield* passing(a.stop)
          assert.deepStrictEqual([violations, archive.durableTo(`${topic}/0`)], [[], 200])
        })
      )
    )
})

describe("a drain", () => {
  it.effect("is owned meanwhile, and can prove it; all of an eviction run at once", () =>
    withLog(
      4,
      Effect.gen(function* () {
        const told: Array<unknown> = []
        const { processor, made } = drains(({ owned, prove, generation }) =>
          Effect.gen(function* () {
            yield* Effect.sleep(2_000)
            yield* Effect.orDie(prove)
            yield* Effect.sleep(1_000)
            told.push([owned(), generation > 0])
          })
        )
        const a = yield* startShardPod("a", { processor })
        for (const partition of [0, 1, 2, 3]) yield* passing(produce(10, partition))
        for (const partition of [0, 1, 2, 3]) yield* passing(a.engine.caughtUp({ topic, partition }, 10))
        const stopping = yield* Effect.forkChild(a.stop, { startImmediately: true })
        yield* passUntil("it has left", () => stopping.pollUnsafe() !== undefined, 3_500)
        assert.deepStrictEqual(
          told,
          Array.from({ length: 4 }, () => [true, true])
        )
        assert.deepStrictEqual(made, { durable: 40, drained: 4, interrupted: 0 })
        const at = yield* committed
        assert.deepStrictEqual([0, 1, 2, 3].map(at), [10, 10, 10, 10])
      })
    )
  )

  it.effect("that takes too long is interrupted, counted, and what was durable before is committed", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const { processor, made } = drains(() => Effect.never)
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10))
        yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 10))
        const stopping = yield* Effect.forkChild(a.stop, { startImmediately: true })
        yield* pass(4_900)
        assert.strictEqual(made.interrupted, 0)
        yield* passUntil("it has left", () => stopping.pollUnsafe() !== undefined, 500)
        assert.deepStrictEqual(made, { durable: 0, drained: 0, interrupted: 1 })
        assert.strictEqual((yield* committed)(), 0)
        assert.deepStrictEqual(yield* failures(a), [["drains", "drain", 1]])
      })
    )
  )

  it.effect("that fails costs nothing but itself", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const { processor, made } = drains(() => Effect.die(new Error("disk full")))
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10))
        yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 10))
        yield* passing(a.stop)
        assert.strictEqual(made.drained, 0)
        assert.strictEqual((yield* committed)(), 0)
        assert.deepStrictEqual(yield* failures(a), [["drains", "drain", 1]])
      })
    )
  )

  for (const [how, draining, end] of [
    ["that is done", Effect.void, "Success"],
    ["that fails", Effect.die(new Error("disk full")), "Failure"],
    ["that takes too long", Effect.never, "Failure"]
  ] as const)
    it.effect(`${how} has a span that says so, with its partition and its processor`, () =>
      Effect.suspend(() => {
        const spans: Array<Tracer.NativeSpan> = []
        const tracer = Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            spans.push(span)
            return span
          }
        })
        return withLog(
          1,
          Effect.gen(function* () {
            const { processor } = drains(() => draining)
            const a = yield* startShardPod("a", { processor })
            yield* passing(produce(10))
            yield* passing(a.engine.caughtUp({ topic, partition: 0 }, 10))
            yield* passing(a.stop)
            const [drain, ...more] = spans.filter(({ name }) => name === "drain")
            assert.lengthOf(more, 0)
            assert.deepStrictEqual(Object.fromEntries(drain!.attributes), { partition: `${topic}/0`, module: "drains" })
            assert.strictEqual(drain!.status._tag === "Ended" && drain!.status.exit._tag, end)
          })
        ).pipe(Effect.withTracer(tracer))
      })
    )

  it.effect("ends with the loss of its partition, and nothing is committed", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const told: Array<boolean> = []
        const { processor, made } = drains(({ owned }) =>
          Effect.onInterrupt(Effect.sleep(4_500), () => Effect.sync(() => told.push(owned())))
        )
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10, 0))
        yield* passing(produce(10, 1))
        for (const partition of [0, 1]) yield* passing(a.engine.caughtUp({ topic, partition }, 10))
        const commits: Array<number> = []
        yield* log.intercept((r) => {
          if (r.op === "offsetCommit") commits.push(...r.commits.map(({ offset }) => offset))
          return r.op === "heartbeat" ? { fail: "UNKNOWN_MEMBER_ID" } : undefined
        })
        const before = commits.length
        const stopping = yield* Effect.forkChild(a.stop, { startImmediately: true })
        yield* passUntil("it has left", () => stopping.pollUnsafe() !== undefined, 2_000)
        assert.deepStrictEqual([made, told], [{ durable: 0, drained: 0, interrupted: 2 }, [false, false]])
        assert.lengthOf(commits, before)
      })
    )
  )
})
