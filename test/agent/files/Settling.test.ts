import { assert, describe, it } from "@effect/vitest"
import { doubtful, same, textOf, wasRenamed } from "../../../src/agent/files/Settling.ts"
import { lookAt, writtenAt } from "./look.ts"

const look = lookAt(5_000)

describe("Settling", () => {
  it("a file is the same while inode, size and time are, whatever its inode was changed for", () => {
    assert.isTrue(same(look, { ...look, ctimeNs: look.ctimeNs + 1n }))
    for (const other of [{ ino: 2n }, { size: 11 }, { mtimeNs: look.mtimeNs + 1n }]) {
      assert.isFalse(same(look, { ...look, ...other }))
      assert.notStrictEqual(textOf(look), textOf({ ...look, ...other }))
    }
    assert.isFalse(same(undefined, undefined))
    assert.isFalse(same(look, undefined))
  })

  it("a rename shows where it changed the inode after its last write", () => {
    assert.isTrue(wasRenamed(look))
    assert.isFalse(wasRenamed(writtenAt(5_000)))
  })

  it("a time in whole seconds is in doubt for two seconds, a finer one never, nor one of the future", () => {
    const coarse = { ...look, mtimeNs: 5_000_000_000n }
    assert.strictEqual(doubtful(coarse, 5_000), 2_000)
    assert.strictEqual(doubtful(coarse, 6_999), 1)
    assert.strictEqual(doubtful(coarse, 7_000), undefined)
    assert.strictEqual(doubtful(coarse, 4_999), undefined)
    assert.strictEqual(doubtful(look, 5_000), undefined)
  })
})
