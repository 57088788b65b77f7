/**
 * Record batches against kafkajs' own encoder and hand-made bytes. What kafkajs' decoder gets wrong or leaves out is
 * asserted here: gaps, empty batches, cut-off tails, one bad partition.
 */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import {
  type Aborted,
  type Asked,
  type Decoded,
  decodeBatches,
  MAX_PARTITION
} from "../../../src/transport/kafka/records/RecordBatch.ts"
import { batchOf, type Sent, seal } from "../../support/batches.ts"

const decode = (
  bytes: Buffer,
  from: number,
  aborted: ReadonlyArray<Aborted> = [],
  options: Partial<Asked> = {}
): Promise<Decoded> =>
  decodeBatches(bytes, {
    from,
    aborted,
    end: Number.POSITIVE_INFINITY,
    maxRecordBytes: 64 * 1024 * 1024,
    room: { left: Number.POSITIVE_INFINITY, atOnce: 0 },
    confirmed: () => true,
    ...options
  })

const value = (text: string): Partial<Sent> => ({ value: Buffer.from(text) })
const texts = (records: ReadonlyArray<{ readonly value: Uint8Array | null }>) =>
  records.map((r) => (r.value === null ? null : Buffer.from(r.value).toString()))
const bytesArbitrary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const sentArbitrary: fc.Arbitrary<Sent> = fc.record({
  key: fc.option(bytesArbitrary),
  value: fc.option(bytesArbitrary),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), bytesArbitrary, { maxKeys: 3 }),
  delta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 })
})

