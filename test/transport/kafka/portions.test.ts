/**
 * Batches that unpack to more than one answer holds: each codec, read in portions from a cursor, to the same records as any other way,
 * unpacked once, in bounded memory; several frames and members in one batch; records over the limit; broken places in any of it.
 */
import { gzipSync, zstdCompressSync } from "node:zlib"
import { lz4Compress, snappyCompress } from "@platformatic/wasm-utils"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { BatchCursor } from "../../../src/transport/kafka/records/BatchCursor.ts"
import { Cursors } from "../../../src/transport/kafka/records/Cursors.ts"
import {
  type Asked,
  type Decoded,
  decodeBatches,
  MAX_PARTITION
} from "../../../src/transport/kafka/records/RecordBatch.ts"
import type { LogRecord, Unreadable } from "../../../src/transport/Transport.ts"
import { batchOf, CODECS, pack, plainRecords, rawBatch, type Sent, seal, xerial } from "../../support/batches.ts"

const MiB = 1024 * 1024

const ask = (bytes: Buffer, from: number, options: Partial<Asked> = {}): Promise<Decoded> =>
  decodeBatches(bytes, {
    from,
    aborted: [],
    end: Number.POSITIVE_INFINITY,
    maxRecordBytes: 64 * MiB,
    room: { left: Number.POSITIVE_INFINITY, atOnce: 0 },
    confirmed: () => true,
    ...options
  })

interface Seen {
  readonly records: Array<Pick<LogRecord, "offset" | "key" | "tooLarge"> & { readonly value: string | null }>
  readonly unreadable: Array<Unreadable>
  readonly portions: Array<number>
  next: number
}

/** As a client reads it: on from the cursor while there is one. `lose`: now and then the cursor is lost. */
const readAll = async (batch: Buffer, from: number, options: Partial<Asked> = {}, lose = false): Promise<Seen> => {
  const seen: Seen = { records: [], unreadable: [], portions: [], next: from }
  let cursor: BatchCursor | undefined
  for (let turn = 0; seen.next < 1_000 && turn < 1_000; turn++) {
    const portion = cursor === undefined ? await ask(batch, seen.next, options) : await cursor.read(MAX_PARTITION)
    if ("cursor" in portion) cursor = portion.cursor
    else if (portion.done) cursor = undefined
    const slabs = "slabs" in portion ? portion.slabs : portion.unpacked
    seen.portions.push(slabs.reduce((sum, { length }) => sum + length, 0))
    for (const { key, offset, tooLarge, value } of portion.records)
      seen.records.push({
        offset,
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : `${value.length} ${Buffer.from(value.subarray(0, 40)).toString("latin1")}`,
        ...(tooLarge === undefined ? {} : { tooLarge })
      })
    for (const slab of slabs) slab.fill(0xee)
    const lost = portion.unreadable
    if (lost !== undefined) seen.unreadable.push(...("from" in lost ? [lost] : lost))
    if (portion.next === seen.next && cursor === undefined) break
    seen.next = portion.next
    if (lose && turn % 2 === 0) {
      cursor?.close()
      cursor = undefined
    }
    if (cursor === undefined && seen.next >= from + 1 && seen.next > lastOf(batch)) break
  }
  cursor?.close()
  return seen
}

const lastOf = (batch: Buffer): number => Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23)

/** Like a dump of many lines; its number stands in front. */
const dump = (i: number, size: number): Partial<Sent> => {
  const line = `spark_executor_shuffle_total{app="a${i}",executor="e"} 1234567\n`
  return { key: Buffer.from(`source-${i}`), value: Buffer.from(`${i} ${line.repeat(Math.ceil(size / line.length))}`) }
}
const dumps = Array.from({ length: 80 }, (_, i) => dump(i, 850_000))
const named = (i: number): string => `source-${i}`

