/**
 * PartitionQueue: against a model, a plain list of what was pushed. Whatever is pushed, dropped and taken in whatever order and
 * sizes: every record is taken or dropped, once, in order; positions never go back; the accounting never drifts.
 */

import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import type { Gap } from "../../../src/engine/PartitionProcessor.ts"
import { PartitionQueue, type QueueItem, recordBytes } from "../../../src/engine/partition/PartitionQueue.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"

const bytes = (text: string) => Buffer.from(text)
const record = (offset: number, key: string | null = "s", size = 10, source?: string): LogRecord => ({
  offset,
  timestamp: offset * 1_000,
  key: key === null ? null : bytes(key),
  value: Buffer.alloc(size),
  headers: source === undefined ? {} : { "k2p-source": bytes(source) }
})

/** Remembers all that was dropped. */
class Kept implements Gap {
  readonly records: Array<LogRecord> = []
  add(record: LogRecord): void {
    this.records.push(record)
  }
  readonly pass = () => Effect.void
}
const keeping = () => new Kept()
const recordsOf = (item: QueueItem): ReadonlyArray<LogRecord> =>
  item.type === "records" ? item.records : item.gap instanceof Kept ? item.gap.records : []
const offsets = (item: QueueItem | undefined) => item && recordsOf(item).map((r) => r.offset)

interface Push {
  readonly op: "push"
  /** Per record: the gap before it (compaction), its key and the size of its value. */
  readonly records: ReadonlyArray<{ readonly gap: number; readonly key: string | null; readonly size: number }>
  /** Offsets past the last record that the position moves over (control records). */
  readonly gap: number
}
type Op =
  | Push
  | { readonly op: "drop"; readonly records: number; readonly bytes: number }
  | { readonly op: "take"; readonly bytes: number }
  | { readonly op: "giveBack" }

const push: fc.Arbitrary<Op> = fc.record({
  op: fc.constant("push" as const),
  records: fc.array(
    fc.record({
      gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
      key: fc.constantFrom("a", "b", "c", "", null),
      size: fc.nat(300)
    }),
    { maxLength: 6 }
  ),
  gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) })
})
const ops: fc.Arbitrary<ReadonlyArray<Op>> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: push },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant("drop" as const), records: fc.nat(12), bytes: fc.nat(3_000) })
    },
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant("take" as const), bytes: fc.integer({ min: 1, max: 1_500 }) })
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant("giveBack" as const) }) }
  ),
  { maxLength: 60 }
)

/** The queue as a list of records, and what must be true after each operation. */
class Model {
  readonly queue = new PartitionQueue(keeping)
  pushed = 0
  taken = 0
  dropped = 0
  /** Pushed, neither taken nor dropped. */
  waiting: Array<LogRecord> = []
  /** Taken together with a marker, for the next take. */
  held: Array<LogRecord> | undefined
  /** What was asked for when they were. */
  heldAsked = 0
  /** Dropped and not yet told. */
  untold: Array<LogRecord> = []
  fetchPosition = 0
  position = 0
  /** Batches whose bytes were released, and how often. */
  readonly released = new Map<number, number>()
  private readonly batchOf = new WeakMap<LogRecord, number>()
  /** Batches that are not released. */
  private readonly unreleased = new Set<number>()
  private batches = 0
  /** Taken and not given back. */
  private readonly lent: Array<QueueItem & { readonly type: "records" }> = []

  run(o: Op): void {
    switch (o.op) {
      case "push": {
        const records = o.records.map(({ gap, key, size }) => {
          const r = record(this.fetchPosition + gap, key, size)
          this.fetchPosition = r.offset + 1
          return r
        })
        this.fetchPosition += o.gap
        const batch = this.batches++
        for (const r of records) this.batchOf.set(r, batch)
        if (records.length > 0) this.unreleased.add(batch)
        this.queue.push(records, this.fetchPosition, () =>
          this.released.set(batch, (this.released.get(batch) ?? 0) + 1)
        )
        this.pushed += records.length
        this.waiting.push(...records)
        break
      }
      case "drop": {
        const { records: n, from, next } = this.queue.dropFront(o.records, o.bytes)
        const gone = this.waiting.splice(0, n)
        if (n > 0) assert.deepStrictEqual([from, next], [gone[0]!.offset, gone[n - 1]!.offset + 1])
        this.untold.push(...gone)
        this.dropped += n
        const within = this.waiting.length <= o.records && this.bytes <= o.bytes
        assert.isTrue(within || this.waiting.length <= 1, "within the bounds, or only the newest is left")
        // Not one more than needed: with the last dropped one the bounds were exceeded.
        if (n > 0) {
          const one = recordBytes(gone[n - 1]!)
          assert.isTrue(this.waiting.length + 1 > o.records || this.bytes + one > o.bytes, "no needless drop")
        }
        break
      }
      case "take":
        this.took(this.queue.take(o.bytes), o.bytes)
        break
      case "giveBack":
        this.lent.shift()?.loan.giveBack()
    }
    this.assertAccounts()
  }

