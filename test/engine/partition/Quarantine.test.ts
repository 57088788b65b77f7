/** Quarantine: from where on something may be shown, and for how long the next owner must hear of it. */
import { assert, it } from "@effect/vitest"
import { outlives, shownFrom } from "../../../src/engine/partition/Quarantine.ts"

it("nothing is shown before its end is known, then what lies beyond", () => {
  assert.strictEqual(shownFrom(null), 0)
  assert.strictEqual(shownFrom({ until: null }), Number.POSITIVE_INFINITY)
  assert.strictEqual(shownFrom({ until: 7 }), 7)
})

it("it outlives its owner until nobody reads from before its end", () => {
  assert.isNull(outlives(null, 0))
  assert.deepStrictEqual(outlives({ until: null }, 1_000), { until: null })
  assert.deepStrictEqual(outlives({ until: 7 }, 6), { until: 7 })
  assert.isNull(outlives({ until: 7 }, 7))
})
