/** Signal: waiting for a condition over plain state: no lost wake-up, nothing left behind. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Signal } from "../../src/engine/Signal.ts"

/** Everything that can run has run. */
const quiet = Effect.gen(function* () {
  for (let i = 0; i < 10; i++) yield* Effect.yieldNow
})
const waits = (signal: Signal, holds: () => boolean) =>
  Effect.forkChild(signal.until(holds), { startImmediately: true })
const done = (fiber: Fiber.Fiber<void>) => fiber.pollUnsafe() !== undefined

it.effect("a condition that holds already is not waited for", () => new Signal().until(() => true))

it.effect("a waiter goes on when it is notified and its condition holds, not before", () =>
  Effect.gen(function* () {
    const signal = new Signal()
    let ready = false
    const fiber = yield* waits(signal, () => ready)
    signal.notify()
    yield* quiet
    assert.isFalse(done(fiber))
    ready = true
    yield* quiet
    assert.isFalse(done(fiber))
    signal.notify()
    yield* Fiber.join(fiber)
  })
)

it.effect("only those whose condition holds go on, each once", () =>
  Effect.gen(function* () {
    const signal = new Signal()
    let n = 0
    const fibers = yield* Effect.forEach([1, 2, 3], (at) => waits(signal, () => n >= at))
    for (n = 1; n <= 3; n++) {
      signal.notify()
      yield* quiet
      assert.deepStrictEqual(
        fibers.map(done),
        [1, 2, 3].map((at) => at <= n)
      )
    }
  })
)

it.effect("a change between the look and the wait is not missed", () =>
  Effect.gen(function* () {
    const signal = new Signal()
    let ready = false
    // The waiter's fiber starts after the change was notified: it looks before it waits.
    const fiber = yield* Effect.forkChild(signal.until(() => ready))
    ready = true
    signal.notify()
    yield* Fiber.join(fiber)
  })
)

it.effect("a waiter that waits anew inside a notification is not woken for ever", () =>
  Effect.gen(function* () {
    const signal = new Signal()
    let turns = 0
    let tokens = 0
    const loop = Effect.gen(function* () {
      yield* signal.until(() => tokens > 0)
      tokens -= 1
      turns += 1
    }).pipe(Effect.forever)
    const fiber = yield* Effect.forkChild(loop, { startImmediately: true })
    for (let i = 0; i < 3; i++) {
      tokens += 1
      signal.notify()
      yield* quiet
    }
    assert.deepStrictEqual([turns, tokens], [3, 0])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("an interrupted waiter is not asked any more", () =>
  Effect.gen(function* () {
    const signal = new Signal()
    let asked = 0
    const fiber = yield* waits(signal, () => {
      asked += 1
      return false
    })
    yield* Fiber.interrupt(fiber)
    asked = 0
    signal.notify()
    assert.strictEqual(asked, 0)
  })
)
