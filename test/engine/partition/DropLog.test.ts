/** DropLog: which lines are written when, and that what was dropped is told once, whole. */
import { assert, describe, it } from "@effect/vitest"
import { DropLog } from "../../../src/engine/partition/DropLog.ts"

describe("what back pressure dropped", () => {
  it("is told at once, then every half minute, and at the end with the total", () => {
    const drops = new DropLog("t/3")
    drops.add(7, 100, 107, 1_000_000)
    assert.strictEqual(
      drops.due(0, 2_000, 0),
      "t/3: dropped 7 records, offsets 100 to 106, because its actor is behind by 2000: more arrives than it processes, " +
        "and the strategy is to drop the oldest. They are never shown; newer ones are"
    )
    drops.add(3, 110, 113, 1_001_000)
    assert.isUndefined(drops.due(29_999, 2_000, 0))
    drops.add(5, 120, 125, 1_030_000)
    assert.match(drops.due(30_000, 2_000, 0)!, /dropped 8 records, offsets 110 to 124,/)
    assert.isUndefined(drops.due(90_000, 2_000, 0), "nothing new")
    assert.strictEqual(
      drops.end(1_090_000, "its actor has caught up"),
      "t/3: no more is dropped, its actor has caught up: 15 records were in 90 s"
    )
    assert.isUndefined(drops.end(1_091_000, "its actor has caught up"))
  })

  it("in episodes that follow each other closely is told in one line, whole", () => {
    const drops = new DropLog("t/3")
    const lines: Array<string | undefined> = []
    for (let second = 0; second < 31; second++) {
      drops.add(1, second, second + 1, second * 1_000)
      lines.push(drops.due(second * 1_000, 50, 0), drops.end(second * 1_000 + 500, "x"))
    }
    const said = lines.filter((l) => l !== undefined)
    assert.lengthOf(said, 4)
    assert.match(said[2]!, /dropped 30 records, offsets 1 to 30,/)
    assert.match(said[3]!, /: 1 records were in 1 s$/)
  })

  it("is told later where the half minute was not over when the episode was", () => {
    const drops = new DropLog("t/3")
    drops.add(1, 0, 1, 0)
    drops.due(0, 50, 0)
    drops.end(500, "x")
    drops.add(2, 5, 7, 1_000)
    assert.isUndefined(drops.due(1_000, 50, 0))
    assert.isUndefined(drops.end(1_500, "x"))
    assert.isTrue(drops.waiting)
    assert.isNull(drops.since ?? null)
    assert.match(drops.due(30_000, 0, 0)!, /^t\/3: dropped 2 records, offsets 5 to 6, while its actor was behind: /)
    assert.isFalse(drops.waiting)
    assert.strictEqual(drops.total, 3)
  })

  it("below the fence hides sources, and the line says so", () => {
    const drops = new DropLog("t/3")
    drops.add(1, 9, 10, 0)
    assert.match(drops.due(0, 50, 10)!, /stay hidden until their next round$/)
  })
})
