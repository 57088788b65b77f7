/** CommitMetadata: R, L and the witness in the commit's metadata string; whatever is not ours reads as absent. */

import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { decodeCommitMetadata, encodeCommitMetadata } from "../../src/engine/CommitMetadata.ts"

const offset = fc.maxSafeNat()
const witness = fc.option(fc.record({ offset, crc: fc.nat(0xffff_ffff) }))

describe("commit metadata", () => {
  it("reads back what was written, and fits Kafka's 4,000 bytes", () => {
    fc.assert(
      fc.property(offset, offset, witness, (reservation, lowest, witness) => {
        const text = encodeCommitMetadata({ reservation, lowest, witness })
        assert.deepStrictEqual(decodeCommitMetadata(text), { reservation, lowest, witness })
        assert.isBelow(text.length, 4_000)
      })
    )
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
    ["a cut-off record", '{"v":1,"r":5,"l']
  ])("%s reads as absent", (_what, text) => {
    assert.isNull(decodeCommitMetadata(text))
  })

  it("no text makes it throw", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeCommitMetadata(text)))
  })
})
