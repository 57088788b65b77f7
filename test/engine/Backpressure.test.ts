/**
 * Backpressure: the decisions as a table, then each strategy closed into a loop with the real queue: a fetcher that is faster than
 * the actor, in steps, without a clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import {
  Backpressure,
  type Decision,
  decideAdaptive,
  decideDropFront,
  decidePause,
  type Pressure,
  type Strategy,
  strategies
} from "../../src/engine/Backpressure.ts"
import { PartitionQueue, recordBytes } from "../../src/engine/PartitionQueue.ts"
import type { LogRecord } from "../../src/transport/Transport.ts"

const pressure = (p: Partial<Pressure>): Pressure => ({
  records: 0,
  bytes: 0,
  maxRecords: 100,
  maxBytes: 1_000,
  lag: 0,
  dropping: false,
  ...p
})

describe("pause", () => {
  const table: ReadonlyArray<readonly [fact: string, p: Partial<Pressure>, paused: boolean, then: Decision]> = [
    ["an empty queue is fetched into", {}, false, "fetch"],
    ["one record below the bound is still fetched into", { records: 99 }, false, "fetch"],
    ["at the bound of records it pauses", { records: 100 }, false, "pause"],
    ["at the bound of bytes it pauses", { bytes: 1_000 }, false, "pause"],
    ["paused, it stays so above half of the records", { records: 51 }, true, "pause"],
    ["paused, it stays so above half of the bytes", { bytes: 501 }, true, "pause"],
    ["at half it goes on", { records: 50, bytes: 500 }, true, "fetch"],
    ["between half and full it goes on when it was not paused", { records: 80, bytes: 800 }, false, "fetch"],
    ["the lag does not matter", { lag: 1_000_000_000 }, false, "fetch"]
  ]
  it.each(table)("%s", (_fact, p, paused, then) => {
    assert.strictEqual(decidePause(pressure(p), paused), then)
  })

  it("an empty queue is never paused, whatever the bounds: nobody would wake it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.integer({ min: 1 }), fc.boolean(), (maxRecords, maxBytes, paused) => {
        assert.strictEqual(decidePause(pressure({ maxRecords, maxBytes }), paused), "fetch")
      })
    )
  })
})

describe("drop-front", () => {
  it.each<readonly [fact: string, p: Partial<Pressure>, then: Decision]>([
    ["below the bounds nothing is dropped", { records: 99, bytes: 999 }, "fetch"],
    ["at the bound of records the front goes", { records: 100 }, "drop"],
    ["at the bound of bytes the front goes", { bytes: 1_000 }, "drop"]
  ])("%s", (_fact, p, then) => {
    assert.strictEqual(decideDropFront(pressure(p)), then)
  })
})

describe("adaptive", () => {
  const bound = 1_000
  const table: ReadonlyArray<readonly [fact: string, p: Partial<Pressure>, paused: boolean, then: Decision]> = [
    ["within the bound it is pause: it fetches", { lag: 1_000 }, false, "fetch"],
    ["within the bound it is pause: full, it waits", { lag: 1_000, records: 100 }, false, "pause"],
    ["within the bound it is pause: it waits until half", { lag: 1_000, records: 51 }, true, "pause"],
    ["beyond the bound it drops", { lag: 1_001 }, false, "drop"],
    ["beyond the bound it drops also when it was paused", { lag: 1_001, records: 100 }, true, "drop"],
    ["once dropping it goes on until a tenth of the bound", { lag: 101, dropping: true }, false, "drop"],
    ["at a tenth it is caught up", { lag: 100, dropping: true }, false, "fetch"],
    ["not dropping, a tenth means nothing", { lag: 101 }, false, "fetch"],
    ["with the lag unknown it is pause", { lag: -1, records: 100, dropping: true }, false, "pause"]
  ]
  it.each(table)("%s", (_fact, p, paused, then) => {
    assert.strictEqual(decideAdaptive(pressure(p), paused, bound), then)
  })
})

describe("the service", () => {
  const decideAs = (strategy: Strategy, p: Partial<Pressure>, lagBound?: number) =>
    Effect.map(Backpressure, (b) => b.decide(strategy, pressure(p), false)).pipe(
      Effect.provide(Backpressure.layer("pause", lagBound))
    )

  it.effect("a strategy named in a running pod decides, whatever the one it started with", () =>
    Effect.gen(function* () {
      const full = { records: 100 }
      assert.strictEqual(yield* decideAs("pause", full), "pause")
      assert.strictEqual(yield* decideAs("drop-front", full), "drop")
      assert.strictEqual(yield* decideAs("adaptive", full), "pause")
      assert.strictEqual(yield* decideAs("adaptive", { ...full, lag: 11 }, 10), "drop")
    })
  )

  it.effect.each([
    ["pause", Backpressure.layerPause],
    ["drop-front", Backpressure.layerDropFront],
    ["adaptive", Backpressure.layerAdaptive]
  ] as const)("its layers start with what they are named for: %s", ([name, layer]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Backpressure).initial, name)
      assert.include(strategies, name)
    }).pipe(Effect.provide(layer))
  )
})

interface Step {
  /** Records that the log grows by. */
  readonly produced: number
  /** Records of one fetch, when it fetches. */
  readonly fetched: number
  /** Whether the actor takes something. */
  readonly takes: boolean
}
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.record({ produced: fc.nat(30), fetched: fc.integer({ min: 1, max: 30 }), takes: fc.boolean() }),
  { maxLength: 80 }
)