const packers: Readonly<Record<string, readonly [codec: number, (plain: Buffer) => Buffer]>> = {
  gzip: [CODECS.gzip, (plain) => gzipSync(plain)],
  "gzip, two members": [
    CODECS.gzip,
    (plain) => Buffer.concat([gzipSync(plain.subarray(0, 3e7)), gzipSync(plain.subarray(3e7))])
  ],
  "raw snappy": [CODECS.snappy, (plain) => snappyCompress(plain)],
  "framed snappy": [CODECS.snappy, xerial],
  lz4: [CODECS.lz4, (plain) => lz4Compress(plain)],
  "lz4, two frames": [
    CODECS.lz4,
    (plain) => Buffer.concat([lz4Compress(plain.subarray(0, 3e7)), lz4Compress(plain.subarray(3e7))])
  ],
  zstd: [CODECS.zstd, (plain) => zstdCompressSync(plain)],
  "zstd, frames and skippable ones": [
    CODECS.zstd,
    (plain) =>
      Buffer.concat([
        Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7]),
        zstdCompressSync(plain.subarray(0, 1_000)),
        zstdCompressSync(Buffer.alloc(0)),
        zstdCompressSync(plain.subarray(1_000, 3e7)),
        Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]),
        zstdCompressSync(plain.subarray(3e7))
      ])
  ]
}

describe("a batch of 80 dumps, 68 MB when it is unpacked", () => {
  const plain = plainRecords(dumps)
  for (const [name, [compression, packer]] of Object.entries(packers))
    it(`is read in portions, every record once, whether or not the cursor is lost: ${name}`, async () => {
      const batch = rawBatch(packer(plain), 80, { base: 100, compression })
      const seen = await readAll(batch, 100)
      assert.deepStrictEqual(
        seen.records.map(({ key, offset, value }) => [offset, key?.toString(), value?.split(" ")[1]]),
        dumps.map((_, i) => [100 + i, named(i), String(i)])
      )
      assert.deepStrictEqual([seen.next, seen.unreadable.length], [180, 0])
      assert.isAtLeast(seen.portions.length, 4)
      for (const bytes of seen.portions) assert.isAtMost(bytes, MAX_PARTITION + 6 * MiB)
      const again = await readAll(batch, 137, {}, true)
      assert.deepStrictEqual(again.records, seen.records.slice(37))
      assert.strictEqual(again.next, 180)
    })
})