  private took(item: QueueItem | undefined, maxBytes: number): void {
    if (item === undefined) {
      assert.deepStrictEqual([this.waiting.length, this.held], [0, undefined])
      return
    }
    assert.isAtLeast(item.next, this.position)
    this.position = item.next
    if (item.type === "dropped") {
      assert.isUndefined(this.held, "after a marker come records, not the next marker")
      this.assertGap(item)
      this.untold = []
      this.heldAsked = maxBytes
      if (!this.queue.empty) this.held = this.waiting.splice(0, this.waiting.length - this.queue.records)
    } else {
      const after = this.held
      const asked = after === undefined ? maxBytes : this.heldAsked
      if (after === undefined)
        assert.strictEqual(this.untold.length, 0, "what was dropped is told before what comes after it")
      const expected = after ?? this.waiting.splice(0, item.records.length)
      this.held = undefined
      this.lent.push(item)
      assert.strictEqual(item.records.length, expected.length)
      for (const [i, r] of item.records.entries()) assert.strictEqual(r, expected[i])
      this.taken += item.records.length
      const sizes = item.records.map(recordBytes)
      const allButLast = sizes.slice(0, -1).reduce((a, b) => a + b, 0)
      assert.isTrue(sizes.length <= 1 || allButLast < asked, "at most one record more than asked for")
    }
    for (const r of recordsOf(item)) assert.isBelow(r.offset, item.next)
    const next = [...(this.held ?? []), ...this.untold, ...this.waiting][0]
    assert.isTrue(next === undefined || item.next <= next.offset, "nothing queued is passed over")
    if (this.waiting.length === 0 && this.queue.empty) assert.strictEqual(item.next, this.fetchPosition)
  }

  /** Its gap was told of all that was dropped, in order. */
  private assertGap(item: QueueItem): void {
    assert.deepStrictEqual(
      offsets(item),
      this.untold.map((r) => r.offset)
    )
  }

  private get bytes(): number {
    return this.waiting.reduce((sum, r) => sum + recordBytes(r), 0)
  }

  assertAccounts(): void {
    assert.strictEqual(this.queue.records, this.waiting.length)
    assert.strictEqual(this.queue.bytes, this.bytes)
    assert.strictEqual(
      this.pushed,
      this.taken + this.dropped + (this.held?.length ?? 0) + this.waiting.length,
      "produced = taken + dropped + queued"
    )
    for (const [records, bytes] of [
      [1, 1],
      [3, 500],
      [100, 700],
      [4, 100_000]
    ] as const)
      this.assertRemainder(records, bytes)
    if (this.held !== undefined || this.waiting.length > 0 || this.untold.length > 0) assert.isFalse(this.queue.empty)
    this.assertLoans()
  }

  /** Within the bounds is as much as fits from the oldest on, that one in any case. */
  private assertRemainder(maxRecords: number, maxBytes: number): void {
    let within = 0
    let bytes = 0
    for (const r of this.waiting) {
      if (within > 0 && (within === maxRecords || bytes + recordBytes(r) > maxBytes)) break
      within += 1
      bytes += recordBytes(r)
    }
    assert.deepStrictEqual(this.queue.remainder(maxRecords, maxBytes), {
      records: this.waiting.length - within,
      bytes: this.bytes - bytes
    })
  }

  /** The bytes of a batch are released once, when none of its records is queued or looked at, and not before. */
  private assertLoans(): void {
    const inUse = new Set<number>()
    for (const r of [...this.waiting, ...(this.held ?? []), ...this.lent.flatMap(({ records }) => records)])
      inUse.add(this.batchOf.get(r)!)
    for (const batch of this.unreleased) {
      assert.strictEqual(this.released.get(batch) ?? 0, inUse.has(batch) ? 0 : 1, `batch ${batch}`)
      if (!inUse.has(batch)) this.unreleased.delete(batch)
    }
  }

  giveAllBack(): void {
    while (this.lent.length > 0) this.run({ op: "giveBack" })
    assert.strictEqual(this.released.size, this.batches, "those without records, too")
    for (const [batch, times] of this.released) assert.strictEqual(times, 1, `batch ${batch} is released once`)
  }

  drain(): void {
    for (let takes = 0; !this.queue.empty; takes++) {
      assert.isBelow(takes, 10_000, "it comes to an end")
      this.run({ op: "take", bytes: 400 })
    }
  }
}

