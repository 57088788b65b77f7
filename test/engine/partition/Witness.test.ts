/** Witness: rule 9's checksum: it knows its own record again, takes no other for it, and a gap proves nothing. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { newerWitness, type Testimony, testify, witnessOf } from "../../../src/engine/partition/Witness.ts"
import type { Fetched, LogRecord } from "../../../src/transport/Transport.ts"

const bytes = fc.option(fc.uint8Array({ maxLength: 20 }), { freq: 3 })
const record: fc.Arbitrary<LogRecord> = fc.record({
  offset: fc.maxSafeNat(),
  timestamp: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
  key: bytes,
  value: bytes,
  headers: fc.constant({})
})
const text = (s: string) => Buffer.from(s)
const some: LogRecord = { offset: 41, timestamp: 1_000, key: text("ab"), value: text("c 1\n"), headers: {} }
const answer = (f: Partial<Fetched>): Fetched => ({
  tp: { topic: "t", partition: 0 },
  from: 41,
  next: 43,
  records: [],
  highWatermark: 50,
  ...f
})

describe("a witness", () => {
  it("knows its record again, in other buffers too", () => {
    fc.assert(
      fc.property(record, (r) => {
        const copy = { ...r, key: r.key && Buffer.from(r.key), value: r.value && Buffer.from(r.value) }
        const after = { ...r, offset: r.offset + 1 }
        const answered = answer({ from: r.offset, records: [copy, after], next: r.offset + 2 })
        assert.strictEqual(testify(witnessOf(r), answered), "same")
      })
    )
  })

  const changes: ReadonlyArray<readonly [what: string, change: Partial<LogRecord>]> = [
    ["another time", { timestamp: 1_001 }],
    ["another key", { key: text("ax") }],
    ["another value", { value: text("c 2\n") }],
    ["no key", { key: null }],
    ["no value", { value: null }],
    ["an empty value", { value: text("") }],
    ["a byte that moved from the key to the value", { key: text("a"), value: text("bc 1\n") }]
  ]
  it.each(changes)("takes a record with %s for another one", (_what, change) => {
    assert.strictEqual(testify(witnessOf(some), answer({ records: [{ ...some, ...change }] })), "another")
  })

  const answers: ReadonlyArray<readonly [what: string, says: Testimony, answer: Fetched | undefined]> = [
    [
      "a later record first (compaction, an aborted transaction)",
      "gone",
      answer({ records: [{ ...some, offset: 42 }] })
    ],
    ["no record but a position past it (control records)", "gone", answer({})],
    ["nothing and no progress", "unanswered", answer({ next: 41 })],
    ["an error", "unanswered", answer({ error: "NOT_LEADER", next: 41 })],
    ["no answer for the partition", "unanswered", undefined]
  ]
  it.each(answers)("%s: %s", (_what, says, given) => {
    assert.strictEqual(testify(witnessOf(some), given), says)
  })

  it("the one that was read later in the log counts", () => {
    const [early, late] = [witnessOf(some), witnessOf({ ...some, offset: 60 })]
    assert.strictEqual(newerWitness(early, late), late)
    assert.strictEqual(newerWitness(late, early), late)
    assert.strictEqual(newerWitness(null, early), early)
    assert.strictEqual(newerWitness(early, null), early)
    assert.isNull(newerWitness(null, null))
  })

  it("of which the value was passed over here proves nothing: another member's limit may be another one", () => {
    const passedOver: LogRecord = { ...some, value: null, tooLarge: 4 }
    assert.strictEqual(testify(witnessOf(some), answer({ records: [passedOver] })), "gone")
  })

  it("in a batch that nobody can read proves nothing", () => {
    const unreadable = [{ from: 41, next: 43, reason: "checksum" as const, detail: "" }]
    assert.strictEqual(testify(witnessOf(some), answer({ unreadable })), "gone")
  })
})