describe("a record over the limit", () => {
  const limit = 100_000
  for (const codec of [0, 1, 2, 3, 4])
    for (const size of [200_000, 20 * MiB])
      it(`is refused alone: ${size} bytes, codec ${codec}`, async () => {
        const headers = { "k2p-round": Buffer.from("7.1") }
        const large = { key: Buffer.from("large"), value: Buffer.alloc(size, "x"), headers }
        const batch = batchOf([dump(0, 5_000), large, dump(2, 5_000), large], { compression: codec })
        const { records, next, unreadable } = await ask(batch, 0, { maxRecordBytes: limit })
        assert.deepStrictEqual(
          records.map((r) => [r.offset, Buffer.from(r.key!).toString(), r.value === null, r.tooLarge]),
          [
            [0, "source-0", false, undefined],
            [1, "large", true, size],
            [2, "source-2", false, undefined],
            [3, "large", true, size]
          ]
        )
        assert.strictEqual(Buffer.from(records[1]!.headers["k2p-round"]!).toString(), "7.1")
        assert.deepStrictEqual([next, unreadable], [4, []])
      })

  it("of which the key or the headers are what is too large is refused alike, within bounds", async () => {
    const key = Buffer.alloc(300_000, "k")
    const headers = { a: Buffer.from("1"), large: Buffer.alloc(400_000), b: Buffer.from("2") }
    const batch = batchOf([{ key, value: Buffer.from("v") }, { value: Buffer.from("v"), headers }, dump(2, 10)])
    const { records } = await ask(batch, 0, { maxRecordBytes: limit })
    assert.deepStrictEqual(
      records.map((r) => [r.offset, r.key?.length, Object.keys(r.headers), r.tooLarge]),
      [
        [0, 64 * 1024, [], 1],
        [1, undefined, ["a"], 1],
        [2, 8, [], undefined]
      ]
    )
  })

  it("does not change by where the plain bytes are cut", async () => {
    const sent = fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(sent, fc.nat({ max: 45 }), async (sizes, from) => {
        const batch = batchOf(
          sizes.map((size, i) => ({ key: Buffer.from(named(i)), value: Buffer.alloc(size, "v") })),
          { compression: CODECS.zstd }
        )
        const options = { maxRecordBytes: 1_500 }
        const flat = await ask(batch, from, options)
        const packed = batch.subarray(61)
        const wanted = {
          ...{ base: 0, last: sizes.length - 1, count: sizes.length, from, maxRecordBytes: 1_500 },
          ...{ firstTimestamp: 1_000, appendTimestamp: -1 }
        }
        const cursor = new BatchCursor(CODECS.zstd, packed, 0, wanted)
        const read = await cursor.read(1)
        const all = [...read.records]
        let next = read.next
        while (!read.done && next < sizes.length) {
          const more = await cursor.read(1)
          all.push(...more.records)
          next = more.next
          if (more.done) break
        }
        assert.deepStrictEqual(
          all.map((r) => [r.offset, r.tooLarge, r.value?.length]),
          flat.records.map((r) => [r.offset, r.tooLarge, r.value?.length])
        )
      }),
      { numRuns: 100 }
    )
  })

  it("of 4 GB in a megabyte of zstd is passed over in bounded memory, and the next record is read", async () => {
    // Length, attributes, deltas, no key; then the value's length and the value, zeros, and no headers.
    const varint = (n: number): Buffer => {
      const bytes: Array<number> = []
      for (let left = BigInt(n) * 2n; ; left >>= 7n) {
        if (left < 128n) return Buffer.from([...bytes, Number(left)])
        bytes.push(Number(left & 127n) | 128)
      }
    }
    const value = 2 ** 31
    const body = Buffer.concat([Buffer.from([0, 0, 0, 1]), varint(value)])
    const head = Buffer.concat([varint(body.length + value + 1), body])
    const zeros = zstdCompressSync(Buffer.alloc(64 * MiB))
    const after = plainRecords([{ value: Buffer.from("first") }, { value: Buffer.from("after") }])
    // The second of the two, whose place in the batch is the second.
    const second = after.subarray(after.length / 2)
    const packed = Buffer.concat([
      zstdCompressSync(head),
      ...Array.from({ length: 32 }, () => zeros),
      zstdCompressSync(Buffer.concat([Buffer.from([0]), second]))
    ])
    assert.isBelow(packed.length, 1_000_000)
    const before = process.memoryUsage().rss
    const seen = await readAll(rawBatch(packed, 2, { compression: CODECS.zstd }), 0)
    assert.deepStrictEqual(
      seen.records.map((r) => [r.offset, r.tooLarge, r.value]),
      [
        [0, value, null],
        [1, undefined, "5 after"]
      ]
    )
    assert.isBelow(process.memoryUsage().rss - before, 300 * MiB)
  }, 60_000)
})

