/** A partition's log against a model of it: a plain array that is copied for every change. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { PartitionLog, recordBytes } from "../../../src/transport/embedded/PartitionLog.ts"

const record = (value: Uint8Array | null) => ({ topic: "t", partition: 0, key: null, value, headers: {} })
const append = (log: PartitionLog, size: number, now: number) => {
  const r = record(new Uint8Array(size).fill(now % 251))
  log.append(r, now, recordBytes(r))
}
const offsets = (log: PartitionLog) => log.read(log.start, Number.POSITIVE_INFINITY, false).records.map((r) => r.offset)

type Step =
  | { readonly do: "append"; readonly size: number; readonly wait: number }
  | { readonly do: "retain"; readonly bytes: number; readonly ms: number }
  | { readonly do: "advance" | "truncate"; readonly to: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("append" as const), size: fc.nat(300), wait: fc.nat(50) }) },
  fc.record({ do: fc.constant("retain" as const), bytes: fc.nat(2_000), ms: fc.nat(500) }),
  fc.record({ do: fc.constantFrom("advance" as const, "truncate" as const), to: fc.nat(60) })
)

describe("PartitionLog", () => {
  it("keeps what a model keeps, whatever is appended, deleted and truncated", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const log = new PartitionLog()
        let model: Array<{ offset: number; bytes: number; at: number }> = []
        let end = 0
        let now = 0
        for (const s of steps) {
          if (s.do === "append") {
            now += s.wait
            append(log, s.size, now)
            model = [...model, { offset: end++, bytes: s.size + 64, at: now }]
          } else if (s.do === "retain") {
            log.retain(s, now)
            const total = (rs: typeof model) => rs.reduce((n, r) => n + r.bytes, 0)
            while (model.length > 1 && total(model) > s.bytes) model = model.slice(1)
            while (model.length > 0 && model[0]!.at < now - s.ms) model = model.slice(1)
          } else if (s.do === "advance") {
            log.advanceStart(s.to)
            model = model.filter((r) => r.offset >= s.to)
          } else if (s.to < end) {
            log.truncate(s.to)
            model = model.filter((r) => r.offset < s.to)
            end = s.to
          }
          assert.strictEqual(log.end, end)
          assert.deepStrictEqual(
            offsets(log),
            model.map((r) => r.offset)
          )
          assert.strictEqual(log.start, model[0]?.offset ?? end)
          assert.strictEqual(
            log.bytes,
            model.reduce((n, r) => n + r.bytes, 0)
          )
        }
        for (const at of [0, now / 2, now, now + 1]) {
          assert.strictEqual(log.offsetFor(at), model.find((r) => r.at >= at)?.offset ?? end)
        }
      }),
      { numRuns: 300 }
    )
  })

  it("a read stays within its bytes, but gives one record where it must", () => {
    const log = new PartitionLog()
    for (let i = 0; i < 10; i++) append(log, 36, i)
    assert.strictEqual(log.read(0, 350, false).records.length, 3)
    assert.strictEqual(log.read(8, 350, false).records.length, 2)
    assert.deepStrictEqual(log.read(4, 99, false), { records: [], bytes: 0, next: 4, unreadable: [] })
    assert.deepStrictEqual(
      log.read(4, 99, true).records.map((r) => r.offset),
      [4]
    )
    assert.deepStrictEqual(log.read(10, 99, true), { records: [], bytes: 0, next: 10, unreadable: [] })
  })

  it("bytes are copied on the way in: the sender may reuse its buffer", () => {
    const log = new PartitionLog()
    const value = Buffer.from("before")
    const header = Buffer.from("h")
    log.append({ ...record(value), key: value, headers: { h: header } }, 0, 1)
    value.fill("x")
    header.fill("x")
    const [read] = log.read(0, 10, true).records
    assert.strictEqual(Buffer.from(read!.value!).toString(), "before")
    assert.strictEqual(Buffer.from(read!.key!).toString(), "before")
    assert.strictEqual(Buffer.from(read!.headers.h!).toString(), "h")
  })

  it("counts what was appended and what retention took", () => {
    const log = new PartitionLog()
    for (let i = 0; i < 100; i++) {
      append(log, 36, i)
      log.retain({ bytes: 1_000, ms: 1_000 }, i)
    }
    assert.deepStrictEqual([log.appended, log.expired, log.start, log.end, log.bytes], [100, 90, 90, 100, 1_000])
  })
})
