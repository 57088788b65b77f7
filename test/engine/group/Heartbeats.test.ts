/** Whom a heartbeat proves, and how many there are for how many scrapes. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { type Heard, Heartbeats } from "../../../src/engine/group/Heartbeats.ts"
import { Signal } from "../../../src/engine/Signal.ts"

const heard = (generation: number, code: Heard["code"] = "OK"): Heard => ({ memberId: "m", generation, code })
const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

describe("a heartbeat", () => {
  it.effect("proves all that asked before it was sent, and nobody who asked after", () =>
    Effect.gen(function* () {
      const beats = new Heartbeats(new Signal())
      const early = yield* Effect.forEach([1, 2, 3], () => begin(beats.following()))
      const answer = yield* Deferred.make<Heard>()
      const first = yield* begin(beats.send(Deferred.await(answer)))
      const late = yield* begin(beats.following())
      yield* Deferred.succeed(answer, heard(1))
      yield* Fiber.join(first)
      for (const fiber of early) assert.deepStrictEqual(yield* Fiber.join(fiber), heard(1))
      assert.isUndefined(late.pollUnsafe())
      assert.isTrue(beats.wanted)
      yield* beats.send(Effect.succeed(heard(2)))
      assert.deepStrictEqual(yield* Fiber.join(late), heard(2))
    })
  )

  it.effect("is wanted only while somebody waits, and goes on for the others when one of them is gone", () =>
    Effect.gen(function* () {
      const signal = new Signal()
      const beats = new Heartbeats(signal)
      const wanted = yield* begin(signal.until(() => beats.wanted))
      assert.isUndefined(wanted.pollUnsafe())
      const [one, other] = [yield* begin(beats.following()), yield* begin(beats.following())]
      yield* Fiber.join(wanted)
      const answer = yield* Deferred.make<Heard>()
      const sending = yield* begin(beats.send(Deferred.await(answer)))
      yield* Fiber.interrupt(one)
      yield* Deferred.succeed(answer, heard(1, "UNKNOWN_MEMBER_ID"))
      assert.deepStrictEqual(yield* Fiber.join(other), heard(1, "UNKNOWN_MEMBER_ID"))
      yield* Fiber.join(sending)
      assert.isFalse(beats.wanted)
    })
  )
})
