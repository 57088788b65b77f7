/** A store that says nothing is given up; one that goes on telling names is not, however long its listing takes. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { inTime } from "../../../src/archive/store/InTime.ts"
import type { Store } from "../../../src/archive/store/Store.ts"

const never: Store = {
  place: "memory:x",
  create: () => Effect.never,
  read: () => Effect.never,
  readPart: () => Effect.never,
  readTail: () => Effect.never,
  list: () => Effect.never,
  remove: () => Effect.never
}

/** A name every 20 s. */
const slow: Store = {
  ...never,
  list: (_, each) =>
    Effect.forEach(
      Array.from({ length: 30 }, (__, i) => i),
      (i) =>
        Effect.andThen(
          Effect.sleep("20 seconds"),
          Effect.sync(() => each({ name: `n${i}`, bytes: 1 }))
        ),
      { discard: true }
    )
}

it.effect("what is not answered in time is a failure, in words", () =>
  Effect.gen(function* () {
    const asked = yield* Effect.forkChild(Effect.flip(inTime(never, (store) => store.read("a"))))
    yield* TestClock.adjust("31 seconds")
    const { code, message, refused } = yield* Fiber.join(asked)
    assert.deepStrictEqual([code, refused], ["TIMEOUT", false])
    assert.strictEqual(message, "memory:x did not answer within 30 s")
  })
)

it.effect("a listing of ten minutes is waited for as long as names come", () =>
  Effect.gen(function* () {
    const names: Array<string> = []
    const listed = yield* Effect.forkChild(inTime(slow, (store) => store.list("", ({ name }) => names.push(name))))
    yield* TestClock.adjust("11 minutes")
    assert.isTrue(Exit.isSuccess(yield* Fiber.await(listed)))
    assert.lengthOf(names, 30)
  })
)
