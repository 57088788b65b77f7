/** Fetch answers byte by byte, in the oldest and the newest form that is read. */

import { assert, describe, it } from "vitest"
import { Cursors } from "../../../src/transport/kafka/records/Cursors.ts"
import { decodeFetch, type Reading } from "../../../src/transport/kafka/records/FetchAnswer.ts"
import type { FetchRequest } from "../../../src/transport/Transport.ts"
import { batchOf, seal } from "../../support/batches.ts"

const int = (size: 2 | 4 | 8, value: number): Buffer => {
  const bytes = Buffer.alloc(size)
  if (size === 8) bytes.writeBigInt64BE(BigInt(value))
  else bytes.writeIntBE(value, 0, size)
  return bytes
}
const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()
const string = (text: string): Buffer => Buffer.concat([int(2, text.length), Buffer.from(text)])

const GZIP = 1

const batch = (base: number, value: string, compression = 0): Buffer =>
  batchOf([{ value: Buffer.from(value) }], { base, compression })

const reading = (others: Partial<Reading> = {}): Reading => ({
  maxRecordBytes: 64 * 1024 * 1024,
  cursors: new Cursors(),
  room: { left: 64 * 1024 * 1024, atOnce: 0 },
  confirmed: () => true,
  saw: () => {},
  ...others
})

interface Part {
  readonly partition: number
  readonly error?: number
  readonly bytes?: Buffer
}

const answer = (version: number, parts: ReadonlyArray<Part>, throttle = 0): Buffer =>
  Buffer.concat([
    int(4, throttle),
    ...(version >= 7 ? [int(2, 0), int(4, 0)] : []),
    int(4, 1),
    string("t"),
    int(4, parts.length),
    ...parts.flatMap(({ bytes = Buffer.alloc(0), error = 0, partition }) => [
      int(4, partition),
      int(2, error),
      int(8, 99),
      int(8, 50),
      ...(version >= 5 ? [int(8, 0)] : []),
      int(4, -1),
      ...(version >= 11 ? [int(4, -1)] : []),
      int(4, bytes.length),
      bytes
    ])
  ])

const request = (partition: number, offset = 0): FetchRequest => ({ tp: { topic: "t", partition }, offset })

