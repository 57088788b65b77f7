/**
 * A processor's memo: the few bytes of its own that stand in the commit with C. Whoever opens the partition next is told them, however the owner
 * before ended; what does not fit is refused by name, and nothing is committed with it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { durable, type PartitionProcessor, type Processing, shown } from "../../src/engine/PartitionProcessor.ts"
import { decodeCommitMetadata, maxMemo } from "../../src/engine/partition/CommitMetadata.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../support/passing.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"
import { produceNumbers, withLog } from "../support/withLog.ts"

const topic = "metrics"
const tp = { topic, partition: 0 }
const { passUntil, passing } = passingBy(50)
const produce = (records: number) => produceNumbers(0, records)

/** Remembers what it was opened with, and says `memo` of each C. */
const remembering = (change: Partial<Processing> = {}, needs = durable) => {
  const opened: Array<readonly [committed: number, memo: string]> = []
  const processor: PartitionProcessor["Service"] = {
    name: "remembering",
    needs,
    open: ({ plan }) =>
      Effect.sync(() => {
        opened.push([plan.committed, plan.memo])
        return {
          process: () => Effect.void,
          committable: (position) => position,
          memo: (committed) => `up to ${committed}, “Ω”`,
          lowest: (position) => position,
          status: () => ({}),
          ...change
        }
      })
  }
  return { processor, opened }
}

const commit = Effect.map(EmbeddedLog, (log) => () => log.group("kafka2prom").commits.get(`${topic}/0`))
const failures = (pod: ShardPod) =>
  Effect.map(
    Effect.promise(() => pod.metrics.moduleFailures.get()),
    ({ values }) => values.filter(({ value }) => value > 0).map(({ labels }) => `${labels.module} ${labels.function}`)
  )
const restarts = (pod: ShardPod) => pod.engine.status().partitions[0]?.restarts

describe("a processor's memo", () => {
  for (const needs of [durable, shown])
    it.effect(`is told the next owner with the C that it is of: ${needs.shows ? "shown" : "durable"}`, () =>
      withLog(
        1,
        Effect.gen(function* () {
          const committed = yield* commit
          const { processor, opened } = remembering({}, needs)
          const a = yield* startShardPod("a", { processor })
          yield* passing(produce(10))
          yield* passing(a.engine.caughtUp(tp, 10))
          yield* passUntil("committed", () => committed()?.offset === 10)
          yield* passing(produce(7))
          yield* passing(a.engine.caughtUp(tp, 17))
          yield* passing(a.stop)
          const b = yield* startShardPod("b", { processor })
          yield* passUntil("b has it", () => opened.length === 2)
          assert.deepStrictEqual(opened, [
            [0, ""],
            [17, "up to 17, “Ω”"]
          ])
          yield* passing(b.stop)
          assert.strictEqual(decodeCommitMetadata(committed()!.metadata)!.memo, "up to 17, “Ω”")
        })
      )
    )

  it.effect("is told an actor that starts over", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const committed = yield* commit
        let fails = false
        const { processor, opened } = remembering({
          process: () =>
            Effect.suspend(() => {
              if (!fails) return Effect.void
              fails = false
              return Effect.die(new Error("on purpose"))
            })
        })
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10))
        yield* passUntil("committed", () => committed()?.offset === 10)
        fails = true
        yield* passing(produce(5))
        yield* passUntil("started over", () => opened.length === 2)
        assert.deepStrictEqual(opened[1], [10, "up to 10, “Ω”"])
        yield* passing(a.engine.caughtUp(tp, 15))
        yield* passUntil("committed again", () => committed()?.offset === 15)
        yield* passing(a.stop)
      })
    )
  )

  it.effect("of an owner that was cut off is told whoever replaces it, and its own last word is not", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const committed = yield* commit
        const { processor, opened } = remembering()
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10))
        yield* passUntil("committed", () => committed()?.offset === 10)
        yield* log.intercept((r) => (r.clientId === "a" && r.op !== "fetch" ? { lose: "request" } : undefined))
        yield* passing(produce(10))
        const b = yield* startShardPod("b", { processor })
        yield* passUntil("b has it", () => opened.length === 2)
        assert.deepStrictEqual(opened[1], [10, "up to 10, “Ω”"])
        yield* passing(a.stop)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("stays with its C where a new incarnation can commit less", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const committed = yield* commit
        let fails = false
        let most = 100
        const { processor, opened } = remembering({
          process: () => (fails ? Effect.die(new Error("on purpose")) : Effect.void),
          committable: (position) => Math.min(position, most)
        })
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10))
        yield* passUntil("committed", () => committed()?.offset === 10)
        fails = true
        yield* passing(produce(5))
        yield* passUntil("failing", () => (restarts(a) ?? 0) > 0)
        most = 3
        fails = false
        yield* passing(a.engine.caughtUp(tp, 15))
        yield* passing(a.stop)
        assert.isAbove(opened.length, 1)
        const { offset, metadata } = committed()!
        assert.deepStrictEqual([offset, decodeCommitMetadata(metadata)!.memo], [10, "up to 10, “Ω”"])
      })
    )
  )

  it.effect("is told nobody where a tool set the offsets", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const { processor, opened } = remembering()
        const a = yield* startShardPod("a", { processor })
        yield* passing(produce(10))
        yield* passing(a.engine.caughtUp(tp, 10))
        yield* passing(a.stop)
        yield* log.stripCommits("kafka2prom")
        const b = yield* startShardPod("b", { processor })
        yield* passUntil("b has it", () => opened.length === 2)
        assert.deepStrictEqual(opened[1], [10, ""])
        yield* passing(b.stop)
      })
    )
  )

  for (const [what, memo, why] of [
    ["too long", () => "Ω".repeat(maxMemo / 2 + 1), `its ${maxMemo + 2} bytes do not fit into a commit, ${maxMemo} do`],
    ["no text", () => 7 as never, "it answered number, where a commit keeps text only"]
  ] as const)
    it.effect(`that is ${what} is refused by name and counted, and nothing is committed with it`, () =>
      Effect.suspend(() => {
        const lines: Array<string> = []
        const logger = Logger.make(({ message, cause }) => {
          lines.push(`${[message].flat().map(String).join(" ")} ${String(cause)}`)
        })
        return withLog(
          1,
          Effect.gen(function* () {
            const committed = yield* commit
            let wrong = false
            const { processor } = remembering({ memo: (c) => (wrong ? memo() : `up to ${c}`) })
            const a = yield* startShardPod("a", { processor })
            yield* passing(produce(10))
            yield* passUntil("committed", () => committed()?.offset === 10)
            wrong = true
            yield* passing(produce(10))
            yield* passUntil("refused", () => (restarts(a) ?? 0) > 0)
            assert.strictEqual(committed()!.offset, 10)
            assert.deepStrictEqual(yield* failures(a), ["remembering memo"])
            assert.isTrue(
              lines.some((line) => line.includes("in memo of remembering") && line.includes(why)),
              lines.join("\n")
            )
            wrong = false
            yield* passUntil("committed in the end", () => committed()?.offset === 20)
            assert.strictEqual(decodeCommitMetadata(committed()!.metadata)!.memo, "up to 20")
            yield* passing(a.stop)
          })
        ).pipe(Effect.provide(Logger.layer([logger])))
      })
    )
})
