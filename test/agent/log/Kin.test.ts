import { assert, describe, it } from "@effect/vitest"
import { type Evidence, kinship } from "../../../src/agent/log/Kin.ts"

const copy: Evidence = { isPacked: false, beginsAlike: true, isAlikeBefore: true, reaches: true }

describe("Kin", () => {
  it("the copy of a truncated file goes on with it; while that file is there it waits", () => {
    assert.strictEqual(kinship("truncated", copy), "goes on")
    assert.strictEqual(kinship("there", copy), "wait")
    assert.strictEqual(kinship("there", { ...copy, reaches: false }), "wait")
  })

  it("a plain file that is like one that is lost is read as a file of its own: a wrong yes would lose lines", () => {
    assert.strictEqual(kinship("lost", copy), "other")
  })

  it("a packed file is read where the file that is in it was known and is gone", () => {
    assert.strictEqual(kinship("lost", { ...copy, isPacked: true }), "goes on")
    assert.strictEqual(kinship("truncated", { ...copy, isPacked: true }), "goes on")
    assert.strictEqual(kinship("there", { ...copy, isPacked: true }), "wait")
  })

  it("an equal beginning alone says nothing, nor does a copy that ends before what was read", () => {
    for (const fate of ["there", "truncated", "lost"] as const) {
      assert.strictEqual(kinship(fate, { ...copy, isAlikeBefore: false }), "other")
      assert.strictEqual(kinship(fate, { ...copy, beginsAlike: false }), "other")
    }
    assert.strictEqual(kinship("truncated", { ...copy, reaches: false }), "other")
  })
})
