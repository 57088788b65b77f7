/** Backoff: pauses that grow up to a bound, are not the same for all, and are the same again in a run that is seeded. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { Backoff, worthALine } from "../src/Backoff.ts"
import { VirtualTime } from "../src/testing/VirtualTime.ts"

const backoff = new Backoff(100, 5_000)
const longest = (failures: number): number => backoff.after(failures, 1)

describe("the pause after a failure", () => {
  it("doubles with each failure in a row, up to a bound", () => {
    assert.deepStrictEqual([1, 2, 3, 4, 5, 6, 7].map(longest), [100, 200, 400, 800, 1_600, 3_200, 5_000])
    for (const failures of [50, 2_000, 1e9]) assert.strictEqual(longest(failures), 5_000)
  })

  it("is at least half of that: nobody tries in circles", () => {
    for (const failures of [1, 4, 2_000])
      assert.strictEqual(backoff.after(failures, 0), longest(failures) / 2, `${failures}`)
  })

  it.effect("differs between those who failed together", () =>
    Effect.gen(function* () {
      const pauses = yield* Effect.forEach(Array.from({ length: 100 }), () => backoff.pause(6))
      assert.strictEqual(new Set(pauses).size, 100)
      assert.isTrue(pauses.every((ms) => ms >= 1_600 && ms <= 3_200))
    }).pipe(Random.withSeed(1))
  )

  it("comes before each try of a retry, and is the same in each run of virtual time", () => {
    const triesAt = (): ReadonlyArray<number> => {
      const time = new VirtualTime()
      const at: Array<number> = []
      const attempt = Effect.suspend(() => (at.push(time.now) < 9 ? Effect.fail("not yet") : Effect.void))
      time.run(Effect.retry(attempt, backoff.schedule))
      return at
    }
    const at = triesAt()
    at.slice(1).forEach((ms, i) => {
      const pause = ms - at[i]!
      assert.isTrue(pause >= longest(i + 1) / 2 && pause <= longest(i + 1), `pause ${i + 1} took ${pause} ms`)
    })
    assert.deepStrictEqual(triesAt(), at)
  })
})

it("the log hears of the first failure, and then of ever fewer", () => {
  const told = Array.from({ length: 1_000 }, (_, i) => i + 1).filter(worthALine)
  assert.deepStrictEqual(told, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
})
