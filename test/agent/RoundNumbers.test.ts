/** Numbers of rounds: each source's own, without a gap, never twice, whoever left and was forgotten. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { RoundNumbers } from "../../src/agent/RoundNumbers.ts"

describe("RoundNumbers", () => {
  it("count each source by itself, also when it left and is remembered", () => {
    const numbers = new RoundNumbers(2)
    assert.deepStrictEqual([numbers.next("a"), numbers.next("b"), numbers.next("a")], [1, 1, 2])
    numbers.leave("a")
    numbers.leave("nobody")
    assert.deepStrictEqual([numbers.next("b"), numbers.next("a")], [2, 3])
  })

  it("give no source a number twice or a lower one, whatever is forgotten", () => {
    const source = fc.constantFrom("a", "b", "c", "d", "e")
    fc.assert(
      fc.property(
        fc.array(fc.record({ source, leaves: fc.boolean() }), { maxLength: 80 }),
        fc.nat(3),
        (steps, limit) => {
          const numbers = new RoundNumbers(limit)
          const last = new Map<string, number>()
          for (const { leaves, source } of steps) {
            const number = numbers.next(source)
            assert.isAbove(number, last.get(source) ?? 0)
            last.set(source, number)
            if (leaves) numbers.leave(source)
          }
        }
      )
    )
  })
})
