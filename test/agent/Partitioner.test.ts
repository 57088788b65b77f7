import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { decideBase, partitionOf } from "../../src/agent/Partitioner.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("Partitioner", () => {
  it("a source's partition lies below the base and depends on its key alone", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 5000 }), (key, base) => {
        const partition = partitionOf(bytes(key), base)
        assert.isTrue(Number.isInteger(partition) && partition >= 0 && partition < base)
        assert.strictEqual(partitionOf(bytes(key), base), partition)
      })
    )
  })

  it("the base of the first start stays when the topic grows", () => {
    const first = decideBase({ topic: "metrics", option: 0, kept: null, present: 4 })
    assert.deepInclude(first, { kind: "base", base: 4, keep: true })
    const grown = decideBase({ topic: "metrics", option: 0, kept: 4, present: 16 })
    assert.deepInclude(grown, { kind: "base", base: 4, keep: false, note: null })
  })

  it("the option wins over what was kept, and says what follows", () => {
    const moved = decideBase({ topic: "metrics", option: 8, kept: 4, present: 16 })
    assert.deepInclude(moved, { kind: "base", base: 8, keep: true })
    assert.include(moved.kind === "base" ? moved.note : "", "move to other partitions")
  })

  it("a base beyond the topic's partitions is an error that says what to give", () => {
    for (const inputs of [
      { option: 8, kept: null },
      { option: 0, kept: 8 }
    ]) {
      const decided = decideBase({ topic: "metrics", present: 4, ...inputs })
      assert.include(decided.kind === "impossible" ? decided.message : "", "--partition-base 4 or less")
    }
  })
})
