import { assert, describe, it } from "@effect/vitest"
import { Growth } from "../../../src/transport/kafka/Growth.ts"

const MB = 1024 * 1024

describe("a limit of unpacked bytes", () => {
  it("is asked for as it is while nothing was unpacked", () => {
    const growth = new Growth()
    growth.saw(MB, 0)
    assert.strictEqual(growth.stored(MB), MB)
  })
  it("becomes smaller at once when answers grow", () => {
    const growth = new Growth()
    growth.saw(MB, 16 * MB)
    assert.strictEqual(growth.stored(8 * MB), MB / 2)
  })
  it("comes back over several answers that grow no more", () => {
    const growth = new Growth()
    growth.saw(MB, 16 * MB)
    growth.saw(MB, 0)
    assert.strictEqual(growth.stored(49 * MB), 4 * MB)
    for (let i = 0; i < 40; i++) growth.saw(MB, 0)
    assert.approximately(growth.stored(MB), MB, MB / 100)
  })
  it("is not changed by an answer without records", () => {
    const growth = new Growth()
    growth.saw(MB, 16 * MB)
    growth.saw(200, 0)
    assert.strictEqual(growth.stored(16 * MB), MB)
  })
  it("is never nothing", () => {
    const growth = new Growth()
    growth.saw(8 * 1024, 64 * MB)
    assert.strictEqual(growth.stored(1), 1)
  })
})
