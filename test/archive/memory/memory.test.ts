/** What was seen of a stream, against a model that marks every byte; and what of it is remembered. */
import { assert, describe, it } from "vitest"
import { Memory } from "../../../src/archive/memory/Memory.ts"
import { maxGaps, Seen } from "../../../src/archive/memory/Seen.ts"
import { random } from "../../../src/testing/Random.ts"

describe("what was seen of a stream", () => {
  it("is dropped, what was not is news, whatever comes", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const chance = random(seed)
      const seen = new Seen()
      const model = new Set<number>()
      for (let i = 0; i < 60; i++) {
        const from = chance.int(0, 200)
        const to = from + chance.int(1, 30)
        const news = seen.take(from, to)
        const expected = new Set<number>()
        for (let b = from; b < to; b++) if (!model.has(b)) expected.add(b)
        const got = new Set<number>()
        for (let n = 0; n < news.length; n += 2) {
          assert.isBelow(news[n]!, news[n + 1]!)
          for (let b = news[n]!; b < news[n + 1]!; b++) got.add(b)
        }
        // Two gaps may have become one: then more is news than was, never less.
        for (const b of expected) assert.isTrue(got.has(b), `seed ${seed}: byte ${b} of [${from}, ${to}) is lost`)
        if (gapsOf(model) <= maxGaps) assert.deepStrictEqual([...got].sort(), [...expected].sort(), `seed ${seed}`)
        for (let b = from; b < to; b++) model.add(b)
        if (gapsOf(model) > maxGaps) break
      }
      assert.isAtMost(seen.gaps.length, 2 * maxGaps)
    }
  })

  it("of too many gaps the two that lie closest become one", () => {
    const seen = new Seen()
    for (let i = 0; i <= maxGaps; i++) seen.take(i * 100 + 10, i * 100 + (i === 7 ? 12 : 50))
    assert.lengthOf(seen.gaps, 2 * maxGaps)
    assert.deepStrictEqual(seen.take(710, 712), [710, 712])
    assert.deepStrictEqual(seen.take(610, 650), [])
    assert.deepStrictEqual(seen.take(810, 850), [])
  })

  it("of which nothing came before is a gap from its beginning on", () => {
    const seen = new Seen()
    assert.deepStrictEqual(seen.take(1000, 2000), [1000, 2000])
    assert.deepStrictEqual(seen.take(500, 2500), [500, 1000, 2000, 2500])
    assert.deepStrictEqual(seen.take(0, 2500), [0, 500])
    assert.deepStrictEqual(seen.take(0, 2500), [])
  })
})

const gapsOf = (model: ReadonlySet<number>): number => {
  const top = Math.max(0, ...model)
  let gaps = 0
  for (let b = 0; b < top; b++) if (!model.has(b) && (b === 0 || model.has(b - 1))) gaps += 1
  return gaps
}

describe("a memory", () => {
  it("keeps the streams whose records came last, and is read back as it is", () => {
    const memory = new Memory(3)
    for (const stream of ["a", "b", "c"]) memory.of(stream).take(10, 20)
    memory.of("a").take(30, Number.MAX_SAFE_INTEGER)
    memory.of("d").take(0, 5)
    assert.strictEqual(memory.streams, 3)
    const copy = Memory.decode(memory.encode(), 3)!
    assert.deepStrictEqual(copy.encode(), memory.encode())
    // b was forgotten; a, c and d were not.
    assert.deepStrictEqual(copy.of("a").take(0, 40), [0, 10, 20, 30])
    assert.deepStrictEqual(copy.of("d").take(0, 5), [])
    assert.deepStrictEqual(copy.of("b").take(10, 20), [10, 20])
  })

  it("with a smaller bound keeps the last ones of what is read", () => {
    const memory = new Memory(10)
    for (const stream of ["a", "b", "c"]) memory.of(stream).take(0, 20)
    const copy = Memory.decode(memory.encode(), 2)!
    assert.deepStrictEqual(copy.of("c").take(0, 20), [])
    assert.deepStrictEqual(copy.of("b").take(0, 20), [])
    assert.deepStrictEqual(copy.of("a").take(0, 20), [0, 20])
  })

  it("that is cut off or goes on is none", () => {
    const memory = new Memory(10)
    for (let i = 0; i < 5; i++) memory.of(`stream-${i}`).take(i * 300, 100_000)
    const bytes = memory.encode()
    for (let length = 0; length < bytes.length; length++)
      assert.isUndefined(Memory.decode(bytes.subarray(0, length), 10), `${length} bytes`)
    assert.isUndefined(Memory.decode(Buffer.concat([bytes, Buffer.alloc(1)]), 10))
  })
})
