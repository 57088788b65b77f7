/**
 * Record batches against kafkajs' own encoder and hand-made bytes. What kafkajs' decoder gets wrong or leaves out is
 * asserted here: gaps, empty batches, cut-off tails, one bad partition.
 */
import fc from "fast-check"
import kafkaRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js"
import recordBatches from "kafkajs/src/protocol/recordBatch/v0/index.js"
import { assert, describe, it } from "vitest"
import { MAX_UNPACKED } from "../../../src/transport/kafka/Codecs.ts"
import { decodeBatches, MAX_PARTITION } from "../../../src/transport/kafka/RecordBatch.ts"

interface Sent {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Record<string, Buffer | ReadonlyArray<Buffer>>
  readonly delta: number
}

interface BatchOptions {
  readonly base?: number
  readonly timestamp?: number
  readonly compression?: number
  /** Bits beyond the codec: 0x08 append time, 0x10 transactional, 0x20 control. */
  readonly attributes?: number
  readonly producer?: number
  readonly lastDelta?: number
}

const batch = async (records: ReadonlyArray<Partial<Sent>>, options: BatchOptions = {}): Promise<Buffer> => {
  const { base = 0, compression = 0, attributes = 0, producer = -1, timestamp = 1_000 } = options
  const encoded = await recordBatches.RecordBatch({
    compression,
    firstTimestamp: timestamp,
    maxTimestamp: timestamp + 999,
    lastOffsetDelta: options.lastDelta ?? records.length - 1,
    records: records.map((record, i) =>
      kafkaRecord({
        key: record.key ?? null,
        value: record.value ?? null,
        headers: record.headers ?? {},
        offsetDelta: i,
        timestampDelta: record.delta ?? 0
      })
    )
  })
  const bytes = Buffer.from(encoded.buffer)
  bytes.writeBigInt64BE(BigInt(base), 0)
  bytes.writeInt16BE(bytes.readInt16BE(21) | attributes, 21)
  bytes.writeBigInt64BE(BigInt(producer), 43)
  return bytes
}

const value = (text: string): Partial<Sent> => ({ value: Buffer.from(text) })
const texts = (records: ReadonlyArray<{ readonly value: Uint8Array | null }>) =>
  records.map((r) => (r.value === null ? null : Buffer.from(r.value).toString()))