/** One partition of a log that grows, fetched and processed under one strategy. */
class Loop {
  readonly queue = new PartitionQueue()
  logEnd = 0
  fetchPosition = 0
  position = 0
  paused = false
  dropping = false
  dropped = 0
  taken: Array<number> = []
  largestBatch = 0
  private readonly decide: (p: Pressure, paused: boolean) => Decision
  readonly maxRecords = 40
  readonly maxBytes = 40 * 60

  constructor(decide: (p: Pressure, paused: boolean) => Decision) {
    this.decide = decide
  }

  private press(): void {
    const { records, bytes } = this.queue
    const { maxRecords, maxBytes, dropping } = this
    const p = { records, bytes, maxRecords, maxBytes, lag: this.logEnd - this.position, dropping }
    const decision = this.decide(p, this.paused)
    this.dropping = decision === "drop"
    this.paused = decision === "pause"
    if (this.dropping) this.dropped += this.queue.dropFront(maxRecords, maxBytes)
  }

  step(s: Step): void {
    this.logEnd += s.produced
    const n = Math.min(s.fetched, this.logEnd - this.fetchPosition)
    if (!this.paused && n > 0) {
      const batch: ReadonlyArray<LogRecord> = Array.from({ length: n }, (_, i) => ({
        offset: this.fetchPosition + i,
        timestamp: 0,
        key: Buffer.from("s"),
        value: Buffer.alloc(i % 7),
        headers: {}
      }))
      this.largestBatch = Math.max(this.largestBatch, n)
      this.fetchPosition += n
      this.queue.push(batch, this.fetchPosition)
      this.press()
    }
    if (s.takes) this.take()
  }

  take(): void {
    const item = this.queue.take(500)
    if (item === undefined) return
    if (item.type === "records") this.taken.push(...item.records.map((r) => r.offset))
    this.position = item.next
    this.press()
  }

  finish(): void {
    for (let turns = 0; this.fetchPosition < this.logEnd || !this.queue.empty; turns++) {
      assert.isBelow(turns, 100_000, "it comes to an end")
      this.step({ produced: 0, fetched: 10, takes: true })
    }
  }
}

describe("a fetcher that is faster than the actor", () => {
  it("under pause nothing is lost, and the queue exceeds its bounds by one batch at most", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const loop = new Loop(decidePause)
        for (const s of history) {
          loop.step(s)
          assert.isBelow(loop.queue.records, loop.maxRecords + loop.largestBatch)
        }
        loop.finish()
        assert.deepStrictEqual(
          loop.taken,
          Array.from({ length: loop.logEnd }, (_, i) => i)
        )
        assert.strictEqual(loop.dropped, 0)
      })
    )
  })

  it("under drop-front it never waits, stays within its bounds, and ends with the newest", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const loop = new Loop(decideDropFront)
        for (const s of history) {
          loop.step(s)
          assert.isFalse(loop.paused)
          assert.isAtMost(loop.queue.records, loop.maxRecords)
          assert.isTrue(loop.queue.bytes <= loop.maxBytes || loop.queue.records === 1)
        }
        loop.finish()
        assert.strictEqual(loop.taken.length + loop.dropped, loop.logEnd, "produced = taken + dropped")
        for (let i = 1; i < loop.taken.length; i++) assert.isAbove(loop.taken[i]!, loop.taken[i - 1]!)
        if (loop.logEnd > 0) assert.strictEqual(loop.taken.at(-1), loop.logEnd - 1)
      })
    )
  })

  it("under drop-front it shows samples of what happened in between instead of jumping to the end", () => {
    const loop = new Loop(decideDropFront)
    for (let i = 0; i < 300; i++) loop.step({ produced: 30, fetched: 30, takes: i % 3 === 0 })
    const third = (n: number) => loop.taken.some((o) => o >= (n * loop.logEnd) / 3 && o < ((n + 1) * loop.logEnd) / 3)
    assert.isAbove(loop.dropped, 0)
    assert.deepStrictEqual([0, 1, 2].map(third), [true, true, true])
  })

  it("under adaptive nothing is lost while the lag stays within its bound", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const loop = new Loop((p, paused) => decideAdaptive(p, paused, 2_400))
        for (const s of history) loop.step(s)
        loop.finish()
        assert.strictEqual(loop.dropped, 0)
        assert.strictEqual(loop.taken.length, loop.logEnd)
      })
    )
  })

  it("under adaptive it drops from the bound on, and stops when it caught up", () => {
    const loop = new Loop((p, paused) => decideAdaptive(p, paused, 200))
    loop.step({ produced: 2_000, fetched: 30, takes: false })
    assert.isTrue(loop.dropping)
    loop.finish()
    assert.isAbove(loop.dropped, 0)
    assert.isFalse(loop.dropping)
    const before = loop.dropped
    for (let i = 0; i < 50; i++) loop.step({ produced: 5, fetched: 30, takes: true })
    loop.finish()
    assert.strictEqual(loop.dropped, before)
  })
})

it("a record counts its value, its key and a flat rate for what is around them", () => {
  const around = recordBytes({ offset: 0, timestamp: 0, key: null, value: null, headers: {} })
  assert.isAbove(around, 0)
  const full = { offset: 0, timestamp: 0, key: Buffer.alloc(3), value: Buffer.alloc(50), headers: {} }
  assert.strictEqual(recordBytes(full), around + 53)
})
