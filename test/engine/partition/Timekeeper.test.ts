/**
 * A partition's time in the real engine on the embedded log: what the commits carry from owner to owner, and when a partition is in
 * quarantine because nobody knows what was shown of it.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { type CommitMetadata, decodeCommitMetadata } from "../../../src/engine/partition/CommitMetadata.ts"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../../support/passing.ts"
import { startShardPod } from "../../support/shardPod.ts"

const tp = { topic: "metrics", partition: 0 }
const group = "kafka2prom"
const engine = { lateness: 5_000, settingsHash: "0123456789" }
const { passing } = passingBy(50)

const produce = (...keys: ReadonlyArray<string>) =>
  passing(
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const producer = yield* log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
        yield* producer.produce(
          keys.map((key) => ({ ...tp, key: Buffer.from(key), value: Buffer.from("1"), headers: {} }))
        )
      })
    )
  )

const committed = passing(
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      const client = yield* log.transport.groupClient({ group, clientId: "test" })
      const commits = yield* client.offsetFetch([tp])
      const commit = commits.get("metrics/0")
      return commit === undefined ? null : decodeCommitMetadata(commit.metadata)
    })
  )
)

const untilCommitted = (holds: (metadata: CommitMetadata) => boolean) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 500; tries++) {
      const metadata = yield* committed
      if (metadata !== null && holds(metadata)) return metadata
      yield* passing(Effect.sleep(200))
    }
    return assert.fail(`no such commit; the last one was ${JSON.stringify(yield* committed)}`)
  })

const inWorld = <A, E>(body: Effect.Effect<A, E, EmbeddedLog>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(tp.topic, 1)
    return yield* body
  }).pipe(Effect.provide(EmbeddedLog.layer({ nodes: 1 })), Effect.scoped)

describe("what commits carry", () => {
  it.effect("the time goes on from owner to owner, a mark about every half lateness, also where nothing comes", () =>
    inWorld(
      Effect.gen(function* () {
        const a = yield* startShardPod("a", { engine })
        yield* produce("x")
        const first = yield* untilCommitted((m) => m.marks.length === 4)
        for (const [i, mark] of first.marks.entries())
          if (i > 0) assert.isAtLeast(first.marks[i - 1]!.ago - mark.ago, (engine.lateness * 17) / 32)
        assert.strictEqual(first.judgedBy, "01234567")
        yield* passing(a.stop)
        const b = yield* startShardPod("b", { engine })
        const next = yield* untilCommitted((m) => m.marks.length === 6)
        assert.isAbove(next.marks[0]!.ago, first.marks[0]!.ago)
        yield* passing(b.stop)
      })
    )
  )

  it.effect("L never falls, though a processor needs something from before it", () =>
    inWorld(
      Effect.gen(function* () {
        yield* produce("x", "y", "z")
        const a = yield* startShardPod("a", { engine })
        yield* untilCommitted((m) => m.lowest === 0)
        yield* passing(a.engine.caughtUp(tp, 3))
        // A key that comes again is needed from there on only.
        yield* produce("x", "y", "z")
        const { lowest } = yield* untilCommitted((m) => m.lowest === 3)
        yield* passing(a.stop)
        assert.isAtLeast((yield* untilCommitted(() => true)).lowest, lowest)
      })
    )
  )
})

describe("quarantine", () => {
  it.effect("begins where a commit lost its metadata, outlives its owner, and ends when L has passed its end", () =>
    inWorld(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const a = yield* startShardPod("a", { engine })
        yield* produce("x")
        yield* untilCommitted((m) => m.quarantine === null)
        yield* passing(a.stop)
        yield* log.stripCommits(group)
        const b = yield* startShardPod("b", { engine })
        assert.deepStrictEqual((yield* untilCommitted(() => true)).quarantine, { until: null })
        yield* passing(b.stop)
        const c = yield* startShardPod("c", { engine })
        yield* produce("x")
        yield* untilCommitted((m) => m.quarantine?.until === 2)
        assert.deepStrictEqual(c.engine.status().partitions[0]!.quarantine, { until: 2 })
        yield* produce("x")
        yield* untilCommitted((m) => m.quarantine === null)
        assert.isNull(c.engine.status().partitions[0]!.quarantine)
        yield* passing(c.stop)
      })
    )
  )

  /** `rots`: the owner before read the batch when it was whole. */
  const skips = (reason: "checksum" | "malformed", { settings = engine.settingsHash, rots = false }) =>
    inWorld(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const a = yield* startShardPod("a", { engine })
        yield* produce("x")
        yield* passing(a.engine.caughtUp(tp, 1))
        if (!rots) yield* log.breakNext(tp, reason)
        yield* produce("y")
        yield* passing(a.engine.caughtUp(tp, 2))
        if (rots) yield* log.spoilLastBatch(tp, reason)
        yield* produce("z")
        yield* passing(a.engine.caughtUp(tp, 3))
        yield* untilCommitted((m) => m.reservation >= 3)
        assert.isNull(a.engine.status().partitions[0]!.quarantine)
        yield* passing(a.stop)
        const b = yield* startShardPod("b", { engine: { ...engine, settingsHash: settings } })
        yield* passing(b.engine.caughtUp(tp, 3))
        const { quarantine, skipped } = b.engine.status().partitions[0]!
        assert.strictEqual(skipped.batches, 1)
        yield* passing(b.stop)
        return quarantine
      })
    )

  it.effect("begins at a skipped batch below the fence where the owner before may have read it", () =>
    Effect.gen(function* () {
      assert.isNull(yield* skips("checksum", {}), "nobody ever read it, and the commit says so")
      assert.isNull(yield* skips("malformed", { settings: "other" }), "nor under other settings")
      assert.deepStrictEqual(yield* skips("checksum", { rots: true }), { until: null }, "it was read before it rotted")
      const other = yield* skips("malformed", { rots: true, settings: "other" })
      assert.deepStrictEqual(other, { until: null }, "under other settings it may have been read")
    })
  )
})
