/** Largest: of sizes that change one that is at least half of the largest. */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { Largest, type Ranked } from "../../../src/metrics/cache/Largest.ts"

interface Thing extends Ranked<Thing> {}

const step = fc.record({
  item: fc.integer({ min: 0, max: 9 }),
  size: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 4, noNaN: true }), fc.integer({ min: 0, max: 1e12 }))
})

it("is at least half as large as any other, and none where there is none", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const sizes = new Map<Thing, number>()
      const largest = new Largest<Thing>()
      const things = Array.from({ length: 10 }, (): Thing => ({ places: [] }))
      for (const { item: i, size } of steps) {
        const item = things[i]!
        sizes.set(item, size)
        largest.note(item, size)
        const most = Math.max(...sizes.values())
        const found = largest.get()
        if (most <= 0) assert.isUndefined(found)
        else assert.isTrue(sizes.get(found!)! > 0 && (sizes.get(found!)! >= most / 2 || most < 2))
      }
    })
  )
})
