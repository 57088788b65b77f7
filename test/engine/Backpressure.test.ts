/**
 * Backpressure: the decisions as a table, then each strategy closed into a loop with the real queue and the real judgement of
 * overload: a fetcher that is faster than the actor, in steps, without a clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import {
  Backpressure,
  builtInNames,
  type Decision,
  decideAdaptive,
  decideDropFront,
  decidePause,
  type Pressure,
  type Queued,
  type StrategyName
} from "../../src/engine/Backpressure.ts"
import { isBehind, keepsUp, look, type Overload } from "../../src/engine/partition/Overload.ts"
import { PartitionQueue, recordBytes } from "../../src/engine/partition/PartitionQueue.ts"
import type { LogRecord } from "../../src/transport/Transport.ts"

const pressure = (p: Partial<Pressure>): Pressure => ({
  records: 0,
  bytes: 0,
  maxRecords: 100,
  maxBytes: 1_000,
  lag: 0,
  behind: false,
  dropping: false,
  ...p
})

const queued = (p: Partial<Pressure>): Queued => ({
  ...pressure(p),
  tp: { topic: "t", partition: 0 },
  lagMs: 0,
  waiting: () => []
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
  it.each<readonly [fact: string, p: Partial<Pressure>, paused: boolean, then: Decision]>([
    ["an actor that keeps up loses nothing: full, it waits", { records: 100 }, false, "pause"],
    ["nor where the bytes are full", { bytes: 1_000 }, false, "pause"],
    ["nor for an answer many times the queue", { records: 1_000_000, lag: 1_000_000 }, false, "pause"],
    ["it goes on at half, as pause does", { records: 51 }, true, "pause"],
    ["below the bounds it fetches", { records: 99, bytes: 999 }, false, "fetch"],
    ["behind, the front goes", { records: 100, behind: true }, true, "drop"],
    ["behind, it goes on reading also while there is room", { behind: true, dropping: true }, false, "drop"]
  ])("%s", (_fact, p, paused, then) => {
    assert.strictEqual(decideDropFront(pressure(p), paused), then)
  })
})

describe("adaptive", () => {
  const bound = 1_000
  const behind = true
  const table: ReadonlyArray<readonly [fact: string, p: Partial<Pressure>, paused: boolean, then: Decision]> = [
    ["within the bound it is pause: it fetches", { lag: 1_000, behind }, false, "fetch"],
    ["within the bound it is pause: full, it waits", { lag: 1_000, records: 100, behind }, false, "pause"],
    ["within the bound it is pause: it waits until half", { lag: 1_000, records: 51, behind }, true, "pause"],
    ["beyond the bound it drops where it is behind", { lag: 1_001, behind }, false, "drop"],
    ["beyond the bound it drops also when it was paused", { lag: 1_001, records: 100, behind }, true, "drop"],
    ["beyond the bound it waits where the actor keeps up", { lag: 1_001, records: 100 }, true, "pause"],
    ["once dropping it goes on until the actor has caught up", { lag: 1, dropping: true, behind }, false, "drop"],
    ["when it has, it fetches", { dropping: true }, false, "fetch"],
    ["with the lag unknown it is pause", { lag: -1, records: 100, behind }, false, "pause"]
  ]
  it.each(table)("%s", (_fact, p, paused, then) => {
    assert.strictEqual(decideAdaptive(pressure(p), paused, bound), then)
  })
})

describe("the service", () => {
  const decideAs = (strategy: StrategyName, p: Partial<Pressure>, lagBound?: number) =>
    Effect.map(Backpressure, (b) => b.strategies.get(strategy)!.decide(queued(p), false)).pipe(
      Effect.provide(Backpressure.layer("pause", lagBound))
    )

  it.effect("a strategy named in a running pod decides, whatever the one it started with", () =>
    Effect.gen(function* () {
      const full = { records: 100 }
      assert.strictEqual(yield* decideAs("pause", full), "pause")
      const behind = { ...full, behind: true }
      assert.strictEqual(yield* decideAs("pause", behind), "pause")
      assert.strictEqual(yield* decideAs("drop-front", full), "pause")
      assert.strictEqual(yield* decideAs("drop-front", behind), "drop")
      assert.strictEqual(yield* decideAs("adaptive", behind), "pause")
      assert.strictEqual(yield* decideAs("adaptive", { ...behind, lag: 11 }, 10), "drop")
    })
  )

  it.effect.each([
    ["pause", Backpressure.layerPause],
    ["drop-front", Backpressure.layerDropFront],
    ["adaptive", Backpressure.layerAdaptive]
  ] as const)("its layers start with what they are named for: %s", ([name, layer]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Backpressure).initial, name)
      assert.include(builtInNames, name)
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

/** One partition of a log that grows, fetched and processed under one strategy. It is looked at once a step. */
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
  private highWatermark = 0
  private overload: Overload = keepsUp
  private readonly decide: (p: Pressure, paused: boolean) => Decision
  readonly maxRecords = 40
  readonly maxBytes = 40 * 60

  constructor(decide: (p: Pressure, paused: boolean) => Decision) {
    this.decide = decide
  }

  private press(): void {
    if (this.queue.empty && this.position >= this.highWatermark) this.overload = keepsUp
    const { records, bytes } = this.queue
    const { maxRecords, maxBytes, dropping } = this
    const lag = this.highWatermark - this.position
    const p = { records, bytes, maxRecords, maxBytes, lag, behind: isBehind(this.overload), dropping }
    const decision = this.decide(p, this.paused)
    this.dropping = decision === "drop"
    this.paused = decision === "pause"
    if (this.dropping) this.dropped += this.queue.dropFront(maxRecords, maxBytes).records
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
      this.highWatermark = this.logEnd
      this.queue.push(batch, this.fetchPosition)
      const room = this.queue.records < this.maxRecords && this.queue.bytes < this.maxBytes
      if (room && !this.dropping && this.fetchPosition === this.logEnd) this.overload = keepsUp
      this.press()
    }
    if (s.takes) this.take()
    if (this.paused) this.look()
  }

  private look(): void {
    this.highWatermark = this.logEnd
    const { position, fetchPosition: fetched, logEnd: end } = this
    this.overload = look(this.overload, { position, reaching: position, fetched, end, barred: false })
    this.press()
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

const everything = (loop: Loop) => Array.from({ length: loop.logEnd }, (_, i) => i)

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
        assert.deepStrictEqual(loop.taken, everything(loop))
        assert.strictEqual(loop.dropped, 0)
      })
    )
  })

  it("under drop-front the queue exceeds its bounds by one batch at most, and not at all while it drops; it ends with the newest", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const loop = new Loop(decideDropFront)
        for (const s of history) {
          loop.step(s)
          assert.isBelow(loop.queue.records, loop.maxRecords + loop.largestBatch)
          if (!loop.dropping) continue
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

  it("under drop-front an actor that is faster than what arrives loses nothing, whatever comes at once", () => {
    // It takes four records a turn or a little less, and after each burst there is time for more than the burst.
    const bursts = fc.array(
      fc.record({ size: fc.integer({ min: 1, max: 3_000 }), fetched: fc.integer({ min: 20, max: 900 }) }),
      {
        maxLength: 12
      }
    )
    fc.assert(
      fc.property(bursts, fc.nat(5_000), (history, backlog) => {
        const loop = new Loop(decideDropFront)
        loop.logEnd = backlog
        for (const { size, fetched } of history) {
          loop.step({ produced: size, fetched, takes: true })
          for (let turn = 0; turn < (size * 1.5) / 4 + 1; turn++) loop.step({ produced: 0, fetched, takes: true })
        }
        assert.strictEqual(loop.dropped, 0)
        loop.finish()
        assert.deepStrictEqual(loop.taken, everything(loop))
      })
    )
  })

  it("under drop-front an actor that is slower than what arrives stays near now, and shows samples of what happened in between", () => {
    const load = fc.record({
      produced: fc.integer({ min: 10, max: 60 }),
      every: fc.integer({ min: 1, max: 4 }),
      fetched: fc.integer({ min: 60, max: 400 })
    })
    fc.assert(
      fc.property(load, ({ produced, every, fetched }) => {
        const loop = new Loop(decideDropFront)
        const turns = 1_000
        for (let i = 0; i < turns; i++) {
          loop.step({ produced, fetched, takes: i % every === 0 })
          const held = loop.maxRecords + loop.largestBatch
          assert.isAtMost(
            loop.logEnd - loop.position,
            5 * held + 3 * produced,
            "its lag is bounded by what it can hold"
          )
        }
        assert.isAbove(loop.dropped, 0)
        const parts = 20
        const seen = new Set(loop.taken.map((o) => Math.floor((o * parts) / loop.logEnd)))
        assert.isAtLeast(seen.size, parts - 1, "of each twentieth of the log something is shown")
      }),
      { numRuns: 30 }
    )
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

  it("under adaptive a backlog beyond the bound is worked off by an actor that keeps up", () => {
    const loop = new Loop((p, paused) => decideAdaptive(p, paused, 200))
    loop.step({ produced: 2_000, fetched: 30, takes: false })
    loop.finish()
    assert.strictEqual(loop.dropped, 0)
  })

  it("under adaptive it drops from the bound on where more arrives than is processed, and stops when it caught up", () => {
    const loop = new Loop((p, paused) => decideAdaptive(p, paused, 200))
    let lag = 0
    for (let i = 0; loop.dropped === 0; i++) {
      assert.isBelow(i, 1_000, "it begins to drop")
      if (!loop.dropping) lag = loop.logEnd - loop.position
      loop.step({ produced: 10, fetched: 30, takes: true })
    }
    assert.isAtLeast(lag, 190)
    assert.isAbove(loop.dropped, 0)
    loop.finish()
    assert.isFalse(loop.dropping)
    const before = loop.dropped
    for (let i = 0; i < 50; i++) loop.step({ produced: 3, fetched: 30, takes: true })
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
