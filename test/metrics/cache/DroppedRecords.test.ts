/** DroppedRecords: of each source what the cache must know of records that it never sees. */
import { assert, describe, it } from "vitest"
import { DroppedRecords } from "../../../src/metrics/cache/DroppedRecords.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"

const bytes = (text: string) => Buffer.from(text)
const record = (offset: number, key: string | null = "s", source?: string): LogRecord => ({
  offset,
  timestamp: offset * 1_000,
  key: key === null ? null : bytes(key),
  value: Buffer.alloc(10),
  headers: source === undefined ? {} : { "k2p-source": bytes(source) }
})

const kept = (records: ReadonlyArray<LogRecord>): ReadonlyArray<LogRecord> => {
  const dropped = new DroppedRecords()
  for (const each of records) dropped.add(each)
  return dropped.all()
}
const offsets = (records: ReadonlyArray<LogRecord>) => kept(records).map((r) => r.offset)

describe("of dropped records", () => {
  it("the first of each source is kept, too: before the fence or after it makes a difference", () => {
    const records = [95, 99, 101, 105].map((offset) => record(offset, offset === 99 ? "other" : "s"))
    assert.deepStrictEqual(offsets(records), [95, 99, 105])
  })

  it("the one of the highest round of each source is kept, too: rounds come in any order", () => {
    const rounds = [undefined, "2.7", "1.90", "2.10", "2.9", "x.99", "2.10", undefined]
    const records = rounds.map((round, offset) => ({
      ...record(offset),
      headers: round === undefined ? {} : { "k2p-round": bytes(round) }
    }))
    assert.deepStrictEqual(offsets(records), [0, 3, 7])
  })

  it("sources are told apart that have no key but a header", () => {
    const records = [record(0, null, "x"), record(1, null, "y"), record(2, null), record(3, "")]
    assert.deepStrictEqual(offsets(records), [0, 1, 2, 3])
  })

  it("keys that are not text are told apart", () => {
    const raw = (offset: number, byte: number): LogRecord => ({ ...record(offset), key: Uint8Array.of(byte) })
    assert.deepStrictEqual(offsets([raw(0, 0xfe), raw(1, 0xff)]), [0, 1])
  })

  it("nothing of the fetched bytes is kept: keys and headers are copies, values are gone", () => {
    const fetched = Buffer.alloc(1_024 * 1_024, "k")
    const view: LogRecord = {
      ...record(0),
      key: fetched.subarray(0, 3),
      headers: { "k2p-round": fetched.subarray(3, 6) }
    }
    const [told] = kept([view])
    assert.isNull(told!.value)
    for (const each of [told!.key!, told!.headers["k2p-round"]!]) {
      assert.strictEqual(Buffer.from(each).toString(), "kkk")
      assert.notStrictEqual(each.buffer, fetched.buffer)
    }
  })
})
