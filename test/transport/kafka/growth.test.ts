import { assert, describe, it } from "@effect/vitest"
import { Growth, LEAST_STORED } from "../../../src/transport/kafka/records/Growth.ts"

const MB = 1024 * 1024

describe("a limit of unpacked bytes", () => {
  it("is asked for as it is while nothing was unpacked", () => {
    const growth = new Growth()
    growth.saw(MB, 0, 1)
    assert.isAtLeast(growth.stored(MB), 0.99 * MB)
  })
  it("is not changed by records that are large, and becomes smaller where they are small", () => {
    const [dumps, lines] = [new Growth(), new Growth()]
    for (let i = 0; i < 8; i++) {
      dumps.saw(MB, 0, 8)
      lines.saw(MB, 0, 6_800)
    }
    assert.isAtLeast(dumps.stored(8 * MB), 7.9 * MB)
    // Some 8,000 records in place of 50,000.
    assert.approximately(lines.stored(8 * MB), 1.05 * MB, 0.1 * MB)
  })
  it("becomes smaller over a few answers that grow", () => {
    const growth = new Growth()
    for (let i = 0; i < 8; i++) growth.saw(MB, 16 * MB, 1)
    assert.approximately(growth.stored(16 * MB), MB, MB / 10)
  })
  it("is back soon after one record that grew beyond all measure, and never kept anybody from going on", () => {
    const growth = new Growth()
    growth.saw(22 * 1024, 50 * MB, 1)
    assert.isAtLeast(growth.stored(MB), LEAST_STORED)
    // However small the answers are that come then.
    for (let i = 0; i < 6; i++) growth.saw(3_800, 0, 0)
    assert.isAtLeast(growth.stored(MB), MB / 2)
    for (let i = 0; i < 6; i++) growth.saw(3_800, 0, 0)
    assert.isAtLeast(growth.stored(MB), 0.98 * MB)
  })
  it("is not changed by an answer without records", () => {
    const growth = new Growth()
    growth.saw(MB, 16 * MB, 1)
    const before = growth.stored(16 * MB)
    growth.saw(0, 0, 0)
    assert.strictEqual(growth.stored(16 * MB), before)
  })
  it("is never more than was asked for", () => {
    assert.strictEqual(new Growth().stored(1_000), 1_000)
  })
})
