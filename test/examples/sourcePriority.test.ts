/** The example of back pressure by source priority: what goes first, and what its option takes. What a queue does with it: test/engine/OwnStrategies. */
import { assert, describe, it } from "@effect/vitest"
import type { Queued } from "kafka2prom/engine"
import extension, { sourcePriority, worthOf } from "../../docs/examples/source-priority/extension.ts"

const ranks = [
  { prefix: "gold-", worth: 2 },
  { prefix: "gold-test-", worth: 0 },
  { prefix: "silver-", worth: 1 }
]
const queue = (records: number): Queued => ({
  ...{
    records,
    bytes: records,
    maxRecords: 10,
    maxBytes: 1_000,
    lag: records,
    lagMs: 0,
    behind: true,
    dropping: false
  },
  tp: { topic: "metrics", partition: 0 },
  waiting: () => []
})
const head = (source: string) => ({ offset: 0, timestamp: 0, key: Buffer.from(source), headers: {}, bytes: 1 })

describe("the example source-priority", () => {
  it("fetches while there is room, and then keeps half, what is worth most", () => {
    const { decide } = sourcePriority(() => ranks)
    assert.strictEqual(decide(queue(9), false), "fetch")
    const drop = decide(queue(10), false)
    if (typeof drop === "string") throw new Error(drop)
    assert.deepStrictEqual(drop.down, { records: 5, bytes: 500 })
    const worth = ["lead-1", "gold-1", "gold-test-1", "silver-1"].map((source) => drop.rank!(head(source)))
    assert.deepStrictEqual(worth, [0, 2, 0, 1])
    assert.strictEqual(drop.rank!({ ...head(""), key: null }), 0)
  })

  it("goes by the longest beginning, in whatever order they are given", () => {
    for (const order of [ranks, ranks.toReversed()]) assert.strictEqual(worthOf(order, "gold-test-7"), 0)
  })

  it("reads its option, and says what is wrong with one", () => {
    const { kind } = extension.settings.priority
    assert.deepStrictEqual(kind.read(["gold-*=2,silver-*=1"]), {
      value: [
        { prefix: "gold-", worth: 2 },
        { prefix: "silver-", worth: 1 }
      ]
    })
    assert.match(JSON.stringify(kind.read(["gold=2"])), /is not a beginning of source ids/)
  })
})