const failure = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => "no failure",
    (error: Error) => error.message
  )

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
    const { records } = await decodeBatches(await batch(sent), 0, [])
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
        fc.constantFrom(0, 1, 4),
        async (sent, base, skip, compression) => {
          const from = base + skip
          const { next, records } = await decodeBatches(
            await batch(sent, { base, compression, timestamp: 2 ** 41 }),
            from,
            []
          )
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
    const bytes = await batch([{ ...value("a"), delta: 5 }, value("b")], { timestamp: 7_000, attributes: 0x08 })
    const { records } = await decodeBatches(bytes, 0, [])
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
    const { records } = await decodeBatches(await batch([{ ...value("x"), headers }]), 0, [])
    const read = records[0]!.headers
    assert.strictEqual(Buffer.from(read.a!).toString(), "2")
    assert.deepStrictEqual(Object.keys(read).sort(), ["__proto__", "a", "toString"])
    assert.strictEqual(read.constructor, undefined)
  })

  it("goes on past batches without anything to show: compacted ones, gaps, control records", async () => {
    const emptied = await batch([], { base: 4, lastDelta: 5 })
    const gap = await batch([value("after")], { base: 20, lastDelta: 7 })
    const control = await batch([value("marker")], { base: 28, attributes: 0x30, producer: 9 })
    assert.deepInclude(await decodeBatches(emptied, 4, []), { next: 10, records: [] })
    const { next, records } = await decodeBatches(Buffer.concat([emptied, gap, control]), 6, [])
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
      await batch([value("aborted")], { ...open, base: 0, producer: 1 }),
      await batch([value("committed")], { ...open, base: 1, producer: 2 }),
      await batch([value("plain")], { base: 2, producer: 1 }),
      await batch([value("abort 1")], { ...end, base: 3, producer: 1 }),
      await batch([value("commit 2")], { ...end, base: 4, producer: 2 }),
      await batch([value("second try")], { ...open, base: 5, producer: 1 }),
      await batch([value("commit 1")], { ...end, base: 6, producer: 1 }),
      await batch([value("aborted again")], { ...open, base: 7, producer: 1 })
    ])
    const { next, records } = await decodeBatches(bytes, 0, [
      { producerId: 1, firstOffset: 7 },
      { producerId: 1, firstOffset: 0 }
    ])
    assert.deepStrictEqual(texts(records), ["committed", "plain", "second try"])
    assert.strictEqual(next, 8)
  })

  it("stops before a batch that the answer cuts off, wherever the cut is", async () => {
    const whole = await batch([value("whole")], { base: 3 })
    const cut = await batch([value("cut off")], { base: 4 })
    for (let size = 0; size < cut.length; size++) {
      const { next, records } = await decodeBatches(Buffer.concat([whole, cut.subarray(0, size)]), 3, [])
      assert.deepStrictEqual([next, ...texts(records)], [4, "whole"])
    }
  })

  it("gives what stands before a batch that cannot be read, and fails at it", async () => {
    const good = await batch([value("good"), value("too")], { base: 3 })
    const bad = await batch([value("fine"), value("broken")], { base: 5 })
    // The length of "broken".
    bad[bad.length - 8] = 0x7e
    const both = Buffer.concat([good, bad, await batch([value("beyond")], { base: 7 })])
    const { next, records } = await decodeBatches(both, 3, [])
    assert.deepStrictEqual([next, ...texts(records)], [5, "good", "too"])
    assert.match(
      await failure(decodeBatches(both.subarray(good.length), 5, [])),
      /the batch at offset 5 cannot be read/
    )
  })

  it("fails, and never hangs or reads beyond, on bytes that are not a batch", async () => {
    const good = await batch([{ ...value("some value"), headers: { name: Buffer.from("v") } }, value("b")])
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const bytes = Buffer.from(good)
          for (const [at, byte] of changes) bytes[at] = byte
          try {
            const { records } = await decodeBatches(bytes, 0, [])
            for (const record of records)
              for (const field of [record.key, record.value]) assert.isTrue((field?.length ?? 0) <= bytes.length)
          } catch (error) {
            assert.instanceOf(error, Error)
          }
        }
      ),
      { numRuns: 1_000 }
    )
    const old = Buffer.from(good)
    old[16] = 1
    assert.match(
      await failure(decodeBatches(old, 0, [])),
      /the batch at offset 0 cannot be read: message format 1 is not supported/
    )
  })

  it("ends an answer that unpacks to too much, and the next fetch goes on there", async () => {
    const large = { value: Buffer.alloc(MAX_PARTITION / 2) }
    const all = await Promise.all(Array.from({ length: 5 }, (_, i) => batch([large], { base: i, compression: 1 })))
    const seen: Array<ReadonlyArray<number>> = []
    for (let from = 0; from < 5; ) {
      const { next, records } = await decodeBatches(Buffer.concat(all.slice(from)), from, [])
      seen.push(records.map(({ offset }) => offset))
      from = next
    }
    assert.deepStrictEqual(seen, [[0, 1], [2, 3], [4]])
  })

  it("refuses a batch that unpacks to more than its bound instead of filling the memory", async () => {
    for (const compression of [1, 4]) {
      const bomb = await batch([{ value: Buffer.alloc(MAX_UNPACKED + 1) }], { base: 5, compression })
      assert.isTrue(bomb.length < 1_000_000)
      assert.match(await failure(decodeBatches(bomb, 5, [])), /the batch at offset 5 cannot be read/)
    }
  })
})
