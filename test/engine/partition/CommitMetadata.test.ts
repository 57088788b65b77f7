/** CommitMetadata: R, L, the witness and the partition's time in the commit's metadata string; whatever is not ours reads as absent. */

import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { maxCounts } from "../../../src/engine/growth/Homes.ts"
import {
  decodeCommitMetadata,
  encodeCommitMetadata,
  judgedBy,
  maxMemo,
  maxMetadata,
  maxUnread,
  memoBytes
} from "../../../src/engine/partition/CommitMetadata.ts"
import { maxMarks } from "../../../src/engine/partition/Marks.ts"

const offset = fc.maxSafeNat()
const witness = fc.option(fc.record({ offset, crc: fc.nat(0xffff_ffff) }))
const quarantine = fc.option(fc.record({ until: fc.option(offset) }))

/** Marks of a busy partition, as an owner makes them: ascending offsets, falling ages. */
const marks = fc
  .tuple(
    fc.nat(2 ** 45),
    fc.array(fc.record({ more: fc.nat(1e7), lag: fc.nat(1e6), ms: fc.nat(30_000) }), {
      maxLength: maxMarks,
      size: "max"
    })
  )
  .map(([start, steps]) => {
    let [end, read] = [start, 0]
    let ago = steps.reduce((sum, { ms }) => sum + ms, 0)
    return steps.map(({ more, lag, ms }) => {
      end += more
      read = Math.max(read, end - lag, 0)
      ago -= ms
      return { end, read, ago }
    })
  })

/** As long as memos may be, of whatever characters. */
const memo = fc.string({ unit: "binary", maxLength: maxMemo, size: "max" }).map((made) => {
  let chars = [...made]
  while (memoBytes(chars.join("")) > maxMemo) chars = chars.slice(1)
  const text = chars.join("")
  return text + "x".repeat(maxMemo - memoBytes(text))
})

/** As long as it gets. */
const homes = {
  placement: "murmur2" as const,
  settledFrom: Number.MAX_SAFE_INTEGER,
  steps: Array.from({ length: maxCounts }, (_, i) => ({ count: 999_990 + i, from: Number.MAX_SAFE_INTEGER }))
}
const longest = {
  reservation: Number.MAX_SAFE_INTEGER,
  lowest: Number.MAX_SAFE_INTEGER,
  witness: { offset: Number.MAX_SAFE_INTEGER, crc: 0xffff_ffff },
  quarantine: { until: Number.MAX_SAFE_INTEGER },
  judgedBy: judgedBy("0123456789abcdef"),
  unread: Array.from({ length: maxUnread }, (_, i) => Number.MAX_SAFE_INTEGER - i)
}

describe("commit metadata", () => {
  it("reads back what was written, and fits the 1,024 bytes that Event Hubs keeps", () => {
    fc.assert(
      fc.property(offset, offset, witness, marks, quarantine, (reservation, lowest, witness, marks, quarantine) => {
        const { judgedBy, unread } = longest
        const metadata = { reservation, lowest, witness, marks, quarantine, judgedBy, unread, memo: "" }
        const text = encodeCommitMetadata(metadata)
        assert.deepStrictEqual(decodeCommitMetadata(text), metadata)
        assert.isAtMost(text.length, maxMetadata)
      })
    )
  })

  it("fits with the longest of everything, too: of the marks some give way, and nothing else", () => {
    fc.assert(
      fc.property(memo, marks, (memo, marks) => {
        const metadata = { ...longest, homes, memo, marks }
        const text = encodeCommitMetadata(metadata)
        assert.isAtMost(Buffer.byteLength(text), maxMetadata)
        const { marks: kept, ...rest } = decodeCommitMetadata(text)!
        assert.deepStrictEqual(rest, { ...longest, homes, memo })
        assert.isAtLeast(kept.length, Math.min(marks.length, 5))
        assert.deepStrictEqual(
          kept,
          marks.filter((mark) =>
            kept.some(({ end, read, ago }) => end === mark.end && read === mark.read && ago === mark.ago)
          )
        )
      })
    )
  })

  it("a memo is passed over by versions that know none, and a commit of theirs has none", () => {
    const before = { v: 1, r: 5, l: 3, w: [4, 7] }
    const read = {
      reservation: 5,
      lowest: 3,
      witness: { offset: 4, crc: 7 },
      marks: [],
      quarantine: null,
      judgedBy: ""
    }
    assert.deepStrictEqual(decodeCommitMetadata(JSON.stringify(before)), { ...read, unread: [], memo: "" })
    const written = encodeCommitMetadata({ ...read, unread: [], memo: "object 17" })
    // They look at the fields that they know.
    assert.deepStrictEqual(JSON.parse(written), { ...before, p: "object 17" })
  })

  it.each([
    ["a number", 7],
    ["longer than one may be", "x".repeat(maxMemo + 1)]
  ])("a memo that is %s is none, and costs nothing else", (_what, p) => {
    assert.strictEqual(decodeCommitMetadata(JSON.stringify({ v: 1, r: 5, l: 3, p }))?.memo, "")
  })

  it("a commit of a version without marks has none", () => {
    const metadata = {
      reservation: 5,
      lowest: 3,
      witness: null,
      marks: [],
      quarantine: null,
      judgedBy: "",
      unread: [],
      memo: ""
    }
    assert.deepStrictEqual(decodeCommitMetadata('{"v":1,"r":5,"l":3}'), metadata)
  })

  it.each([
    ["an empty string, as other tools write", ""],
    ["text", "reset by hand"],
    ["null", "null"],
    ["a number", "7"],
    ["a list", "[1,2]"],
    ["another version of the rules", '{"v":2,"r":5,"l":3}'],
    ["R missing", '{"v":1,"l":3}'],
    ["L missing", '{"v":1,"r":5}'],
    ["a negative offset", '{"v":1,"r":-1,"l":3}'],
    ["a fraction", '{"v":1,"r":5.5,"l":3}'],
    ["an offset beyond the safe integers", '{"v":1,"r":9007199254740993,"l":3}'],
    ["an offset as text", '{"v":1,"r":"5","l":3}'],
    ["a witness that is not a pair", '{"v":1,"r":5,"l":3,"w":4}'],
    ["a witness without a checksum", '{"v":1,"r":5,"l":3,"w":[4]}'],
    ["a checksum beyond 32 bits", '{"v":1,"r":5,"l":3,"w":[4,4294967296]}'],
    ["marks that are no triples", '{"v":1,"r":5,"l":3,"m":[1,0]}'],
    ["marks that run backwards", '{"v":1,"r":5,"l":3,"m":[9,0,-50,-1,0,10]}'],
    ["marks of the future", '{"v":1,"r":5,"l":3,"m":[9,0,50]}'],
    ["a mark that is no number", '{"v":1,"r":5,"l":3,"m":[9,0,"5"]}'],
    ["a quarantine that is no offset", '{"v":1,"r":5,"l":3,"q":-2}'],
    ["a cut-off record", '{"v":1,"r":5,"l']
  ])("%s reads as absent", (_what, text) => {
    assert.isNull(decodeCommitMetadata(text))
  })

  it("no text makes it throw", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeCommitMetadata(text)))
  })
})
