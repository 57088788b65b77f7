/** The examples of a processor and an assignor of one's own. */
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { NotProven, PartitionProcessor } from "kafka2prom/engine"
import { rendezvous } from "../../docs/examples/own/assignor.ts"
import { layer } from "../../docs/examples/own/processor.ts"
import { openingOf } from "../../src/testing/TestOpening.ts"
import { spoil, toRecord } from "../metrics/records.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-own-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const tp = { topic: "orders", partition: 3 }
const batch = (from: number, texts: ReadonlyArray<string>) => ({
  ...{ records: texts.map((text, i) => toRecord(from + i, { text })), next: from + texts.length, fence: 0 }
})

describe("the example of a processor", () => {
  it.live("has on the disk what may be committed, and goes on from there after a handoff", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const own = (committed: number, more = {}) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const plan = {
            start: committed,
            fence: committed,
            committed,
            logStart: 0,
            logEnd: 9,
            restarted: false,
            memo: ""
          }
          const processor = yield* PartitionProcessor
          const processing = yield* Scope.provide(processor.open(openingOf(tp, { plan, ...more })), scope)
          return { processing, evict: Scope.close(scope, Exit.void) }
        })
      yield* Effect.gen(function* () {
        const first = yield* own(0)
        const given = batch(0, ["a", "b"])
        yield* first.processing.process(given)
        given.records.forEach(spoil)
        assert.strictEqual(first.processing.committable(2), 2)
        yield* first.evict
        const second = yield* own(2)
        yield* second.processing.process(batch(2, ["c"]))
        const lost = yield* own(3, { prove: Effect.fail(new NotProven({ message: "gone" })) })
        assert.isTrue(Exit.isFailure(yield* Effect.exit(lost.processing.process(batch(3, ["d"])))))
        assert.strictEqual(lost.processing.committable(4), 3)
        const lines = (yield* Effect.promise(() => readFile(join(dir, "orders-3.ndjson"), "utf8"))).trim().split("\n")
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line)),
          [
            { offset: 0, key: "s", value: "a" },
            { offset: 1, key: "s", value: "b" },
            { offset: 2, key: "s", value: "c" }
          ]
        )
      }).pipe(Effect.provide(layer(dir)))
    }).pipe(Effect.scoped)
  )
})

describe("the example of an assignor", () => {
  const members = (...ids: ReadonlyArray<string>) => ids.map((memberId) => ({ memberId, keys: [] }))
  const keys = Array.from({ length: 60 }, (_, n) => `metrics/${n}`)

  it("places every partition, in whatever order members come, and moves only what a member that leaves had", () => {
    const three = rendezvous(members("a", "b", "c"), keys)
    assert.deepStrictEqual(rendezvous(members("c", "a", "b"), keys), three)
    assert.deepStrictEqual([...three.keys()], keys)
    assert.deepStrictEqual(new Set(three.values()), new Set(["a", "b", "c"]))
    const two = rendezvous(members("a", "c"), keys)
    for (const [key, member] of three) if (member !== "b") assert.strictEqual(two.get(key), member)
  })
})