describe("against a plain list", () => {
  it("every record is taken or dropped once, in order, and the accounting never drifts", () => {
    fc.assert(
      fc.property(ops, (history) => {
        const m = new Model()
        for (const o of history) m.run(o)
        m.drain()
        assert.strictEqual(m.pushed, m.taken + m.dropped)
        assert.strictEqual(m.position, m.fetchPosition, "the position ends where the fetches ended, over all gaps")
        assert.deepStrictEqual([m.queue.records, m.queue.bytes], [0, 0])
        assert.isUndefined(m.queue.take(1_000))
        m.giveAllBack()
      }),
      { numRuns: 2_000 }
    )
  })

  it("the newest record is never dropped", () => {
    fc.assert(
      fc.property(fc.array(push, { minLength: 1 }), (pushes) => {
        const m = new Model()
        for (const o of pushes) {
          m.run(o)
          m.run({ op: "drop", records: 0, bytes: 0 })
        }
        assert.strictEqual(m.queue.records, Math.min(1, m.pushed))
      })
    )
  })

  it("thousands of batches through one queue keep their order", () => {
    const m = new Model()
    const batch: Push = { op: "push", records: [0, 1, 2].map(() => ({ gap: 0, key: "a", size: 10 })), gap: 0 }
    for (let i = 0; i < 3_000; i++) {
      m.run(batch)
      if (i % 3 !== 0) m.run({ op: "take", bytes: 1_000 })
      m.run({ op: "giveBack" })
      if (i % 200 === 0) m.drain()
    }
    m.drain()
    assert.strictEqual(m.taken, 9_000)
  })
})

describe("what is taken", () => {
  it("a batch that fits is handed on as it came, not copied", () => {
    const q = new PartitionQueue()
    const batch = [record(0), record(1)]
    q.push(batch, 2)
    assert.strictEqual(recordsOf(q.take(10_000)!), batch)
  })

  it("a part of a batch ends at the next record, the rest at the batch's own end", () => {
    const q = new PartitionQueue()
    q.push([record(0), record(5), record(9)], 12)
    assert.deepInclude(q.take(1), { type: "records", next: 5 })
    assert.deepInclude(q.take(1), { type: "records", next: 9 })
    assert.deepInclude(q.take(1), { type: "records", next: 12 })
    assert.isTrue(q.empty)
  })

  it("a batch without records moves the position", () => {
    const q = new PartitionQueue()
    q.push([], 7)
    assert.isFalse(q.empty)
    assert.deepInclude(q.take(100), { type: "records", records: [], next: 7 })
    assert.isTrue(q.empty)
  })

  it("batches without records do not pile up: they only move the end of what is queued", () => {
    const q = new PartitionQueue()
    q.push([record(0)], 1)
    for (let next = 2; next <= 1_000; next++) q.push([], next)
    assert.deepInclude(q.take(1), { next: 1_000 })
    assert.isTrue(q.empty)
  })
})

describe("what is dropped", () => {
  it("is followed by records, however much is dropped between two takes", () => {
    const q = new PartitionQueue()
    const taken: Array<string> = []
    for (let i = 0; i < 60; i += 10) {
      q.push(
        Array.from({ length: 10 }, (_, n) => record(i + n)),
        i + 10
      )
      q.dropFront(2, 10_000)
      taken.push(q.take(1)!.type)
    }
    assert.deepStrictEqual(taken, ["dropped", "records", "dropped", "records", "dropped", "records"])
  })

  it("is told before what comes after it, once", () => {
    const q = new PartitionQueue()
    q.push([record(0), record(1), record(2)], 3)
    assert.deepStrictEqual(q.dropFront(1, 10_000), { records: 2, from: 0, next: 2 })
    assert.deepInclude(q.take(10_000), { type: "dropped", next: 2 })
    assert.deepInclude(q.take(10_000), { type: "records", next: 3 })
    assert.isUndefined(q.take(10_000))
  })

  it("is told to a gap each: a new one begins with the first record after it was taken", () => {
    const q = new PartitionQueue(keeping)
    q.push([record(0), record(1), record(2)], 3)
    q.dropFront(2, 10_000)
    q.dropFront(1, 10_000)
    assert.deepStrictEqual(offsets(q.take(1)), [0, 1])
    q.take(1)
    q.push([record(3), record(4)], 5)
    q.dropFront(1, 10_000)
    assert.deepStrictEqual(offsets(q.take(1)), [3])
  })

  it("is passed over where nobody wants to know", () => {
    const q = new PartitionQueue()
    q.push([record(0), record(1)], 2)
    q.dropFront(1, 10_000)
    assert.deepStrictEqual(q.take(1), { type: "dropped", gap: undefined, next: 1 })
  })
})

