/** Passing: virtual time that passes in steps until something holds, for shards on the embedded log. Bounded: two minutes of it, where nothing else is said. */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** `step`: ms that pass at a time. */
export const passingBy = (step: number) => {
  const passUntil = (what: string, holds: () => boolean, limit = 120_000) =>
    Effect.gen(function* () {
      for (let t = 0; t < limit; t += step) {
        if (holds()) return
        yield* TestClock.adjust(step)
      }
      assert.fail(`not within ${limit} ms of virtual time: ${what}`)
    })
  /** The effect's result, with virtual time passing until it is there. */
  const passing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      yield* passUntil("an effect's end", () => fiber.pollUnsafe() !== undefined)
      return yield* Fiber.join(fiber)
    })
  return { passUntil, passing }
}
