import { assert, describe, it } from "@effect/vitest"
import { Growth, LEAST_STORED } from "../../../src/transport/kafka/records/Growth.ts"

const MB = 1024 * 1024

describe("a limit of unpacked bytes", () => {
  it("is asked for as it is while nothing was unpacked", () => {
    const growth = new Growth()
    growth.saw(MB, 0)
    assert.strictEqual(growth.stored(MB), MB)
  })
  it("becomes smaller over a few answers that grow", () => {
    const growth = new Growth()
    for (let i = 0; i < 8; i++) growth.saw(MB, 16 * MB)
    assert.approximately(growth.stored(16 * MB), MB, MB / 10)
  })
  it("is back soon after one record that grew beyond all measure, and never kept anybody from going on", () => {
    const growth = new Growth()
    growth.saw(22 * 1024, 50 * MB)
    assert.isAtLeast(growth.stored(MB), LEAST_STORED)
    // However small the answers are that come then.
    for (let i = 0; i < 6; i++) growth.saw(3_800, 0)
    assert.isAtLeast(growth.stored(MB), MB / 2)
    for (let i = 0; i < 6; i++) growth.saw(3_800, 0)
    assert.isAtLeast(growth.stored(MB), 0.98 * MB)
  })
  it("is not changed by an answer without records", () => {
    const growth = new Growth()
    growth.saw(MB, 16 * MB)
    const before = growth.stored(16 * MB)
    growth.saw(0, 0)
    assert.strictEqual(growth.stored(16 * MB), before)
  })
  it("is never more than was asked for", () => {
    assert.strictEqual(new Growth().stored(1_000), 1_000)
  })
})
