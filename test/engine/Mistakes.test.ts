/**
 * A mistake in a team's code costs its partition, for a moment: whichever function throws, that partition's actor is restarted, which is
 * counted by the module's and the function's name; no other partition notices, the pod goes on, and every processor that was opened is closed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Backpressure, type Strategy } from "../../src/engine/Backpressure.ts"
import { type Opening, type PartitionProcessor, type Processing, shown } from "../../src/engine/PartitionProcessor.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { partitionKey } from "../../src/transport/Transport.ts"
import { dropsWhenFull } from "../simulation/dropsWhenFull.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"
import { produceNumbers as produce, withLog } from "../support/withLog.ts"

const topic = "metrics"
const { passUntil, passing } = passingBy(10)

const good: Processing = {
  process: () => Effect.void,
  gap: () => ({ add: () => {}, pass: () => Effect.void }),
  drain: Effect.void,
  committable: (position) => position,
  lowest: (position) => position,
  grown: () => {},
  keys: () => [],
  status: () => ({ things: 1 })
}

/** Partition 0 makes the mistake once it is told to; each is made so many times. */
const clumsy = (mistake: (opening: Opening, times: () => boolean) => Partial<Processing>, times = 1) => {
  const seen = { opened: new Map<string, number>(), closed: new Map<string, number>(), left: 0 }
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  const again = () => seen.left > 0 && seen.left-- > 0
  const processor: PartitionProcessor["Service"] = {
    name: "clumsy",
    needs: shown,
    open: (opening) => {
      const key = partitionKey(opening.tp)
      return Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.sync(() => count(seen.opened, key)),
          () => Effect.sync(() => count(seen.closed, key))
        )
        return opening.tp.partition === 0 ? { ...good, ...mistake(opening, again) } : good
      })
    }
  }
  const begin = () => {
    seen.left = times
  }
  return { processor, seen, begin }
}

const fail = (name: string): never => {
  throw new Error(`a mistake in ${name}`)
}

const visible = (pod: ShardPod) => pod.engine.status().partitions.filter((p) => p.visible).length
const failures = (pod: ShardPod) =>
  Effect.map(
    Effect.promise(() => pod.metrics.moduleFailures.get()),
    ({ values }) =>
      values.filter(({ value }) => value > 0).map(({ labels, value }) => `${labels.module} ${labels.function} ${value}`)
  )

const mistakes: Record<string, (opening: Opening, now: () => boolean) => Partial<Processing>> = {
  process: (_, now) => ({ process: () => (now() ? fail("process") : Effect.void) }),
  committable: (_, now) => ({ committable: (position) => (now() ? fail("committable") : position) }),
  lowest: (_, now) => ({ lowest: (position) => (now() ? fail("lowest") : position) }),
  status: (_, now) => ({ status: () => (now() ? fail("status") : {}) })
}

