/** Ranking: the lowest of numbers that rise by themselves, beside a look at all of them. */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { Ranking } from "../../../src/metrics/rounds/Ranking.ts"

const step = fc.record({
  item: fc.integer({ min: 0, max: 9 }),
  what: fc.constantFrom("note", "rise", "rise", "out", "remove", "lowest"),
  by: fc.integer({ min: 0, max: 30 })
})

it("answers as a look at all of them would", () => {
  let answers = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const numbers = new Map<number, number>()
      const ranking = new Ranking<number>()
      for (const { item, what, by } of steps) {
        const number = numbers.get(item)
        if (what === "note") {
          numbers.set(item, by)
          ranking.note(item, by)
        } else if (what === "remove") {
          numbers.delete(item)
          ranking.remove(item)
        } else if (what === "rise" && number !== undefined) numbers.set(item, number + by)
        else if (what === "out" && number !== undefined) numbers.set(item, Number.POSITIVE_INFINITY)
        const lowest = ranking.lowest((i) => numbers.get(i)!)?.key
        const all = Math.min(...numbers.values())
        assert.strictEqual(lowest ?? Number.POSITIVE_INFINITY, all)
        if (lowest !== undefined) answers++
      }
    }),
    { numRuns: 1000 }
  )
  assert.isAbove(answers, 1000)
})

it("asks only those whose numbers may be the lowest", () => {
  const ranking = new Ranking<number>()
  for (let i = 0; i < 10_000; i++) ranking.note(i, i)
  let asked = 0
  const now = (i: number): number => {
    asked++
    return i === 0 ? 20_000 : i
  }
  assert.strictEqual(ranking.lowest(now)!.key, 1)
  assert.strictEqual(ranking.lowest(now)!.key, 1)
  assert.strictEqual(asked, 3)
})
