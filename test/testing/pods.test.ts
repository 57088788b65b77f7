/** TestPod in virtual time: pods that leave, die, freeze and are cut off, of an application that is no metrics. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, type Scope } from "effect"
import { type PodParts, type TestPod, testPod } from "../../src/testing/pods/TestPod.ts"
import { virtualTime } from "../../src/testing/VirtualTime.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { type Latest, latestSubject } from "./latest.ts"

const subject = latestSubject()
const tp = { topic: "metrics", partition: 0 }
const parts: PodParts<Latest> = {
  app: subject.app,
  engine: { sessionTimeout: 6_000, rebalanceTimeout: 9_000, leaseMargin: 300 }
}

const seen = (pod: TestPod<Latest>) =>
  pod.scrape((cut, services) =>
    Object.fromEntries(
      subject.shown(
        services,
        cut.partitions.map(({ key }) => key)
      )
    )
  )

/** What a scrape shows, once it shows something; ms of virtual time that this took. */
const shows = (pod: TestPod<Latest>, n: number) =>
  Effect.gen(function* () {
    for (let ms = 0; ms < 60_000; ms += 100) {
      const shown = yield* Effect.exit(seen(pod))
      if (Exit.isSuccess(shown) && shown.value.a === n) return ms
      yield* Effect.sleep(100)
    }
    return assert.fail(`${pod.name} never shows ${n}`)
  })

const say = (n: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { transport } = yield* EmbeddedLog
      const producer = yield* transport.producer({ clientId: "sender", acks: "all", compression: "none" })
      yield* producer.produce([{ ...tp, key: Buffer.from("a"), headers: {}, ...subject.says("a", n) }])
    })
  )

/** In virtual time, on a log with one partition that a pod shows the first record of. */
const played = (body: (a: TestPod<Latest>) => Effect.Effect<void, unknown, EmbeddedLog | Scope.Scope>) => {
  const program = Effect.gen(function* () {
    yield* (yield* EmbeddedLog).createTopic(tp.topic, 1)
    yield* say(1)
    const a = yield* testPod("a", parts)
    yield* shows(a, 1)
    yield* body(a)
  })
  const exit = virtualTime(
    program.pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped, Effect.provide(Logger.layer([])))
  )
  if (Exit.isFailure(exit)) assert.fail(String(exit.cause))
}

describe("a pod of any application, in virtual time", () => {
  it("that is stopped hands over at once", () =>
    played((a) =>
      Effect.gen(function* () {
        yield* a.stop
        const b = yield* testPod("b", parts)
        assert.isBelow(yield* shows(b, 1), 3_000)
      })
    ))

  it("that is killed keeps its partition until its session ends, and shows nothing any more", () =>
    played((a) =>
      Effect.gen(function* () {
        yield* a.kill
        const b = yield* testPod("b", parts)
        const ms = yield* shows(b, 1)
        assert.isAbove(ms, 3_000)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(seen(a))))
      })
    ))

  it("that is frozen cannot prove what it would show when it wakes, and is back later", () =>
    played((a) =>
      Effect.gen(function* () {
        yield* a.freeze(20_000)
        const b = yield* testPod("b", parts)
        yield* shows(b, 1)
        yield* say(2)
        yield* shows(b, 2)
        yield* Effect.sleep(20_000)
        const woken = yield* Effect.exit(seen(a))
        assert.isTrue(Exit.isFailure(woken) || woken.value.a === undefined || woken.value.a === 2)
        yield* b.stop
        assert.isBelow(yield* shows(a, 2), 10_000)
      })
    ))

  it("that is cut off shows nothing, and goes on when it is connected again", () =>
    played((a) =>
      Effect.gen(function* () {
        yield* a.cutOff(15_000)
        yield* Effect.sleep(8_000)
        const alone = yield* Effect.exit(Effect.timeoutOption(seen(a), 2_000))
        assert.isTrue(Exit.isFailure(alone) || alone.value._tag === "None" || alone.value.value.a === undefined)
        assert.isBelow(yield* shows(a, 1), 20_000)
      })
    ))
})