describe("a processor whose function throws", () => {
  for (const [name, mistake] of Object.entries(mistakes))
    it.effect(`costs its own partition a restart: ${name}`, () =>
      withLog(
        2,
        Effect.gen(function* () {
          const { processor, seen, begin } = clumsy(mistake)
          const pod = yield* startShardPod("a", { processor })
          yield* passUntil("both visible", () => visible(pod) === 2)
          begin()
          yield* passing(produce(0, 3))
          yield* passing(produce(1, 3))
          yield* passUntil("restarted", () => pod.engine.status().partitions[0]?.restarts === 1)
          yield* passUntil("visible again", () => visible(pod) === 2)
          yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 3))
          assert.deepStrictEqual(yield* failures(pod), [`clumsy ${name} 1`])
          assert.strictEqual(pod.engine.status().partitions[1]!.restarts, 0)
          yield* passing(pod.stop)
          assert.deepStrictEqual([...seen.opened].sort(), [
            [`${topic}/0`, 2],
            [`${topic}/1`, 1]
          ])
          assert.deepStrictEqual([...seen.closed].sort(), [...seen.opened].sort())
        })
      )
    )

  it.effect("costs no more where it opens nothing, at first", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const opened: Array<string> = []
        const processor: PartitionProcessor["Service"] = {
          name: "clumsy",
          needs: shown,
          open: ({ tp }) => {
            opened.push(partitionKey(tp))
            return tp.partition === 0 && opened.length < 5 ? fail("open") : Effect.succeed(good)
          }
        }
        const pod = yield* startShardPod("a", { processor })
        yield* passUntil("both visible", () => visible(pod) === 2)
        assert.deepStrictEqual(
          (yield* failures(pod)).filter((line) => !line.startsWith("clumsy open ")),
          []
        )
        assert.isAbove(pod.engine.status().partitions[0]!.restarts, 0)
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("shows nothing from the instant of a mistake on, and commits nothing that it did not say", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const { processor, begin } = clumsy((_, now) => ({
          committable: (position) => (now() ? Number.NaN : position)
        }))
        const pod = yield* startShardPod("a", { processor })
        yield* passUntil("visible", () => visible(pod) === 1)
        yield* passing(produce(0, 3))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 3))
        begin()
        yield* passUntil("hidden", () => visible(pod) === 0)
        assert.strictEqual(pod.engine.cut().partitions.length, 0)
        yield* passUntil("visible again", () => visible(pod) === 1)
        for (const { offset } of log.group("kafka2prom").commits.values()) assert.isAtMost(offset, 3)
        assert.deepStrictEqual(yield* failures(pod), ["clumsy committable 1"])
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("is in no cut and no status of the very instant of its mistake", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const { processor, begin } = clumsy(mistakes.status!)
        const pod = yield* startShardPod("a", { processor })
        yield* passUntil("visible", () => visible(pod) === 1)
        assert.lengthOf(pod.engine.cut().partitions, 1)
        begin()
        // Its actor has had no turn yet.
        pod.engine.status()
        assert.lengthOf(pod.engine.cut().partitions, 0)
        assert.strictEqual(visible(pod), 0)
        assert.strictEqual(pod.engine.status().partitions[0]!.restarts, 0)
        yield* passUntil("visible again", () => visible(pod) === 1)
        assert.deepStrictEqual(yield* failures(pod), ["clumsy status 1"])
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("is let go in order while it leaves: nothing is committed of it, and it is closed", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const { processor, seen, begin } = clumsy((_, now) => ({
          committable: (position) => (now() ? fail("committable") : position)
        }))
        const pod = yield* startShardPod("a", { processor })
        yield* passUntil("both visible", () => visible(pod) === 2)
        begin()
        yield* passing(pod.stop)
        assert.deepStrictEqual([...seen.closed].sort(), [...seen.opened].sort())
        assert.strictEqual(log.group("kafka2prom").members.length, 0)
      })
    )
  )

  for (const when of ["it leaves", "its actor starts over"] as const)
    it.effect(`in what it does at its close ends no pod: when ${when}`, () =>
      withLog(
        2,
        Effect.gen(function* () {
          const log = yield* EmbeddedLog
          let closing = 0
          let failing = false
          const processor: PartitionProcessor["Service"] = {
            name: "clumsy",
            needs: shown,
            open: () =>
              Effect.as(
                Effect.addFinalizer(() =>
                  Effect.sync(() => {
                    closing += 1
                    fail("close")
                  })
                ),
                {
                  ...good,
                  process: () => {
                    if (!failing) return Effect.void
                    failing = false
                    return fail("process")
                  }
                }
              )
          }
          const pod = yield* startShardPod("a", { processor })
          const ended = yield* Effect.forkChild(Effect.flip(pod.engine.failed), { startImmediately: true })
          yield* passUntil("both visible", () => visible(pod) === 2)
          if (when === "its actor starts over") {
            failing = true
            yield* passing(produce(0, 1))
            yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 1))
          } else {
            // A partition moves away.
            const other = yield* startShardPod("b", { processor: { ...processor, open: () => Effect.succeed(good) } })
            yield* passUntil("one each", () => visible(pod) === 1 && visible(other) === 1)
            yield* passing(other.stop)
          }
          yield* passUntil("it has both", () => visible(pod) === 2)
          assert.isUndefined(ended.pollUnsafe())
          assert.isAbove(closing, 0)
          yield* passing(pod.stop)
          assert.strictEqual(log.group("kafka2prom").members.length, 0)
        })
      )
    )
})