describe("decodeFetch", () => {
  for (const version of [4, 5, 7, 8, 11])
    it(`reads version ${version}: each partition by itself, a bad one harms none`, async () => {
      const garbage = Buffer.from(batch(3, "garbage"))
      garbage.fill(0xff, 61)
      const payload = answer(
        version,
        [
          { partition: 0, bytes: batch(7, "good") },
          { partition: 1, error: 1 },
          { partition: 2, bytes: seal(garbage) },
          { partition: 3 },
          { partition: 9, bytes: batch(0, "not asked for") }
        ],
        30
      )
      const { clientSideThrottleTime, fetched } = await decodeFetch(
        payload,
        version,
        [request(0, 7), request(1, 5), request(2, 3), request(3, 4)],
        reading()
      )
      const seen = fetched.map((f) => [f.tp.partition, f.from, f.next, f.records.length, f.highWatermark, f.error])
      assert.deepStrictEqual(seen, [
        [0, 7, 8, 1, 50, undefined],
        [1, 5, 5, 0, -1, "OFFSET_OUT_OF_RANGE"],
        [2, 3, 4, 0, 50, undefined],
        [3, 4, 4, 0, 50, undefined]
      ])
      assert.deepStrictEqual(
        fetched.map((f) => f.unreadable?.map(({ from, next, reason }) => [from, next, reason])),
        [undefined, undefined, [[3, 4, "malformed"]], undefined]
      )
      assert.strictEqual(clientSideThrottleTime, version >= 8 ? 30 : 0)
    })

  it("what fails here is this partition's error, and nothing is said of its bytes", async () => {
    const payload = answer(11, [
      { partition: 0, bytes: batch(0, "doubted") },
      { partition: 1, bytes: batch(0, "good") }
    ])
    payload[payload.indexOf("doubted")] = 0x44
    const ask = (confirmed: boolean) =>
      decodeFetch(Buffer.from(payload), 11, [request(0), request(1)], reading({ confirmed: () => confirmed }))
    const first = (await ask(false)).fetched
    assert.deepStrictEqual(
      first.map((f) => [f.error, f.next, f.unreadable?.length, f.records.length]),
      [
        ["LOCAL", 0, undefined, 0],
        [undefined, 1, undefined, 1]
      ]
    )
    assert.match(first[0]!.detail!, /offset 0: its checksum is [0-9a-f]{8}, that of its bytes [0-9a-f]{8}; it is asked/)
    const again = (await ask(true)).fetched
    assert.deepStrictEqual(
      again[0]!.unreadable?.map(({ from, next, reason }) => [from, next, reason]),
      [[0, 1, "checksum"]]
    )
  })

  it("partitions share the room for what is unpacked; one that finds none is asked again", async () => {
    const large = batchOf([{ value: Buffer.alloc(3_000_000) }], { compression: 1 })
    const parts = [0, 1, 2].map((partition) => ({ partition, bytes: large }))
    const { fetched } = await decodeFetch(
      answer(11, parts),
      11,
      parts.map(({ partition }) => request(partition)),
      reading({ room: { left: 4_000_000, atOnce: 0 } })
    )
    assert.deepStrictEqual(
      fetched.map((f) => [f.next, f.error]),
      [
        [1, undefined],
        [1, undefined],
        [0, undefined]
      ]
    )
  })

  it("frees the answer's memory when all partitions' records are released, not before", async () => {
    const values = ["a", "b"].map((letter) => letter.repeat(100_000))
    const payload = answer(11, [
      { partition: 0, bytes: batch(0, values[0]!) },
      { partition: 1, bytes: batch(0, values[1]!) },
      { partition: 2, error: 1 }
    ])
    const { fetched } = await decodeFetch(payload, 11, [request(0), request(1), request(2)], reading())
    fetched[0]!.release!()
    assert.isTrue(text(fetched[1]!.records[0]!.value) === values[1])
    fetched[1]!.release!()
    assert.strictEqual(payload.length, 0)
    assert.isUndefined(fetched[2]!.release)
  })

  it("frees the answer's memory at once where everything was unpacked, and what was unpacked when it is released", async () => {
    const value = "a".repeat(300_000)
    const bytes = batch(0, value, GZIP)
    // As large as an answer with many of them.
    const payload = Buffer.concat([answer(11, [{ partition: 0, bytes }]), Buffer.alloc(200_000)])
    const { fetched } = await decodeFetch(payload, 11, [request(0)], reading())
    assert.strictEqual(payload.length, 0)
    const [record] = fetched[0]!.records
    assert.isTrue(text(record!.value) === value)
    fetched[0]!.release!()
    assert.strictEqual(record!.value!.length, 0)
  })

  it("tells how much was stored, and how much and how many records were made of it", async () => {
    const bytes = batch(0, "a".repeat(300_000), GZIP)
    const seen: Array<[number, number, number]> = []
    const saw: Reading["saw"] = (_, stored, unpacked, records) => seen.push([stored, unpacked, records])
    await decodeFetch(answer(11, [{ partition: 0, bytes }]), 11, [request(0)], reading({ saw }))
    assert.strictEqual(seen[0]![0], bytes.length)
    // The record's own framing around its value.
    assert.approximately(seen[0]![1], 300_010, 10)
    assert.strictEqual(seen[0]![2], 1)
  })

  it("frees nothing that is too small to have memory of its own", async () => {
    const { fetched } = await decodeFetch(
      answer(11, [{ partition: 0, bytes: batch(0, "small") }]),
      11,
      [request(0)],
      reading()
    )
    fetched[0]!.release!()
    assert.strictEqual(text(fetched[0]!.records[0]!.value), "small")
  })

  it("fails on an answer that is cut off, wherever", async () => {
    const payload = answer(11, [{ partition: 0, bytes: batch(0, "good") }])
    for (let size = 0; size < payload.length; size++) {
      const failed = await decodeFetch(payload.subarray(0, size), 11, [request(0)], reading()).then(
        () => false,
        () => true
      )
      assert.isTrue(failed, `${size} bytes`)
    }
  })
})
