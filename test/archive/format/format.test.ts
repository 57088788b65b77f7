/** What an archive's names, frames and notes say is read back as it was written, and what is none of ours is not taken for one. */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { assert, describe, it } from "vitest"
import { hourOf } from "../../../src/archive/format/Hour.ts"
import { decodeLastFrame, encodeLastFrame, type LastFrame, tailBytes } from "../../../src/archive/format/LastFrame.ts"
import { decodeLife, encodeLife, type Life } from "../../../src/archive/format/Life.ts"
import { decodeMemo, encodeMemo } from "../../../src/archive/format/Memo.ts"
import {
  lifeName,
  memoryName,
  objectName,
  parseLifeName,
  parseMemoryName,
  parseObjectName,
  parseUnreadName,
  unreadName
} from "../../../src/archive/format/Names.ts"
import { maxMemo, memoBytes } from "../../../src/engine/partition/CommitMetadata.ts"

const line = { topic: "logs.eu", partition: 12, life: 3 }
const hour = "2026-11-28/09"
const most = Number.MAX_SAFE_INTEGER

describe("an hour", () => {
  it("is that of the stamp in UTC, and unknown for a stamp that no log has", () => {
    assert.strictEqual(hourOf(Date.UTC(2026, 10, 28, 9, 59, 59, 999)), hour)
    assert.strictEqual(hourOf(Date.UTC(2000, 0)), "2000-01-01/00")
    for (const stamp of [-1, Date.UTC(2000, 0) - 1, Date.UTC(2101, 0), Number.NaN, 1e300])
      assert.strictEqual(hourOf(stamp), "unknown/00")
  })
})

describe("names", () => {
  it("are as documented, and read back", () => {
    const object = objectName(line, hour, 1234)
    assert.strictEqual(object, "logs.eu/date=2026-11-28/hour=09/12-3-00000000000000001234.ndjson.zst")
    assert.deepStrictEqual(parseObjectName("logs.eu", object), {
      hour: "2026-11-28/09",
      partition: 12,
      life: 3,
      from: 1234
    })
    assert.strictEqual(lifeName(line), "_k2p/logs.eu/12/life-3")
    assert.strictEqual(parseLifeName(line, lifeName(line)), 3)
    assert.deepStrictEqual(parseMemoryName(line, memoryName(line, most, 0xab)), { to: most, crc: 0xab })
    assert.deepStrictEqual(parseUnreadName(unreadName(line, 7)), { ...line, offset: 7 })
  })

  it("of others are none of ours", () => {
    for (const name of [
      "logs.eu/date=2026-11-28/hour=09/12-3-1234.ndjson.zst",
      "logs.eu/date=2026-11-28/12-3-00000000000000001234.ndjson.zst",
      "logs/date=2026-11-28/hour=09/12-3-00000000000000001234.ndjson.zst",
      "logs.eu/date=2026-11-28/hour=09/part-0000.parquet"
    ])
      assert.isUndefined(parseObjectName("logs.eu", name), name)
    assert.isUndefined(parseLifeName(line, "_k2p/logs.eu/12/life-0"))
    assert.isUndefined(parseLifeName(line, "_k2p/logs.eu/1/life-3"))
  })
})

const frame: LastFrame = {
  ...line,
  cluster: "Some-Cluster",
  from: 5,
  to: most,
  last: { offset: most - 1, crc: 0xffffffff },
  next: "unknown/00",
  memory: memoryName(line, most, 1),
  records: 10,
  rows: 20,
  bytes: 30
}

describe("a last frame", () => {
  it("is found at an object's end, and passed over by who reads the data", () => {
    const rows = Buffer.from('{"line":"a"}\n')
    const object = Buffer.concat([zstdCompressSync(rows), encodeLastFrame(frame)])
    assert.deepStrictEqual(zstdDecompressSync(object), rows)
    const found = decodeLastFrame(object)
    assert.deepStrictEqual(found?.frame, frame)
    assert.strictEqual(found?.bytes, encodeLastFrame(frame).length)
    const bare = { ...frame, cluster: null, last: null, memory: null }
    assert.deepStrictEqual(decodeLastFrame(encodeLastFrame(bare))?.frame, bare)
  })

  it("fits into the bytes that are read of an object's end", () => {
    const long = { ...frame, topic: "t".repeat(249), cluster: "c".repeat(200), memory: "m".repeat(400) }
    assert.isBelow(encodeLastFrame(long).length, tailBytes)
  })

  it("of which a byte is another one is none", () => {
    const whole = encodeLastFrame(frame)
    for (let i = 8; i < whole.length; i++) {
      const broken = Buffer.from(whole)
      broken[i]! ^= 1
      assert.isUndefined(decodeLastFrame(broken), `byte ${i}`)
    }
    for (let length = 0; length < whole.length; length++)
      assert.isUndefined(decodeLastFrame(whole.subarray(0, length)), `${length} bytes`)
  })
})

describe("a life", () => {
  const life: Life = { ...line, cluster: null, topicId: "0f", begin: 17, hour }
  it("is read back, and refused where it is not whole", () => {
    assert.deepStrictEqual(decodeLife(encodeLife(life)), life)
    for (const text of [
      "",
      "{}",
      "null",
      "[]",
      JSON.stringify({ v: 2, ...life }),
      JSON.stringify({ ...life, v: 1, hour: "9" })
    ])
      assert.isUndefined(decodeLife(Buffer.from(text)), text)
  })
})

describe("a memo", () => {
  it("is read back and small; what is none is none", () => {
    const memo = { life: most, from: most, to: most, hour, next: "unknown/00", memory: "ffffffff" }
    assert.deepStrictEqual(decodeMemo(encodeMemo(memo)), memo)
    assert.deepStrictEqual(decodeMemo(encodeMemo({ ...memo, memory: null })), { ...memo, memory: null })
    assert.isAtMost(memoBytes(encodeMemo(memo)), maxMemo)
    for (const text of ["", "a1", "a2 1 2 3 2026-11-28/09 2026-11-28/09 -", "a1 1 2 x 2026-11-28/09 2026-11-28/09 -"])
      assert.isUndefined(decodeMemo(text), text)
  })
})