const strategy = (one: Pick<Strategy, "name" | "decide">) =>
  Backpressure.layer(one.name, 0, [{ ...one, about: "a test's", drops: true }])

describe("a strategy that throws", () => {
  it.effect("costs the partition that it was asked about a restart", () =>
    withLog(
      2,
      Effect.gen(function* () {
        const { processor, seen } = clumsy(() => ({}))
        let left = 0
        const strategies = strategy({
          name: "clumsy-too",
          decide: ({ records }) => (records > 0 && left-- > 0 ? fail("decide") : "fetch")
        })
        const pod = yield* startShardPod("a", { processor, strategies })
        yield* passUntil("both visible", () => visible(pod) === 2)
        left = 1
        yield* passing(produce(0, 3))
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 3))
        yield* passUntil("restarted", () => pod.engine.status().partitions[0]?.restarts === 1)
        yield* passUntil("visible again", () => visible(pod) === 2)
        assert.deepStrictEqual(yield* failures(pod), ["clumsy-too decide 1"])
        yield* passing(pod.stop)
        assert.deepStrictEqual([...seen.closed].sort(), [...seen.opened].sort())
      })
    )
  )

  it.effect("in ranking what waits costs the same", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const { processor } = clumsy(() => ({}))
        let left = 0
        const strategies = strategy({
          name: "clumsy-too",
          decide: ({ records }) =>
            records > 1 ? { down: { records: 0, bytes: 0 }, rank: () => (left-- > 0 ? fail("rank") : 0) } : "fetch"
        })
        const pod = yield* startShardPod("a", { processor, strategies })
        yield* passUntil("visible", () => visible(pod) === 1)
        left = 1
        yield* passing(produce(0, 3))
        yield* passUntil("restarted", () => pod.engine.status().partitions[0]?.restarts === 1)
        yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, 3))
        assert.deepStrictEqual(yield* failures(pod), ["clumsy-too rank 1"])
        yield* passing(pod.stop)
      })
    )
  )
})

describe("a processor that is told what was dropped, and throws", () => {
  for (const [name, gap] of Object.entries({
    gap: () => fail("gap"),
    add: () => ({ add: () => fail("add"), pass: () => Effect.void }),
    pass: () => ({ add: () => {}, pass: () => fail("pass") })
  }))
    it.effect(`costs its partition a restart: ${name}`, () =>
      withLog(
        1,
        Effect.gen(function* () {
          let slow = true
          const { processor, seen, begin } = clumsy((_, now) => ({
            process: () => (slow ? Effect.sleep("1 second") : Effect.void),
            gap: () => (now() ? gap() : good.gap!())
          }))
          const pod = yield* startShardPod("a", {
            processor,
            strategies: dropsWhenFull("drop-front"),
            engine: { queueRecords: 10, fetchMaxBytesPartition: 1_000 }
          })
          yield* passUntil("visible", () => visible(pod) === 1)
          begin()
          let produced = 0
          for (; pod.engine.status().partitions[0]?.restarts === 0; produced += 10) {
            assert.isBelow(produced, 2_000, "it drops")
            yield* passing(produce(0, 10))
            yield* TestClock.adjust(50)
          }
          slow = false
          yield* passing(pod.engine.caughtUp({ topic, partition: 0 }, produced))
          assert.deepStrictEqual(yield* failures(pod), ["clumsy gap 1"])
          yield* passing(pod.stop)
          assert.deepStrictEqual([...seen.closed].sort(), [...seen.opened].sort())
        })
      )
    )
})