describe("a batch that cannot be read", () => {
  const three = [dump(0, 10), dump(1, 10), dump(2, 10)]
  const verdict = async (batch: Buffer, options: Partial<Asked> = {}) => {
    const all = Buffer.concat([batch, batchOf([{ value: Buffer.from("beyond") }], { base: 20 })])
    const { next, records, unreadable } = await ask(all, 10, options)
    assert.strictEqual(records.at(-1)?.offset, 20, "what comes after it is read")
    assert.strictEqual(next, 21)
    return [records.length - 1, ...unreadable.map(({ from, next, reason }) => `${from} ${next} ${reason}`)]
  }

  it("is judged by its checksum before anything of it is believed, wherever a bit fell over", async () => {
    const batch = batchOf(three, { base: 10 })
    for (let at = 17; at < batch.length; at++) {
      const bytes = Buffer.from(batch)
      bytes[at]! ^= 0x10
      const [records, lost] = await verdict(bytes)
      assert.strictEqual(records, 0, `byte ${at}`)
      // Not what the header says: where the batch after it begins.
      assert.strictEqual(lost, "10 20 checksum")
    }
  })

  it("of an unknown codec, or an old message format, is skipped", async () => {
    assert.deepStrictEqual(await verdict(batchOf(three, { base: 10, attributes: 6 })), [0, "10 13 codec"])
    const old = batchOf([dump(0, 10)], { base: 10 })
    old[16] = 1
    old.writeUInt32BE(7, 17)
    assert.deepStrictEqual(await verdict(old), [0, "10 11 format"])
  })

  it("whose records are not those that it says is read as far as they go", async () => {
    assert.deepStrictEqual(await verdict(batchOf(three, { base: 10, count: 5, lastDelta: 4 })), [3, "13 15 cut-off"])
    assert.deepStrictEqual(await verdict(batchOf(three, { base: 10, count: -1 })), [0, "10 13 malformed"])
    assert.deepStrictEqual(await verdict(batchOf(three, { base: 10, lastDelta: 1 })), [2])
    // Compaction took the last ones: nothing is wrong.
    assert.deepStrictEqual(await verdict(batchOf(three, { base: 10, lastDelta: 8 })), [3])
  })

  for (const codec of [1, 2, 3, 4])
    it(`is read up to where its compressed bytes are broken or cut off, small or large, codec ${codec}`, async () => {
      for (const size of [10, 200_000]) {
        const many = Array.from({ length: 9 }, (_, i) => dump(i, size))
        const packed = pack(codec, plainRecords(many))
        for (const share of [0, 0.3, 0.9]) {
          const cut = rawBatch(packed.subarray(0, Math.floor(packed.length * share)), 9, {
            base: 10,
            compression: codec
          })
          const [records, lost] = await verdict(cut)
          assert.match(String(lost), new RegExp(`^${10 + Number(records)} 19 (cut-off|malformed)$`))
          const whole = await readAll(cut, 10)
          const rest = await readAll(cut, 13)
          assert.deepStrictEqual(
            rest.records.map((r) => r.offset),
            whole.records.map((r) => r.offset).filter((offset) => offset >= 13)
          )
        }
      }
    })

  it("whatever is changed in its compressed bytes, all readers judge alike, from any offset", async () => {
    const many = Array.from({ length: 12 }, (_, i) => dump(i, 2_000))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2, 3, 4),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
        fc.nat({ max: 12 }),
        async (codec, changes, from) => {
          const batch = batchOf(many, { compression: codec })
          for (const [at, byte] of changes) batch[61 + (at % (batch.length - 61))] = byte
          seal(batch)
          const first = await ask(batch, 0)
          const other = await ask(batch, from)
          assert.deepStrictEqual(
            other.records.map((r) => r.offset),
            first.records.map((r) => r.offset).filter((offset) => offset >= from)
          )
          const lost = first.unreadable.at(-1)
          assert.deepStrictEqual(
            other.unreadable.map(({ from, next }) => [from, next]),
            lost === undefined || from >= 12 ? [] : [[Math.max(from, lost.from), lost.next]]
          )
        }
      ),
      { numRuns: 400 }
    )
  }, 30_000)
})

describe("Cursors", () => {
  const cursor = (next: number) => {
    const wanted = {
      base: 0,
      last: 9,
      count: 10,
      from: next,
      maxRecordBytes: 1_000,
      firstTimestamp: 0,
      appendTimestamp: -1
    }
    return { cursor: new BatchCursor(CODECS.zstd, Buffer.alloc(2_000), 0, wanted), highWatermark: 10 }
  }
  const tp = (partition: number) => ({ topic: "t", partition })

  it("gives one back only for its own offset, and once", () => {
    const cursors = new Cursors()
    cursors.keep(tp(0), cursor(3))
    assert.isUndefined(cursors.take(tp(1), 3))
    assert.isUndefined(cursors.take(tp(0), 4))
    assert.isUndefined(cursors.take(tp(0), 3), "thrown away by another offset")
    cursors.keep(tp(0), cursor(3))
    assert.strictEqual(cursors.take(tp(0), 3)?.cursor.next, 3)
    assert.isUndefined(cursors.take(tp(0), 3))
  })

  it("keeps no more than its bound, the latest first, and nothing once it is closed or told to forget", () => {
    const cursors = new Cursors(5_000)
    for (let i = 0; i < 4; i++) cursors.keep(tp(i), cursor(i))
    assert.strictEqual(cursors.size, 2)
    assert.isUndefined(cursors.take(tp(1), 1))
    cursors.forget(tp(2))
    assert.isUndefined(cursors.take(tp(2), 2))
    cursors.close()
    cursors.keep(tp(5), cursor(5))
    assert.strictEqual(cursors.size, 0)
  })
})
