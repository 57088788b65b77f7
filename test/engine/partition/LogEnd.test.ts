/** What is known of a log's end: where it is, how long ago that was told, for how long something waits. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { LogEnd } from "../../../src/engine/partition/LogEnd.ts"

describe("a log's end", () => {
  it("is unknown at first, and when a fetch told none, while its age goes on", () => {
    const end = new LogEnd()
    assert.deepStrictEqual([end.readable, end.last, end.age(5)], [-1, -1, undefined])
    end.told(10, 100)
    assert.deepStrictEqual([end.readable, end.last, end.age(105)], [10, 10, 5])
    end.told(-1, 200)
    assert.deepStrictEqual([end.readable, end.last, end.age(205)], [-1, 10, 105])
    end.seen(12, 300)
    assert.deepStrictEqual([end.readable, end.last, end.age(305)], [-1, 12, 5])
    end.forget()
    assert.deepStrictEqual([end.readable, end.last, end.age(5)], [-1, -1, undefined])
  })

  it("tells for how long the next record is there: never longer than it is known, never shorter but for what is put together", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ more: fc.nat(5), later: fc.integer({ min: 100, max: 5_000 }), read: fc.nat(8) }), {
          maxLength: 30
        }),
        (steps) => {
          const end = new LogEnd()
          /** By offset, when the end was first told beyond it. */
          const known: Array<number> = []
          let at = 0
          let position = 0
          for (const { more, later, read } of steps) {
            at += later
            for (let i = 0; i < more; i++) known.push(at)
            end.told(known.length, at)
            position = Math.min(known.length, position + read)
            const expected = position < known.length ? at + 7 - known[position]! : 0
            assert.strictEqual(end.behind(position, at + 7), expected)
          }
        }
      )
    )
  })

  it("that moves all the time is remembered in bounds, and then for shorter", () => {
    const end = new LogEnd()
    for (let k = 1; k <= 10_000; k++) end.told(k, k * 1_000)
    assert.strictEqual(end.behind(0, 10_000_000), 9_999_000)
    const middle = end.behind(5_000, 10_000_000)
    assert.isAtMost(middle, 4_999_000)
    assert.isAbove(middle, 3_000_000)
    assert.strictEqual(end.behind(10_000, 10_000_000), 0)
  })

  it("that went back forgets what lay beyond", () => {
    const end = new LogEnd()
    end.told(10, 1_000)
    end.told(5, 2_000)
    assert.strictEqual(end.behind(4, 3_000), 1_000)
    assert.strictEqual(end.behind(5, 3_000), 0)
  })
})