describe("decodeBatches", () => {
  it("a record has its own key, also beside others that begin or end alike", async () => {
    const keys = ["a", "a", "ab", null, "ab", "ac", "ab", "", "b", "b", "ab"]
    const sent = keys.map((key) => ({ key: key === null ? null : Buffer.from(key), value: Buffer.from("v") }))
    const { records } = await decode(batchOf(sent), 0, [])
    assert.deepStrictEqual(
      records.map(({ key }) => (key === null ? null : Buffer.from(key).toString())),
      keys
    )
  })

  it("gives back what kafkajs encodes, from any offset of it, in every codec it writes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sentArbitrary, { minLength: 1, maxLength: 20 }),
        fc.nat({ max: 2 ** 45 }),
        fc.nat({ max: 25 }),
        fc.constantFrom(0, 1, 2, 3, 4),
        async (sent, base, skip, compression) => {
          const from = base + skip
          const { next, records } = await decode(batchOf(sent, { base, compression, timestamp: 2 ** 41 }), from, [])
          assert.strictEqual(next, Math.max(from, base + sent.length))
          assert.deepStrictEqual(
            records.map(({ headers, key, offset, timestamp, value }) => ({
              offset,
              timestamp,
              key: key === null ? null : Buffer.from(key),
              value: value === null ? null : Buffer.from(value),
              headers: Object.entries(headers) as Array<[string, Buffer]>
            })),
            sent
              .map(({ delta, headers, key, value }, i) => ({
                offset: base + i,
                timestamp: 2 ** 41 + delta,
                key,
                value,
                headers: Object.entries(headers) as Array<[string, Buffer]>
              }))
              .slice(skip)
          )
        }
      ),
      { numRuns: 300 }
    )
  })

  it("takes the broker's timestamp for all records of a batch that has one", async () => {
    const bytes = batchOf([{ ...value("a"), delta: 5 }, value("b")], { timestamp: 7_000, attributes: 0x08 })
    const { records } = await decode(bytes, 0, [])
    assert.deepStrictEqual(
      records.map((r) => r.timestamp),
      [7_999, 7_999]
    )
  })

  it("keeps the last value of a repeated header, and any name, even those of Object's own", async () => {
    const headers = Object.fromEntries([
      ["a", [Buffer.from("1"), Buffer.from("2")]],
      ["__proto__", Buffer.from("p")],
      ["toString", Buffer.from("t")]
    ])
    const { records } = await decode(batchOf([{ ...value("x"), headers }]), 0, [])
    const read = records[0]!.headers
    assert.strictEqual(Buffer.from(read.a!).toString(), "2")
    assert.deepStrictEqual(Object.keys(read).sort(), ["__proto__", "a", "toString"])
    assert.strictEqual(read.constructor, undefined)
  })

  it("goes on past batches without anything to show: compacted ones, gaps, control records", async () => {
    const emptied = batchOf([], { base: 4, lastDelta: 5 })
    const gap = batchOf([value("after")], { base: 20, lastDelta: 7 })
    const control = batchOf([value("marker")], { base: 28, attributes: 0x30, producer: 9 })
    assert.deepInclude(await decode(emptied, 4, []), { next: 10, records: [] })
    const { next, records } = await decode(Buffer.concat([emptied, gap, control]), 6, [])
    assert.strictEqual(next, 29)
    assert.deepStrictEqual(
      records.map((r) => r.offset),
      [20]
    )
  })

  it("leaves out the records of aborted transactions, and only those", async () => {
    const open = { attributes: 0x10 }
    const end = { attributes: 0x30 }
    const bytes = Buffer.concat([
      batchOf([value("aborted")], { ...open, base: 0, producer: 1 }),
      batchOf([value("committed")], { ...open, base: 1, producer: 2 }),
      batchOf([value("plain")], { base: 2, producer: 1 }),
      batchOf([value("abort 1")], { ...end, base: 3, producer: 1 }),
      batchOf([value("commit 2")], { ...end, base: 4, producer: 2 }),
      batchOf([value("second try")], { ...open, base: 5, producer: 1 }),
      batchOf([value("commit 1")], { ...end, base: 6, producer: 1 }),
      batchOf([value("aborted again")], { ...open, base: 7, producer: 1 })
    ])
    const { next, records } = await decode(bytes, 0, [
      { producerId: 1, firstOffset: 7 },
      { producerId: 1, firstOffset: 0 }
    ])
    assert.deepStrictEqual(texts(records), ["committed", "plain", "second try"])
    assert.strictEqual(next, 8)
  })

  it("stops before a batch that the answer cuts off, wherever the cut is", async () => {
    const whole = batchOf([value("whole")], { base: 3 })
    const cut = batchOf([value("cut off")], { base: 4 })
    for (let size = 0; size < cut.length; size++) {
      const { next, records } = await decode(Buffer.concat([whole, cut.subarray(0, size)]), 3, [])
      assert.deepStrictEqual([next, ...texts(records)], [4, "whole"])
    }
  })

  it("reads the records in front of the broken place, goes on after the batch, and says what lies between", async () => {
    const bad = batchOf([value("fine"), value("broken"), value("lost")], { base: 5, lastDelta: 3 })
    // The length of "broken".
    bad[bad.indexOf("broken") - 1] = 0x7e
    const all = Buffer.concat([
      batchOf([value("good")], { base: 4 }),
      seal(bad),
      batchOf([value("beyond")], { base: 9 })
    ])
    const { next, records, unreadable } = await decode(all, 4)
    assert.deepStrictEqual([next, ...texts(records)], [10, "good", "fine", "beyond"])
    assert.deepStrictEqual(
      unreadable.map(({ from, next, reason }) => [from, next, reason]),
      [[6, 9, "malformed"]]
    )
  })

  it("reads nothing of bytes that are not a batch, and never hangs or reads beyond", async () => {
    const good = batchOf([{ ...value("some value"), headers: { name: Buffer.from("v") } }, value("b")])
    for (const sealed of [false, true])
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
          async (changes) => {
            const bytes = Buffer.from(good)
            for (const [at, byte] of changes) bytes[at] = byte
            if (sealed) seal(bytes)
            const { next, records, unreadable } = await decode(bytes, 0, [], { end: 100 })
            let at = 0
            for (const record of records) {
              assert.isTrue(record.offset >= at && record.offset < next)
              at = record.offset + 1
              for (const field of [record.key, record.value]) assert.isTrue((field?.length ?? 0) <= bytes.length)
            }
            for (const lost of unreadable) assert.isTrue(lost.from < lost.next && lost.next <= next)
            if (!sealed && !bytes.subarray(17).equals(good.subarray(17))) assert.strictEqual(records.length, 0)
          }
        ),
        { numRuns: 1_000 }
      )
  })

  it("ends an answer that unpacks to too much, and the next fetch goes on there", async () => {
    const large = { value: Buffer.alloc(MAX_PARTITION / 2) }
    const all = await Promise.all(Array.from({ length: 5 }, (_, i) => batchOf([large], { base: i, compression: 1 })))
    const seen: Array<ReadonlyArray<number>> = []
    for (let from = 0; from < 5; ) {
      const { next, records } = await decode(Buffer.concat(all.slice(from)), from, [])
      seen.push(records.map(({ offset }) => offset))
      from = next
    }
    assert.deepStrictEqual(seen, [[0, 1], [2, 3], [4]])
  })
})
