/** The broker's timers: on the clock they were made with, and gone when they are cancelled or their Scope closes. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Outbox } from "../../../src/transport/embedded/Outbox.ts"
import { makeTimers } from "../../../src/transport/embedded/Timers.ts"

/** Timers over the test's clock, and how many of its sleeps are under way. */
const counted = Effect.gen(function* () {
  const clock = yield* Clock.clockWith(Effect.succeed)
  let sleeping = 0
  const counting: Clock.Clock = {
    ...clock,
    sleep: (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          sleeping++
        }),
        () => clock.sleep(duration),
        () =>
          Effect.sync(() => {
            sleeping--
          })
      )
  }
  const scope = yield* Scope.make()
  const timers = yield* makeTimers(new Outbox()).pipe(
    Effect.provideService(Clock.Clock, counting),
    Scope.provide(scope)
  )
  return { timers, scope, sleeping: () => sleeping }
})

describe("Timers", () => {
  it.effect("fire in the order of their times, and of their making at the same time", () =>
    Effect.gen(function* () {
      const { timers } = yield* counted
      const trace: Array<string> = []
      for (const [name, ms] of [
        ["c", 20],
        ["a", 10],
        ["d", 20],
        ["b", 10],
        ["now", 0]
      ] as const) {
        timers.after(ms, () => trace.push(`${name} at ${timers.now()}`))
      }
      assert.deepStrictEqual(trace, [], "never from within the call")
      yield* TestClock.adjust(30)
      assert.deepStrictEqual(trace, ["now at 0", "a at 10", "b at 10", "c at 20", "d at 20"])
    })
  )

  it.effect("a timer that a timer makes fires on time", () =>
    Effect.gen(function* () {
      const { timers } = yield* counted
      const fired: Array<number> = []
      const again = () => {
        fired.push(timers.now())
        timers.after(10, again)
      }
      timers.after(10, again)
      yield* TestClock.adjust(35)
      assert.deepStrictEqual(fired, [10, 20, 30])
    })
  )

  it.effect("a cancelled timer is gone, and so are all when the Scope closes", () =>
    Effect.gen(function* () {
      const { scope, sleeping, timers } = yield* counted
      const fired: Array<string> = []
      const cancel = timers.after(10, () => fired.push("cancelled"))
      timers.after(10, () => fired.push("kept"))
      timers.after(100, () => fired.push("closed"))
      assert.deepStrictEqual([timers.pending(), sleeping()], [3, 3])
      cancel()
      cancel()
      assert.deepStrictEqual([timers.pending(), sleeping()], [2, 2])
      yield* TestClock.adjust(50)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(sleeping(), 0)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(fired, ["kept"])
    })
  )
})
