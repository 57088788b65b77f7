/**
 * A processor that keeps what it makes elsewhere: it says where reading begins, asks whether the log is the one that it made it of, and
 * begins anew where somebody else was there before it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { durable, type Opening, type PartitionProcessor, shown } from "../../src/engine/PartitionProcessor.ts"
import { type Witness, witnessOf } from "../../src/engine/partition/Witness.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../support/passing.ts"
import { startShardPod } from "../support/shardPod.ts"
import { produceNumbers, withLog } from "../support/withLog.ts"

const topic = "metrics"
const tp = { topic, partition: 0 }
const { passUntil, passing } = passingBy(50)

/** Begins at what `begins` answers, and keeps what it was given. */
const reading = (begins: () => number | undefined, needs = durable) => {
  const seen: { offsets: Array<Array<number>>; witness: Witness | undefined; opening: Opening | undefined } = {
    offsets: [],
    witness: undefined,
    opening: undefined
  }
  const processor: PartitionProcessor["Service"] = {
    name: "elsewhere",
    needs,
    open: (opening) =>
      Effect.sync(() => {
        seen.opening = opening
        const offsets: Array<number> = []
        seen.offsets.push(offsets)
        const from = begins()
        return {
          ...(from === undefined ? {} : { from }),
          process: ({ records }) =>
            Effect.sync(() => {
              for (const record of records) {
                offsets.push(record.offset)
                seen.witness = witnessOf(record)
              }
            }),
          committable: (position) => position,
          lowest: (position) => position,
          status: () => ({})
        }
      })
  }
  return { processor, seen }
}

describe("a processor that keeps what it makes elsewhere", () => {
  it.effect("begins where it says, before C and after it, and C does not fall", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        let from: number | undefined
        const { processor, seen } = reading(() => from)
        const run = Effect.gen(function* () {
          const pod = yield* startShardPod("a", { processor })
          yield* passing(pod.engine.caughtUp(tp, 20))
          yield* passing(pod.stop)
          return log.group("kafka2prom").commits.get(`${topic}/0`)?.offset
        })
        yield* passing(produceNumbers(0, 20))
        assert.strictEqual(yield* run, 20)
        from = 5
        assert.strictEqual(yield* run, 20)
        from = 100
        assert.strictEqual(yield* run, 20)
        assert.deepStrictEqual(
          seen.offsets.map((all) => [all.length, all[0]]),
          [
            [20, 0],
            [15, 5],
            [0, undefined]
          ]
        )
      })
    )
  )

  it.effect("that shows something begins no later than its plan", () =>
    withLog(
      1,
      Effect.gen(function* () {
        yield* passing(produceNumbers(0, 20))
        const { processor, seen } = reading(() => 15, shown)
        const pod = yield* startShardPod("a", { processor })
        yield* passing(pod.engine.caughtUp(tp, 20))
        yield* passing(pod.stop)
        assert.strictEqual(seen.offsets[0]![0], seen.opening!.plan.start)
      })
    )
  )

  it.effect("starts over without having failed, at once and where it then says", () =>
    withLog(
      1,
      Effect.gen(function* () {
        yield* passing(produceNumbers(0, 20))
        let from = 0
        const { processor, seen } = reading(() => from)
        const pod = yield* startShardPod("a", { processor })
        yield* passing(pod.engine.caughtUp(tp, 20))
        const before = seen.opening!
        from = 12
        before.startOver("somebody was there before")
        yield* passUntil("it reads again", () => seen.offsets.length === 2 && seen.offsets[1]!.length === 8)
        assert.strictEqual(seen.offsets[1]![0], 12)
        // Of an incarnation that is gone.
        before.startOver("late")
        yield* passing(pod.engine.caughtUp(tp, 20))
        const { restarts } = pod.engine.status().partitions[0]!
        assert.deepStrictEqual([seen.offsets.length, restarts], [2, 0])
        yield* passing(pod.stop)
      })
    )
  )

  it.effect("is told whether a record is still there, and which log it is", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        yield* passing(produceNumbers(0, 20))
        const { processor, seen } = reading(() => undefined)
        const pod = yield* startShardPod("a", { processor })
        yield* passing(pod.engine.caughtUp(tp, 20))
        const { holds, identity } = seen.opening!.log
        const witness = seen.witness!
        const before = yield* identity
        assert.strictEqual(yield* holds(witness), "same")
        assert.strictEqual(yield* holds({ ...witness, crc: witness.crc ^ 1 }), "another")
        yield* log.deleteRecords(tp, 20)
        yield* passing(produceNumbers(0, 1))
        assert.strictEqual(yield* holds(witness), "gone")
        yield* log.recreate(topic)
        const after = yield* identity
        assert.strictEqual(after.cluster, before.cluster)
        assert.notStrictEqual(after.topicId, before.topicId)
        yield* passing(pod.stop)
      })
    )
  )
})