describe("what is dropped by rank", () => {
  const byKey = ({ key }: { readonly key: Uint8Array | null }) => Number(Buffer.from(key ?? []).toString())
  const all = (q: PartitionQueue) => {
    const items: Array<readonly [type: string, offsets: ReadonlyArray<number>, next: number]> = []
    for (let item = q.take(10_000); item !== undefined; item = q.take(10_000))
      items.push([item.type, offsets(item)!, item.next])
    return items
  }

  it("goes lowest first, of equal rank the oldest, and keeps its place in the order; the newest stays", () => {
    const q = new PartitionQueue(keeping)
    q.push(
      ["1", "0", "1", "0", "0"].map((key, offset) => record(offset, key)),
      7
    )
    assert.deepStrictEqual(q.dropRanked(3, 10_000, byKey), { records: 2, from: 1, next: 4 })
    assert.deepStrictEqual(all(q), [
      ["records", [0], 1],
      ["dropped", [1], 2],
      ["records", [2], 3],
      ["dropped", [3], 4],
      ["records", [4], 7]
    ])
  })

  it("is not touched where all is within the bounds", () => {
    const q = new PartitionQueue(keeping)
    const batch = [record(0, "1"), record(1, "0")]
    q.push(batch, 2)
    assert.strictEqual(q.dropRanked(2, 10_000, byKey).records, 0)
    assert.strictEqual(recordsOf(q.take(10_000)!), batch)
  })

  it("is told or taken, once and in order, whatever else is dropped and taken; every batch is released once", () => {
    const op = fc.oneof(
      fc.record({ op: fc.constant("push" as const), keys: fc.array(fc.nat(3), { maxLength: 6 }), gap: fc.nat(2) }),
      fc.record({ op: fc.constant("ranked" as const), records: fc.nat(12), bytes: fc.nat(2_000) }),
      fc.record({ op: fc.constant("front" as const), records: fc.nat(12), bytes: fc.nat(2_000) }),
      fc.record({ op: fc.constant("take" as const), bytes: fc.integer({ min: 1, max: 600 }) })
    )
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
        const q = new PartitionQueue(keeping)
        const pushed: Array<number> = []
        const seen: Array<number> = []
        const released: Array<number> = []
        let [fetched, batches, position, dropped, told] = [0, 0, 0, 0, 0]
        const took = (item: QueueItem | undefined) => {
          if (item === undefined) return
          const given = offsets(item)!.toSorted((a, b) => a - b)
          for (const offset of given) assert.isTrue(position <= offset && offset < item.next, "in its place")
          position = item.next
          seen.push(...given)
          if (item.type === "records") item.loan.giveBack()
          else told += given.length
        }
        for (const o of ops) {
          if (o.op === "push") {
            const batch = o.keys.map((key, i) => record(fetched + o.gap + i, String(key)))
            fetched += o.gap + batch.length
            const n = batches++
            q.push(batch, fetched, () => released.push(n))
            pushed.push(...batch.map(({ offset }) => offset))
          } else if (o.op === "take") took(q.take(o.bytes))
          else {
            const before = [...q.heads()]
            const count = o.op === "front" ? q.dropFront(o.records, o.bytes) : q.dropRanked(o.records, o.bytes, byKey)
            dropped += count.records
            const left = [...q.heads()]
            assert.isTrue((left.length <= o.records && q.bytes <= o.bytes) || left.length <= 1)
            assert.deepStrictEqual(left.at(-1)?.offset, before.at(-1)?.offset)
            const gone = before.filter(({ offset }) => !left.some((l) => l.offset === offset))
            assert.strictEqual(gone.length, count.records)
            if (o.op === "ranked" && gone.length > 0 && left.length > 1)
              assert.isAtMost(Math.max(...gone.map(byKey)), Math.min(...left.slice(0, -1).map(byKey)))
          }
          const waiting = [...q.heads()]
          assert.strictEqual(q.records, waiting.length)
          assert.strictEqual(
            q.bytes,
            waiting.reduce((sum, { bytes }) => sum + bytes, 0)
          )
        }
        while (!q.empty) took(q.take(500))
        assert.deepStrictEqual([seen, told], [pushed, dropped])
        assert.strictEqual(position, fetched)
        assert.deepStrictEqual(
          released.toSorted((a, b) => a - b),
          Array.from({ length: batches }, (_, n) => n)
        )
      }),
      { numRuns: 1_000 }
    )
  })
})

it("what was taken is not kept alive by the queue", async () => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const q = new PartitionQueue()
  const pushAndTake = () => {
    const batch = [record(0, "s", 1_000)]
    q.push(batch, 1)
    q.push([record(1)], 2)
    q.take(10_000)
    return new WeakRef(batch)
  }
  const taken = pushAndTake()
  // A WeakRef holds its target until the end of the turn in which it was made.
  for (let turn = 0; turn < 20 && taken.deref() !== undefined; turn++) {
    await new Promise(setImmediate)
    collect()
  }
  assert.isUndefined(taken.deref())
  assert.strictEqual(q.records, 1)
})
