/** How long polls wait, and who reads a partition meanwhile. */
import { assert, describe, it } from "vitest"
import { decidePause } from "../../../src/engine/Backpressure.ts"
import { type Processing, shown } from "../../../src/engine/PartitionProcessor.ts"
import { Partition } from "../../../src/engine/partition/Partition.ts"
import { askedOf, Patience } from "../../../src/engine/partition/Patience.ts"

const waits = { fetchMaxWait: 250, fetchQuietWait: 4_000 }
const processing: Processing = {
  process: () => assert.fail("nothing is processed"),
  committable: (position) => position,
  lowest: (position) => position,
  status: () => ({})
}

const partition = (n: number, fence = 0): Partition => {
  const p = new Partition({
    tp: { topic: "t", partition: n },
    needs: shown,
    generation: 1,
    strategy: { name: "pause", about: "", drops: false, decide: decidePause },
    now: 0,
    leastHeadroom: 1_000,
    settings: ""
  })
  Object.assign(p, { processing, incarnation: 1, fence })
  return p
}
const asked = (...all: ReadonlyArray<Partition>) => new Map(all.map((p) => [p.key, askedOf(p)]))

/** The waits of polls one after the other, each of which brought what it says. */
const waitsOf = (patience: Patience, polls: ReadonlyArray<"nothing" | "something" | "failed">, whole = true) =>
  polls.map((brought) => {
    const wait = patience.begin(asked(partition(0)), whole)
    patience.end(brought === "nothing")
    return wait
  })

describe("a long poll", () => {
  it("waits twice as long each time that it brings nothing, up to the bound, and starts over with the first news", () => {
    const quiet = Array.from({ length: 7 }, () => "nothing" as const)
    assert.deepStrictEqual(waitsOf(new Patience(waits), quiet), [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
    const patience = new Patience(waits)
    assert.deepStrictEqual(waitsOf(patience, ["nothing", "nothing", "something", "nothing"]), [250, 500, 1_000, 250])
    assert.deepStrictEqual(waitsOf(patience, ["nothing", "failed", "nothing"]), [500, 1_000, 250])
  })

  it("does not wait longer while a partition is left out", () => {
    const patience = new Patience(waits)
    waitsOf(patience, ["nothing", "nothing", "nothing"])
    assert.deepStrictEqual(waitsOf(patience, ["nothing", "nothing"], false), [250, 250])
    assert.deepStrictEqual(waitsOf(patience, ["nothing"]), [500])
  })

  it("never waits shorter than the usual time", () => {
    assert.deepStrictEqual(
      waitsOf(new Patience({ ...waits, fetchMaxWait: 60_000 }), ["nothing", "nothing"]),
      [60_000, 60_000]
    )
  })
})

describe("a partition", () => {
  it("behind its fence is read at once, beyond it by the long poll", () => {
    const patience = new Patience(waits)
    const p = partition(0, 3)
    assert.strictEqual(patience.hasteOf(p), "hasty")
    p.fetchPosition = 3
    assert.strictEqual(patience.hasteOf(p), "waiting")
  })

  it("that a patient poll does not ask for, or not as it is now, is read beside it until it is over", () => {
    const patience = new Patience(waits)
    const [within, late] = [partition(0), partition(1)]
    patience.begin(asked(within), true)
    // The usual wait is short enough for everybody.
    assert.strictEqual(patience.hasteOf(late), "waiting")
    patience.end(true)
    patience.begin(asked(within), true)
    assert.deepStrictEqual(
      [within, late].map((p) => patience.hasteOf(p)),
      ["waiting", "hasty"]
    )
    within.incarnation += 1
    assert.strictEqual(patience.hasteOf(within), "hasty")
    patience.end(true)
    assert.deepStrictEqual(
      [within, late].map((p) => patience.hasteOf(p)),
      ["waiting", "waiting"]
    )
  })
})
